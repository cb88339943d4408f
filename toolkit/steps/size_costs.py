"""What a smaller package costs in score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from toolkit.steps.proving import CheckRecord


class Cost(BaseModel):
    """One choice of size and what it scores on the holdout.

    Attributes:
        choice: What `package.members` would be: a number, or `average`.
        members: Networks in the package.
        float16: Whether matrices have half the bits.
        megabytes: Size of their files.
        accuracy: On the holdout pictures.
        difference: Accuracy minus that of all networks in full.
        margin: Half width of the paired 95 % interval of the difference.
        chosen: Whether this is what was packed.
    """

    model_config = ConfigDict(frozen=True)

    choice: str
    members: int
    float16: bool
    megabytes: float
    accuracy: float
    difference: float
    margin: float
    chosen: bool = False


def cost_of_choice(costs: Sequence[Cost]) -> list[CheckRecord]:
    """What the packed choice costs against all networks in full; nothing where these are packed.

    Args:
        costs: Every choice, the packed one marked.
    """
    packed = next((cost for cost in costs if cost.chosen), None)
    full = max(
        (cost for cost in costs if not cost.float16 and cost.choice != "average"),
        key=lambda cost: cost.members,
        default=None,
    )
    if packed is None or full is None or packed == full:
        return []
    points = f"{100 * packed.difference:+.1f} ± {100 * packed.margin:.1f} points"
    message = (
        f"{packed.megabytes:.1f} MB for {full.megabytes:.1f} MB: {points} on the holdout against all networks in full"
    )
    if packed.difference + packed.margin < 0:
        message += ". That is a real loss: see what the other choices cost"
    return [CheckRecord(name="cost of size", ok=True, message=message)]


def paired_difference(right: np.ndarray, before: np.ndarray) -> tuple[float, float]:
    """Mean of the paired difference and half the width of its 95 % interval.

    Args:
        right: `(n,)` whether each picture is labelled right.
        before: `(n,)` the same of what it is compared with.
    """
    change = right.astype(float) - before
    return float(change.mean()), float(1.96 * change.std() / np.sqrt(len(change)))
