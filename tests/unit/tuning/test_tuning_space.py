import pytest

from toolkit.config import load_config
from toolkit.errors import ConfigError, SearchError
from toolkit.steps.search_space import checked_space, conditions, warm_starts
from toolkit.tuning.space import Choice, Condition, Fixed, FloatRange, IntRange, draw_order, points

BASE = {"name": "n", "data": {"source": "train.csv"}}


def config_with(space, **tune):
    return load_config({**BASE, "tune": {"space": space, **tune}})


def test_points_are_distinct_where_dimensions_depend_on_others():
    space = {"units": Choice((8, 16)), "layers": IntRange(0, 1), "seed": Fixed(3)}
    found = list(points(space, [Condition("units", "layers", 1)]))
    assert found == [
        {"layers": 0, "seed": 3},
        {"layers": 1, "seed": 3, "units": 8},
        {"layers": 1, "seed": 3, "units": 16},
    ]


def test_steps_of_real_numbers_are_exact():
    assert [point["x"] for point in points({"x": FloatRange(0.1, 0.5, step=0.1)})] == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_a_continuous_dimension_cannot_be_listed():
    with pytest.raises(SearchError, match=r"x has infinitely many.*step"):
        list(points({"x": FloatRange(0, 1)}))


def test_conditions_that_depend_on_each_other_are_named():
    with pytest.raises(SearchError, match="a → b → a"):
        draw_order({"a": Fixed(1), "b": Fixed(2)}, [Condition("a", "b"), Condition("b", "a")])


def test_chained_conditions_hold_only_where_all_parents_exist():
    space = {"c": Fixed(1), "b": IntRange(0, 1), "a": IntRange(0, 1)}
    rules = [Condition("c", "b", 1), Condition("b", "a", 1)]
    assert draw_order(space, rules) == ["a", "b", "c"]
    assert [sorted(point) for point in points(space, rules)] == [["a"], ["a", "b"], ["a", "b", "c"]]


def test_the_config_says_when_a_dimension_exists():
    config = config_with(
        {
            "train.optimizer": {"choice": ["sgd", "adam"]},
            "train.warmup_epochs": {"float": [0, 2], "when": {"train.optimizer": ["adam"]}},
            "train.batch_size": 64,
            "model.head.layers": {"int": [1, 3]},
            "model.head.dropout": {"float": [0, 0.5], "when": {"model.head.layers": {"min": 2, "max": 2}}},
        }
    )
    space, rules = checked_space(config)
    assert space["train.batch_size"] == Fixed(64)
    assert Condition("train.warmup_epochs", "train.optimizer", values=("adam",)) in rules
    assert Condition("model.head.dropout", "model.head.layers", 2, 2) in rules


def test_widths_depend_on_layers_without_saying_so():
    rules = conditions(load_config(BASE))
    assert Condition("model.head.units.2", "model.head.layers", 3) in rules


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"train.batch_siz": {"choice": [8]}}, "did you mean 'train.batch_size'"),
        ({"train.batch_size": {"choice": [8, "many"]}}, "train.batch_size"),
        ({"model.head.dropout": {"float": [0.1, 1.5]}}, "model.head.dropout"),
        ({"model.head.units.7": {"choice": [8]}}, "not an index below 3"),
        ({"tune.trials": {"int": [1, 3]}}, "cannot be searched"),
        ({"data.holdout": {"float": [0.1, 0.3]}}, "cannot be searched"),
        ({"augment.mixup": {"float": [0, 1]}}, "not mixed"),
        ({"train.batch_size": {"choice": [8], "when": {"train.epochs": 3}}}, "not a dimension"),
        ({"train.epochs": 3, "train.batch_size": {"choice": [8], "when": {"train.epochs": 4}}}, "never exists"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_wrong_space_is_an_error_before_the_first_trial(space, message):
    with pytest.raises(ConfigError, match=message):
        checked_space(config_with(space))


def test_a_setting_that_fits_only_beside_another_is_searched_under_its_condition():
    space = {
        "augment.policy.name": {"choice": ["basic", "rand_augment"]},
        "augment.engine": {"choice": ["opencv", "keras_cv"], "when": {"augment.policy.name": "rand_augment"}},
    }
    checked_space(config_with(space))
    with pytest.raises(ConfigError, match="engine keras_cv offers only"):
        checked_space(config_with({"augment.engine": {"choice": ["opencv", "keras_cv"]}}))


def test_recommended_pairs_are_tried_where_the_space_has_them():
    space = {"train.batch_size": {"choice": [16, 32]}, "train.learning_rate": {"float": [1e-5, 1e-2], "log": True}}
    config = config_with(space, warm_start=["pairs"])
    assert warm_starts(config, checked_space(config)[0]) == [
        {"train.batch_size": 16, "train.learning_rate": 1e-4},
        {"train.batch_size": 32, "train.learning_rate": 1e-3},
    ]
    alone = config_with({"train.batch_size": {"choice": [16]}}, warm_start=["pairs"])
    assert warm_starts(alone, checked_space(alone)[0]) == []


def test_a_warm_start_that_is_no_study_is_named(tmp_path):
    config = config_with({}, warm_start=[str(tmp_path / "best.json")])
    with pytest.raises(ConfigError, match=r"best\.json"):
        warm_starts(config, {})
