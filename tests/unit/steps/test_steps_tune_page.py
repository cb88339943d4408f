from toolkit.report import Page, render
from toolkit.steps.pages.tune import tune_sections
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
