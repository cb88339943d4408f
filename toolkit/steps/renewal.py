"""Whether a package renews batch normalisation: as `ensemble.batch_norm` says, or as the package's own setting does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from toolkit.config import Config


def statistics(config: Config) -> Literal["train", "target"]:
    """Which statistics of batch normalisation a package predicts with."""
    own = config.package.batch_norm
    return config.ensemble.batch_norm if own == "auto" else own


def differs(config: Config) -> bool:
    """Whether a package predicts with other statistics than `toolkit predict`."""
    return statistics(config) != config.ensemble.batch_norm


def renewing(config: Config) -> bool:
    """Whether the package, the ensemble or both predict with the statistics of the pictures at hand."""
    return statistics(config) == "target" or differs(config)


def mismatch(config: Config) -> str | None:
    """What is to be said of a package that predicts with other statistics than `toolkit predict`; else None.

    Args:
        config: All settings.
    """
    if not differs(config):
        return None
    does = {"train": "keeps training's statistics", "target": "renews them on the pictures at hand"}
    packed, predicted = statistics(config), config.ensemble.batch_norm
    return (
        f"package.batch_norm: {packed} {does[packed]}, but ensemble.batch_norm: {predicted}, which `toolkit predict` "
        f"and `toolkit evaluate` follow, {does[predicted]}: pictures may be labelled differently. package.batch_norm: "
        "auto does as the ensemble does."
    )
