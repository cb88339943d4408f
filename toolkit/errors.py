"""Every error a user can cause, each with one paragraph: what is wrong, where, what was expected, what to do.

One base class, `ToolkitError`; each subclass is also the built-in exception that plain Python would have raised, so
callers may catch either.
"""

import difflib
from collections.abc import Iterable


class ToolkitError(Exception):
    """Base of all errors that the command line reports as one paragraph and exit code 1."""


class ConfigError(ToolkitError, ValueError):
    """A setting is unknown, of the wrong type or out of range."""


class DataError(ToolkitError, ValueError):
    """The data set contradicts itself or what the config says of it."""


class MissingFileError(ToolkitError, FileNotFoundError):
    """A file or folder that was named does not exist."""


class UnreadableImageError(ToolkitError, ValueError):
    """A picture cannot be decoded."""


class LeakError(ToolkitError, ValueError):
    """The same picture or group stands on both sides of a split."""


class WeightsError(ToolkitError, RuntimeError):
    """Pretrained weights are absent, damaged or of another architecture."""


class TrainingError(ToolkitError, RuntimeError):
    """Training cannot go on."""


class SearchError(ToolkitError, RuntimeError):
    """A hyperparameter search cannot go on."""


class SubmissionError(ToolkitError, RuntimeError):
    """A submission package is wrong or fails in the contest worker."""


class MissingPackageError(ToolkitError, ImportError):
    """An optional package is not installed."""


class DiskFullError(ToolkitError, OSError):
    """The disk has no room for a result."""


class BusyError(ToolkitError, RuntimeError):
    """Another process is writing the same result."""


class StepOrderError(ToolkitError, RuntimeError):
    """A step needs the result of an earlier one that is not there."""


def suggest(name: str, known: Iterable[str]) -> str:
    """The end of an error about an unknown name: the nearest known one, then all of them."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return f"{hint} Known: {', '.join(names) or 'none'}."
