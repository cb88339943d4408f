"""What must be kept apart: what is optimised from what is reported, and training from the held-out families."""

from __future__ import annotations

from collections.abc import Iterable

from toolkit.errors import LeakError
from toolkit.evaluation.corruptions.registry import ALL, Corruption, select

# No default or shipped training policy may contain these, so that they measure what training did not prepare for.
# By held-out family: its corruptions, and names under which augmentation libraries and policies know the same thing.
HELD_OUT: dict[str, frozenset[str]] = {
    "weather": frozenset({"weather", "fog", "frost", "snow", "rain", "spatter", "haze"}),
    "jpeg/pixelate": frozenset({"jpeg", "jpeg_compression", "image_compression", "pixelate", "downscale"}),
    "impulse noise": frozenset({"impulse_noise", "salt_and_pepper", "salt_pepper", "salt_and_pepper_noise"}),
    "overlay": frozenset({"overlay", "watermark", "text_overlay", "text_watermark", "scratches"}),
}
# The same as families and names of `CORRUPTIONS`: families that are held out whole, and single names of others.
HELD_OUT_FAMILIES = frozenset({"weather", "overlay"})
HELD_OUT_NAMES = frozenset({"jpeg", "pixelate", "impulse_noise"})


def held_out(names: Iterable[str]) -> set[str]:
    """Which held-out families these names touch.

    Args:
        names: Names of operations, corruptions or families; capitals, spaces and hyphens do not matter. A family of
            which only a part is held out, such as noise, says nothing: give the names of the operations.

    Returns:
        Keys of `HELD_OUT`; empty where training may contain all of `names`.
    """
    known = {name.strip().lower().replace(" ", "_").replace("-", "_") for name in names}
    return {family for family, members in HELD_OUT.items() if members & known}


def reported(reporting: Iterable[str], selection: Iterable[str]) -> list[Corruption]:
    """The corruptions that `evaluate` reports on, kept apart from those that `tune` optimises on.

    Args:
        reporting: Names, families or `all`, which stands for every family that `selection` does not touch.
        selection: Names that `tune` uses.

    Returns:
        Each corruption once.

    Raises:
        LeakError: A family is on both sides, or `all` leaves none.
        ConfigError: An unknown name.
    """
    reporting, selection = list(reporting), list(selection)
    check_disjoint(selection, reporting)
    taken = {row.family for row in select(selection)}
    chosen = [row for row in select(reporting) if row.family not in taken]
    if not chosen:
        raise LeakError(
            "evaluate.corruptions leaves nothing to report on: tune.corruptions optimises on every family. Name fewer "
            "there."
        )
    return chosen


def check_disjoint(selection: Iterable[str], reporting: Iterable[str]) -> None:
    """Make sure that what is optimised on and what is reported share no corruption family.

    Args:
        selection: Names that `tune` uses.
        reporting: Names that `evaluate` uses; `all` gives way to `selection`.

    Raises:
        LeakError: A family is on both sides.
        ConfigError: An unknown name.
    """
    one = {row.family: row.name for row in select(selection)}
    other = {row.family: row.name for row in select(name for name in reporting if name != ALL)}
    shared = sorted(set(one) & set(other))
    if shared:
        family = shared[0]
        raise LeakError(
            f"tune.corruptions and evaluate.corruptions share the family {family!r} ({one[family]} and "
            f"{other[family]}): a score that was optimised must not be reported. Remove it from one of the two lists."
        )
