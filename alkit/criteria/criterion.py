"""Contract of a criterion, and of criteria that are composed of others."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from torch import Tensor

from alkit.criteria.context import Context
from alkit.criteria.scores import count_bad, scores_of
from alkit.errors import ArgumentError, ConfigurationError, NonFiniteError
from alkit.prediction import Prediction, are_finite


class Criterion:
    """Base class of criteria: one finite score per candidate, higher is wanted sooner.

    A leaf overrides ``score`` alone, with a formula that uses one row at a time. Criteria
    combine by ``+ - * /`` and unary minus, with each other and with numbers on either side;
    the result is a criterion and prints as its formula. Terms of different units meet through
    ``Rank``, ``ZScore`` or ``MinMax``. A criterion that needs something before it can score (the
    round, predictions of other samples, held-out labels) overrides ``at``.

    A pool is scored in chunks: each of ``terms`` is computed chunk by chunk, and ``combine``
    computes the final scores once, from the terms' scores over all candidates. Calling the
    criterion does the same on a whole prediction, in chunks that fit the cache.
    """

    row_by_row: bool = True
    """True if the final score of a row depends on that row alone."""

    in_chunks: bool = True
    """True if a whole prediction may be scored in chunks; a plain function may hold something for
    all of its rows, so it is scored at once."""

    disagreement: bool = False
    """True if the criterion measures the disagreement of posterior samples: K = 1 is an error."""

    scores_rows: bool = True
    """True if a row (a label, a pixel, a box) can be scored as a candidate, so that a sample with
    several rows gets the mean of their scores. False for a criterion that reads the whole sample,
    such as its features."""

    binds: int = 3
    """Precedence in a formula: 3 for a name or a call, 2 for a product, 1 for a sum, 0 below."""

    _operation: ClassVar[Callable[..., Criterion]]  # both are set by `algebra`
    _negation: ClassVar[Callable[..., Criterion]]

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        if "scores_classes" in vars(cls):
            raise ConfigurationError(
                f"{cls.__name__}.scores_classes is now scores_rows, which is about pixels, tokens, "
                "boxes and keypoints as well as labels: rename it."
            )

    __array_ufunc__ = None  # leaves `numpy scalar * criterion` to the criterion

    def score(self, prediction: Prediction) -> Tensor:
        """Score of each candidate, ``(N,)``, float; must not change the prediction."""
        raise NotImplementedError(f"{type(self).__name__} must define score(prediction).")

    @property
    def terms(self) -> tuple[Criterion, ...]:
        """Parts that are computed row by row, in the order in which ``combine`` takes them."""
        return (self,)

    def combine(self, *scores: Tensor) -> Tensor:
        """Final scores ``(N,)`` from each term's scores ``(N,)`` over all candidates."""
        (score,) = scores
        return score

    @property
    def summands(self) -> tuple[Criterion, ...]:
        """Criteria that add up to this one, with their weights and in their order."""
        return (self,)

    def shares(self, *scores: Tensor) -> dict[str, Tensor]:
        """Contribution of each summand to the final scores ``(N,)``, by its formula.

        The shares sum to ``combine(*scores)``, up to rounding; equal formulas share one entry.

        Args:
            *scores: each term's scores ``(N,)`` over all candidates, as for ``combine``.
        """
        left, shares = iter(scores), {}
        for summand in self.summands:
            share = summand.combine(*(next(left) for _ in summand.terms))
            share = share if share.ndim else share.to(scores[0]).expand_as(scores[0])  # a number
            label = repr(summand)
            shares[label] = shares[label] + share if label in shares else share
        return shares

    def at(self, context: Context) -> Criterion:
        """The criterion with all that it needs from a context; itself if it needs nothing.

        Strategies and ``al.select`` call this once per query, before they score. A ``Schedule``
        becomes the number of the round, ``EPIG`` predicts its targets, ``Tempered`` fits its
        temperature.
        """
        return self

    def term_scores(self, prediction: Prediction) -> list[Tensor]:
        """Checked scores ``(N,)`` of each term, computed in chunks of rows that fit the cache."""
        if not isinstance(prediction, Prediction):
            raise ArgumentError(
                f"{self!r} scores a Prediction, got {type(prediction).__name__}: wrap the model's "
                'outputs, al.Prediction(outputs, kind="probabilities"), or pass them to al.select.'
            )
        terms, start = self.terms, 0
        if not all(term.in_chunks for term in terms):
            prediction.check()
        columns: dict[int, Tensor] = {}
        for chunk in prediction.chunks():
            for k, term in enumerate(terms):
                if term.in_chunks or not start:
                    rows = chunk if term.in_chunks else prediction
                    scores = scores_of(term, rows)
                    columns[k] = _written(columns.get(k), scores, start, len(prediction))
            start += len(chunk)
        return list(columns.values())  # at least one chunk, possibly empty

    def __call__(self, prediction: Prediction) -> Tensor:
        """Checked scores ``(N,)`` of the candidates, detached, on the prediction's device.

        Raises:
            ArgumentError: the argument is not a Prediction.
            ScoreError: a term is not one float32 or float64 score per candidate.
            NonFiniteError: a term, or the formula of the terms, is NaN or infinite.
        """
        return self.combine(*self.term_scores(prediction))

    def __add__(self, other: object) -> Criterion:
        return self._operation("+", self, other)

    def __radd__(self, other: object) -> Criterion:
        return self._operation("+", other, self)

    def __sub__(self, other: object) -> Criterion:
        return self._operation("-", self, other)

    def __rsub__(self, other: object) -> Criterion:
        return self._operation("-", other, self)

    def __mul__(self, other: object) -> Criterion:
        return self._operation("*", self, other)

    def __rmul__(self, other: object) -> Criterion:
        return self._operation("*", other, self)

    def __truediv__(self, other: object) -> Criterion:
        return self._operation("/", self, other)

    def __rtruediv__(self, other: object) -> Criterion:
        return self._operation("/", other, self)

    def __neg__(self) -> Criterion:
        return self._negation(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Composite(Criterion):
    """A criterion composed of others: ``apply`` computes its scores from theirs.

    Args:
        *parts: the criteria. The composite depends on other rows if one of them does.
    """

    def __init__(self, *parts: Criterion) -> None:
        self.parts = parts
        self.row_by_row = all(part.row_by_row for part in parts)

    def apply(self, *scores: Tensor) -> Tensor:
        """Scores ``(N,)`` from the parts' scores over all candidates, never in place.

        The score of a number is a tensor without axes, which broadcasts over all rows.
        """
        raise NotImplementedError(f"{type(self).__name__} must define apply(*scores).")

    def score(self, prediction: Prediction) -> Tensor:
        return self(prediction)

    @property
    def terms(self) -> tuple[Criterion, ...]:
        return tuple(term for part in self.parts for term in part.terms)

    def combine(self, *scores: Tensor) -> Tensor:
        left = iter(scores)
        combined = self.apply(
            *(part.combine(*(next(left) for _ in part.terms)) for part in self.parts)
        )
        if not are_finite(combined):
            raise NonFiniteError(
                f"{self!r} is NaN or infinite for {count_bad(combined)} of {combined.numel()} "
                "samples, though its terms are finite: a division by zero, or an overflow. "
                "Nothing was selected."
            )
        return combined

    def at(self, context: Context) -> Criterion:
        parts = tuple(part.at(context) for part in self.parts)
        if all(new is part for new, part in zip(parts, self.parts, strict=True)):
            return self
        bound = copy.copy(self)
        bound.parts = parts
        return bound

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.parts))})"


def as_number(value: object) -> float | None:
    """Convert a Python, numpy or torch scalar to a Python number; None for anything else.

    Raises:
        ConfigurationError: NaN or infinity.
    """
    if isinstance(value, (Tensor, np.generic, np.ndarray)) and value.ndim == 0:
        value = value.item()
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    if not math.isfinite(value):
        raise ConfigurationError(f"expected a finite number, got {value!r}.")
    return value


def in_parentheses(criterion: Criterion, *, below: int) -> str:
    """Formula of a criterion, in parentheses if its precedence is below a number."""
    return f"({criterion!r})" if criterion.binds < below else repr(criterion)


def _written(column: Tensor | None, scores: Tensor, start: int, total: int) -> Tensor:
    """Write the scores of some rows into one column: fresh memory for each chunk is slow."""
    if len(scores) == total:
        return scores
    column = scores.new_empty(total) if column is None else column
    column[start : start + len(scores)] = scores
    return column
