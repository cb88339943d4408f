import pytest

from toolkit.config import load_config
from toolkit.errors import ConfigError
from toolkit.steps import keys
from toolkit.steps.member_plan import member_configs


def config(**sections):
    return load_config({"data": {"source": "train.csv"}, **sections})


def test_members_are_the_config_with_their_settings_over_it():
    made = config(
        seed=3, ensemble={"members": [{"model.backbone": "vgg16", "seed": 7}, {"augment.policy.name": "none"}]}
    )
    first, second = member_configs(made)
    assert (first.model.backbone, first.seed, second.seed) == ("vgg16", 7, 3)
    assert second.augment.policy.name == "none"
    assert not first.ensemble.members
    assert member_configs(config()) == (config(),)


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"ensemble": {"members": [{}, {"model.bakbone": "vgg16"}]}}, r"ensemble.members.1: .*did you mean"),
        ({"ensemble": {"members": [{"train.epochs": 0}]}}, r"ensemble.members.0: .*train.epochs"),
        ({"ensemble": {"members": [{"data.image_size": 64}]}}, "pictures of one size"),
        ({"ensemble": {"members": [{"ensemble.folds": 3}]}}, "'ensemble.folds'"),
        ({"ensemble": {"members": [{"seed": 1}, {"seed": 1}]}}, "members 0 and 1 are the same"),
        ({"ensemble": {"tta": ["identity", "identity"]}}, "counts once"),
        ({"ensemble": {"tta": ["mirror"]}}, "identity"),
        ({"ensemble": {"repeats": 2}, "data": {"source": "a.csv", "fold": "part"}}, "cannot be drawn again"),
        ({"ensemble": {"views": 4, "pseudo_labels": {"source": "b"}}}, "views to 0"),
        ({"train": {"average_last": 3}}, "early_stopping"),
        ({"train": {"average_last": 3, "early_stopping": 0, "ema": 0.99}}, "one of them"),
        ({"train": {"average_last": 30, "early_stopping": 0}}, "only 12 epochs"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(sections, words):
    with pytest.raises(ConfigError, match=words):
        config(**sections)


def test_what_decides_the_models_is_in_the_key_and_how_they_are_made_is_not():
    def key(**ensemble):
        unlabelled = ensemble.pop("unlabelled", None)
        return keys.ensemble_key(config(ensemble=ensemble), "cleaned", unlabelled)

    same = [key(), key(jobs="auto"), key(batch_norm="target", batch_norm_source=3)]
    pseudo = {"pseudo_labels": {"source": "b"}}
    other = [key(members=[{"seed": 1}]), key(members=[{"seed": 2}]), key(repeats=2), key(tta=["rotate_90"]),
             key(**pseudo, unlabelled="x"), key(**pseudo, unlabelled="y"),
             key(pseudo_labels={"source": "b", "threshold": 0.9}, unlabelled="x")]  # fmt: skip
    assert len(set(same)) == 1
    assert len({*same, *other}) == 1 + len(other)
    assert key(**pseudo, unlabelled="x") == key(pseudo_labels={"source": "moved"}, unlabelled="x")
