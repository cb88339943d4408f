"""What the hidden test will score: without its pictures, with them but without labels, and after past scores."""

from toolkit.evaluation.estimates.adversarial import Separation, separate
from toolkit.evaluation.estimates.calibration import Calibration, Foretold, KnownTest, with_other_shares
from toolkit.evaluation.estimates.combination import combine, single_estimates
from toolkit.evaluation.estimates.confidence import Reference, Signals, agreement, fit_reference, signals
from toolkit.evaluation.estimates.correction import corrected
from toolkit.evaluation.estimates.interval import predictive_interval, winkler
from toolkit.evaluation.estimates.mix import Candidate, Mix, fit_mix, foretell, rank
from toolkit.evaluation.estimates.scale import Estimate
from toolkit.evaluation.estimates.shares import Shares, confusion, estimate_shares, redraw

__all__ = [
    "Calibration",
    "Candidate",
    "Estimate",
    "Foretold",
    "KnownTest",
    "Mix",
    "Reference",
    "Separation",
    "Shares",
    "Signals",
    "agreement",
    "combine",
    "confusion",
    "corrected",
    "estimate_shares",
    "fit_mix",
    "fit_reference",
    "foretell",
    "predictive_interval",
    "rank",
    "redraw",
    "separate",
    "signals",
    "single_estimates",
    "winkler",
    "with_other_shares",
]
