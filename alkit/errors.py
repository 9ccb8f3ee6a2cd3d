"""All errors that alkit raises on purpose: one family that also inherits built-in exceptions.

``except alkit.errors.AlkitError`` catches them all; ``except ValueError`` (IndexError,
RuntimeError, ...) keeps working where a reader expects the built-in exception.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from difflib import get_close_matches


class AlkitError(Exception):
    """Base class of every error that alkit raises on purpose."""


class MissingNameError(AlkitError, AttributeError):
    """A name that ``alkit`` does not have; the message has its folder, or its likely spelling."""


# --- blocks -----------------------------------------------------------------------------------


class ConfigurationError(AlkitError, ValueError):
    """An unknown or invalid argument of a block, optimizer or strategy."""


class ArgumentError(ConfigurationError, TypeError):
    """An argument of the wrong type, where Python itself would raise a TypeError."""


class ForeignHookError(ConfigurationError, RuntimeError):
    """A subclass with a method that another library calls, and alkit never would."""


class SelectionError(AlkitError, IndexError, AttributeError):
    """A block selector, slice or child name that matches nothing."""


class BuiltError(AlkitError, RuntimeError):
    """An edit, or a second build, of something that is already built."""


class UnbuiltError(AlkitError, RuntimeError):
    """A use of something that is not built yet."""


class ShapeError(AlkitError, RuntimeError, ValueError):
    """Parts of a network that do not fit; the message names the part's path and both shapes."""

    part: tuple[object, str] | None = None  # (module, shapes): outer blocks complete its path
    reason: str = ""


# --- pool -------------------------------------------------------------------------------------


class SampleIndexError(AlkitError, IndexError):
    """A dataset index that is out of range, not an integer, or given twice."""


class AnnotationError(AlkitError, ValueError):
    """An annotation that contradicts the pool: already annotated, or not annotated yet."""


class LabelError(AlkitError, ValueError):
    """Labels with the wrong number or type, or missing labels."""


class LabelFileError(LabelError, FileNotFoundError):
    """A file of labels that does not exist."""


class LedgerError(AlkitError, OSError):
    """A ledger that cannot be used: damaged, of a newer version, locked, full, or read-only."""


class BridgeError(AlkitError, OSError):
    """An exchange with a labeling tool that failed: away, refused, or of another project."""


class EmptyPoolError(AlkitError, ValueError):
    """A pool with nothing left to query, or without annotated samples to train on."""


# --- predictions, criteria, selectors ---------------------------------------------------------


class PredictionError(AlkitError, ValueError):
    """Outputs that are not a valid prediction: wrong shape, wrong ids or wrong kind."""


class NonFiniteError(PredictionError):
    """NaN or infinity in a model's outputs or in a criterion's scores."""


class ScoreError(AlkitError, ValueError):
    """A criterion that returned anything but one finite score per candidate."""


class SelectionWarning(UserWarning):
    """A query that may be no better than chance; the reason is also in ``query.why``."""


class PicksError(AlkitError, ValueError):
    """A selector or strategy that returned anything but distinct candidates."""


class QuerySizeError(AlkitError, ValueError):
    """A query size that is zero, negative, or larger than the number of available samples."""


class NotEnoughMemoryError(AlkitError, MemoryError):
    """A selection that needs more memory than is free; raised with the amount before it starts."""


# --- training ---------------------------------------------------------------------------------


class TrainerEndedError(AlkitError, RuntimeError):
    """A Trainer that has already ended: fitting again would silently do nothing."""


class ProcessError(AlkitError, RuntimeError):
    """Processes of a distributed training that have different data, labels or programs."""


class ModelOutputError(AlkitError, TypeError):
    """A model whose output or input alkit cannot use as declared."""


class DatasetMissingError(AlkitError, FileNotFoundError):
    """A data set that was not found at the expected location."""


# --- the course -------------------------------------------------------------------------------


class AnswerError(AlkitError, ValueError):
    """An incorrect answer to an exercise; the message states the mistake, not the answer."""


# --- comparisons ------------------------------------------------------------------------------


class RecordsError(AlkitError, ValueError):
    """Records that cannot answer the question: missing, not paired, or not finite."""


class MissingPackageError(AlkitError, ImportError):
    """An optional package that a function needs but that is not installed."""


class FolderError(AlkitError, OSError):
    """A folder of results that cannot be used: another run's, in use, damaged, full, read-only."""


class TrialError(AlkitError, RuntimeError):
    """Failed trials of a comparison; the message names them and the results that are kept."""

    result: object = None  # results of the trials before the failure


# --- projects ---------------------------------------------------------------------------------


class ProjectError(AlkitError, ValueError):
    """A project that does not fit together: wrong settings, data without samples, no features."""

    at: tuple[str | int, ...] = ()  # the setting that is wrong, such as ("classes", 2)


class FeaturesError(ConfigurationError, ProjectError):
    """Features that do not fit the samples: another number, order or names, NaN, no weights."""


class UnreadableSampleError(AlkitError, ValueError, OSError):
    """A sample that cannot be read: a damaged image, an empty text, a row that is not finite."""


# --- labeling ---------------------------------------------------------------------------------


class PageError(AlkitError, OSError):
    """A labeling page that cannot be served: its port is taken, or others could reach it."""


class TicketError(AlkitError, LookupError):
    """A sample that a labeling page asks for or answers, and that was never offered to it."""


# --- warnings ---------------------------------------------------------------------------------

BELOW = ("alkit", "lightning", "torch")


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line of the user's code from which alkit was called."""
    level, frame = 2, sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in BELOW:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


# --- names in messages ------------------------------------------------------------------------


def close(name: str, names: Iterable[str]) -> list[str]:
    """Return the names that `name` may be a misspelling of, or else the start of, nearest first."""
    names = list(names)
    if near := get_close_matches(name, names, n=3, cutoff=0.7):
        return near
    return [short for short in names if short and name.startswith(short)][:3]


def likely(name: str, names: Iterable[str]) -> str:
    """End of a message about an unknown `name`: similar names, or all names."""
    names = list(dict.fromkeys(names))
    if near := close(name, names):
        return f". Did you mean {' or '.join(map(repr, near))}?"
    return f"; available: {', '.join(names)}." if names else "."
