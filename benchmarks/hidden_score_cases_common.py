"""What `hidden_score.py` tests: corrupted sets of pictures, and models of different robustness."""

from dataclasses import dataclass

from toolkit.evaluation.corruptions import CORRUPTIONS

# Local tests: two corruptions of each family, at a slight and a strong severity.
LOCAL = ("white_noise", "impulse_noise", "gaussian_blur", "motion_blur", "jpeg", "pixelate", "fog", "snow",
         "rotate_shift_zoom", "elastic", "brightness", "hue", "cutout", "grid", "overlay", "watermark")  # fmt: skip
LOCAL_SEVERITIES = (2, 4)
# Hidden tests: other pictures, mostly other corruptions, all at other severities or of another kind.
HIDDEN = ("white_noise@3", "speckle_noise@4", "shot_noise@5", "gaussian_blur@3", "defocus_blur@4", "motion_blur@5",
          "jpeg@3", "jpeg@5", "pixelate@3", "posterize@4", "fog@3", "frost@4", "snow@3", "rotate_shift_zoom@5",
          "perspective@5", "elastic@3", "brightness@3", "contrast@4", "hue@3", "colour_cast@5", "cutout@3", "cutout@5",
          "grid@3", "overlay@2", "overlay@4", "watermark@3")  # fmt: skip
# Several corruptions at once, which no family contains.
COMPOUND = ("jpeg@3+brightness@3", "gaussian_blur@2+white_noise@2", "fog@2+rotate_shift_zoom@4", "hue@3+cutout@3",
            "contrast@3+jpeg@2+white_noise@1", "snow@1+pixelate@2")  # fmt: skip

CLEAN = "clean"
LOCAL_CELLS = (CLEAN, *(f"{name}@{severity}" for name in LOCAL for severity in LOCAL_SEVERITIES))
HIDDEN_CELLS = (CLEAN, *HIDDEN, *COMPOUND)

# A head alone on a fine-tuned backbone, trained for a few minutes.
TUNED = ["model.head.layers=0", "train.class_weight=none", "train.label_smoothing=0.1", "model.unfreeze=all",
         "train.optimizer=adamw", "train.learning_rate=0.0015", "train.schedule=cosine", "train.warmup_epochs=0.5",
         "train.batch_size=64", "train.early_stopping=0"]  # fmt: skip


@dataclass(frozen=True)
class Tuned:
    """A fully fine-tuned network: settings beside `TUNED`, and the seed of weights, pictures and order."""

    settings: tuple[str, ...]
    seed: int = 0


@dataclass(frozen=True)
class Frozen:
    """A head on frozen features: of which backbone, on which views of the training pictures, how regular."""

    backbone: str
    views: tuple[str, ...]
    inverse_penalty: float
    seed: int = 0


FLIPS = "augment.policy.vertical_flip=true"
MODELS = {
    "tuned_none": Tuned(("augment.policy.name=none",)),
    "tuned_some_of": Tuned(("augment.policy.name=some_of", FLIPS)),
    "tuned_basic": Tuned(("augment.policy.name=basic", FLIPS)),
    "tuned_rand_augment": Tuned(("augment.policy.name=rand_augment",)),
    "tuned_augmix": Tuned(("augment.policy.name=augmix",)),
    "tuned_trivial": Tuned(("augment.policy.name=trivial_augment",)),
    "tuned_some_of_half": Tuned(("augment.policy.name=some_of", "augment.policy.strength=0.5", FLIPS), 1),
    "tuned_none_sharp": Tuned(("augment.policy.name=none", "train.label_smoothing=0"), 1),
    "tuned_basic_mixup": Tuned(("augment.policy.name=basic", FLIPS, "augment.mixup=0.2"), 1),
    "tuned_augmix_sharp": Tuned(("augment.policy.name=augmix", "train.label_smoothing=0"), 1),
    **{
        f"frozen_{name}_{size}": Frozen(f"efficientnet_{size}", views, penalty, seed)
        for size in ("lite0", "lite1")
        for seed, (name, views, penalty) in enumerate(
            (
                ("plain", ("none",), 0.01),
                ("basic", ("none", "basic"), 0.01),
                ("some_of", ("none", "some_of", "some_of"), 0.01),
                ("firm", ("none", "basic", "some_of"), 0.0005),
                ("loose", ("none", "some_of"), 0.3),
            )
        )
    },
}


def families(cell: str) -> frozenset[str]:
    """Families of a cell such as `jpeg@3` or `jpeg@3+brightness@3`; none for `clean`."""
    return frozenset(CORRUPTIONS[name].family for name, _ in parts(cell))


def parts(cell: str) -> list[tuple[str, int]]:
    """(corruption, severity) of each part of a cell, in the order applied."""
    if cell == CLEAN:
        return []
    pairs = (part.split("@") for part in cell.split("+"))
    return [(name, int(severity)) for name, severity in pairs]
