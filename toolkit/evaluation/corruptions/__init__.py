"""Corruptions of local tests: what hidden pictures may look like, by family and severity.

Every corruption is a function of (seed, name, severity, image id) and of the picture, so a local test is the same
whatever else is in the batch. Severities run from 1 (slight) to 5 (strong, the subject still to be recognised) as in
ImageNet-C (Hendrycks & Dietterich 2019, arXiv 1903.12261), with parameters for pictures of about 100 pixels; lengths
grow with the picture.

The corruptions are our own. The library imagecorruptions-imaug 1.1.5 runs with current NumPy, but draws from NumPy's
global random state, and its impulse noise not even from that, so a result would depend on what ran before; it refuses
pictures under 32 pixels; needs `opencv-python`, which overwrites the `opencv-python-headless` of contest workers, and
0.4 GB with Numba and scikit-image; takes 11 ms for frost and 17 ms for a zoom blur of 96 pixels; and neither its snow
nor its frost grows steadily with severity on such small pictures.
"""

from toolkit.evaluation.corruptions.applying import corrupt
from toolkit.evaluation.corruptions.registry import ALL, CORRUPTIONS, Corruption, select
from toolkit.evaluation.corruptions.separation import (
    HELD_OUT,
    HELD_OUT_FAMILIES,
    HELD_OUT_NAMES,
    check_disjoint,
    held_out,
    reported,
)

__all__ = [
    "ALL",
    "CORRUPTIONS",
    "HELD_OUT",
    "HELD_OUT_FAMILIES",
    "HELD_OUT_NAMES",
    "Corruption",
    "check_disjoint",
    "corrupt",
    "held_out",
    "reported",
    "select",
]
