"""What the hidden test will score: without its pictures, with them but without labels, and after past scores."""

from toolkit.evaluation.estimates.adversarial import Separation, separate
from toolkit.evaluation.estimates.calibration import Calibration, KnownTest
from toolkit.evaluation.estimates.combination import combine, single_estimates
from toolkit.evaluation.estimates.confidence import Reference, Signals, agreement, fit_reference, signals
from toolkit.evaluation.estimates.correction import corrected
from toolkit.evaluation.estimates.interval import predictive_interval, winkler
from toolkit.evaluation.estimates.mix import Candidate, Mix, fit_mix, foretell, rank
from toolkit.evaluation.estimates.scale import Estimate

__all__ = [
    "Calibration",
    "Candidate",
    "Estimate",
    "KnownTest",
    "Mix",
    "Reference",
    "Separation",
    "Signals",
    "agreement",
    "combine",
    "corrected",
    "fit_mix",
    "fit_reference",
    "foretell",
    "predictive_interval",
    "rank",
    "separate",
    "signals",
    "single_estimates",
    "winkler",
]
