"""Every error that alkit raises on purpose: one family that also inherits the built-in kind.

``except alkit.errors.AlkitError`` catches them all; ``except ValueError`` (IndexError,
RuntimeError, ...) keeps working where a reader expects the built-in kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class AlkitError(Exception):
    """Base of every error that alkit raises on purpose."""


# --- blocks -----------------------------------------------------------------------------------


class ConfigurationError(AlkitError, ValueError):
    """An argument of a block, optimizer or strategy that does not exist or cannot be right."""


class SelectionError(AlkitError, IndexError, AttributeError):
    """A block selector, slice or child name that matches nothing."""


class BuiltError(AlkitError, RuntimeError):
    """An edit of, or a second build of, what is built already."""


class UnbuiltError(AlkitError, RuntimeError):
    """A use of what is not built yet."""


class ShapeError(AlkitError, RuntimeError, ValueError):
    """Parts of a network that do not fit: the path of the part and both shapes are named."""

    part: tuple[object, str] | None = None  # (module, shapes): outer blocks complete its path
    reason: str = ""


# --- pool -------------------------------------------------------------------------------------


class SampleIndexError(AlkitError, IndexError):
    """A dataset index that is out of range, no integer, or given twice."""


class AnnotationError(AlkitError, ValueError):
    """An annotation that contradicts the pool: already annotated, or not annotated yet."""


class LabelError(AlkitError, ValueError):
    """Labels that do not fit: their number, their type, or that there is none."""


class EmptyPoolError(AlkitError, ValueError):
    """A pool that has nothing left to query, or nothing annotated to train on."""


# --- predictions, criteria, selectors ---------------------------------------------------------


class PredictionError(AlkitError, ValueError):
    """Outputs that are no valid prediction: wrong shape, wrong ids, wrong kind."""


class NonFiniteError(PredictionError):
    """NaN or infinity in a model's outputs or in a criterion's scores."""


class ScoreError(AlkitError, ValueError):
    """A criterion that returned something else than one finite score a candidate."""


class PicksError(AlkitError, ValueError):
    """A selector or strategy that returned something else than distinct candidates."""


class QuerySizeError(AlkitError, ValueError):
    """A query of no, a negative, or more than the available number of samples."""


class NotEnoughMemoryError(AlkitError, MemoryError):
    """A selection that would need more memory than is free: how much is said before it starts."""


# --- training ---------------------------------------------------------------------------------


class TrainerEndedError(AlkitError, RuntimeError):
    """A Trainer that has already ended: fitting again would do nothing, in silence."""


class ModelOutputError(AlkitError, TypeError):
    """A model whose output or input alkit cannot use as declared."""


class DatasetMissingError(AlkitError, FileNotFoundError):
    """A data set that is not where it was looked for."""


# --- the course -------------------------------------------------------------------------------


class AnswerError(AlkitError, ValueError):
    """An answer to an exercise that is not right yet: what is wrong, without the answer."""


# --- comparisons ------------------------------------------------------------------------------


class RecordsError(AlkitError, ValueError):
    """Records that cannot answer the question: none yet, not paired, or no finite numbers."""


class MissingPackageError(AlkitError, ImportError):
    """A package that this one function needs, and that is not installed."""


class FolderError(AlkitError, OSError):
    """A folder of results that cannot be used: another run's, in use, damaged, full, read-only."""


class TrialError(AlkitError, RuntimeError):
    """Trials of a comparison that failed in their workers: which ones, and what is kept."""

    result: object = None  # what the trials gave before they failed


# --- names in messages ------------------------------------------------------------------------


def close(name: str, names: Iterable[str]) -> list[str]:
    """Return those of `names` that `name` may be a misspelling of, nearest first."""
    return get_close_matches(name, list(names), n=3, cutoff=0.7)


def likely(name: str, names: Iterable[str]) -> str:
    """End of a message about an unknown `name`: the near spellings, or all names."""
    names = list(dict.fromkeys(names))
    if near := close(name, names):
        return f". Did you mean {' or '.join(map(repr, near))}?"
    return f"; there is {', '.join(names)}." if names else "."
