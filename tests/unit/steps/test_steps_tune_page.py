from toolkit.report import Page, render
from toolkit.steps.pages.tune import tune_sections
from toolkit.steps.pages.tune_methods import modification_sections
from toolkit.tuning.modification import modify
from toolkit.tuning.search import Outcome, search
from toolkit.tuning.space import Choice, Condition, FloatRange, IntRange

SPACE = {
    "model.head.layers": IntRange(1, 2),
    "model.head.units.1": Choice((64, 128)),
    "train.learning_rate": FloatRange(1e-4, 1e-1, log=True),
}


def study(folder, trials):
    return search(
        lambda params: Outcome(0.9 - abs(params["train.learning_rate"] - 0.01), {"clean": 0.5}),
        SPACE,
        storage=folder / "journal.log",
        name="s",
        trials=trials,
        conditions=(Condition("model.head.units.1", "model.head.layers", 2),),
    )


def titles(text):
    return [part.split("<")[0] for part in text.split("<h2>")[1:]]


def test_the_page_of_a_search_shows_what_mattered_with_conditional_dimensions(tmp_path):
    sections = tune_sections(study(tmp_path, 10), "macro_f1", "noisy", {}, "toolkit ensemble", SPACE)
    text = render(Page("p", sections=sections))
    assert "What mattered" in titles(text)
    assert "A narrower space" in titles(text)
    assert "model.head.units.1" in text


def test_a_search_of_few_trials_and_a_page_without_a_space_say_less(tmp_path):
    found = study(tmp_path, 3)
    few = titles(render(Page("p", sections=tune_sections(found, "macro_f1", "noisy", {}, "next", SPACE))))
    assert "What mattered" not in few
    assert "All trials at once" in few
    bare = titles(render(Page("p", sections=tune_sections(found, "macro_f1", "noisy", {}, "next"))))
    assert bare == ["At a glance", "Course of the search", "Best settings", "All trials", "Next"]


def test_a_modification_from_few_folds_says_that_hardly_anything_can_be_accepted():
    space, tuned = {"rate": FloatRange(0.0, 1.0), "width": Choice((1, 2))}, {"rate": 0.3, "width": 1}
    swept = {"rate": "most important", "width": "least important"}
    for folds, few in ((2, True), (5, False)):
        found = modify(lambda parameters, **_: parameters["rate"] / 7, space, tuned, swept, folds=folds)
        text = render(Page("p", sections=modification_sections(found, "accuracy")))
        assert (f"From {folds} folds hardly any gain" in text) == few
        assert "rate: most important" in text
