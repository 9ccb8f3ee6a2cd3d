"""The contract of a criterion, and its algebra."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alkit.criteria.scores import check_scores, count_bad
from alkit.errors import ConfigurationError, NonFiniteError
from alkit.prediction import Prediction


class Criterion:
    """How informative each candidate is on its own: one finite score a row, higher = sooner.

    A leaf overrides ``score`` alone, with a formula that looks at one row at a time. Criteria
    combine by ``+ - * /`` and unary minus, with each other and with numbers on either side;
    what results is a criterion, and prints as the formula it is. Terms of different units meet
    through ``Rank``, ``ZScore`` or ``MinMax``.

    A pool is scored in chunks: each of ``terms`` is computed chunk by chunk, and ``combine``
    makes the final scores once, from the terms' scores over all candidates. Calling the
    criterion does the same on a prediction that is whole.
    """

    row_by_row: bool = True
    """Whether the final score of a row depends on that row alone."""

    __array_ufunc__ = None  # leaves `numpy scalar * criterion` to the criterion

    def score(self, prediction: Prediction) -> Tensor:
        """The score of each candidate, ``(N,)``, float; must not change the prediction."""
        raise NotImplementedError(f"{type(self).__name__} must define score(prediction).")

    @property
    def terms(self) -> tuple[Criterion, ...]:
        """The parts that are computed row by row, in the order that ``combine`` takes them."""
        return (self,)

    def combine(self, *scores: Tensor) -> Tensor:
        """The final scores ``(N,)`` from each term's scores ``(N,)`` over all candidates."""
        (score,) = scores
        return score

    def __call__(self, prediction: Prediction) -> Tensor:
        """The checked scores ``(N,)`` of the candidates, detached, on the prediction's device.

        Raises:
            ScoreError: a term that is not one float32 or float64 score a candidate.
            NonFiniteError: a term, or what becomes of it, that is NaN or infinite.
        """
        scores = (check_scores(term, term.score(prediction), prediction) for term in self.terms)
        return self.combine(*scores)

    def __add__(self, other: Any) -> Criterion:
        return _operation("+", self, other)

    def __radd__(self, other: Any) -> Criterion:
        return _operation("+", other, self)

    def __sub__(self, other: Any) -> Criterion:
        return _operation("-", self, other)

    def __rsub__(self, other: Any) -> Criterion:
        return _operation("-", other, self)

    def __mul__(self, other: Any) -> Criterion:
        return _operation("*", self, other)

    def __rmul__(self, other: Any) -> Criterion:
        return _operation("*", other, self)

    def __truediv__(self, other: Any) -> Criterion:
        return _operation("/", self, other)

    def __rtruediv__(self, other: Any) -> Criterion:
        return _operation("/", other, self)

    def __neg__(self) -> Criterion:
        return _Negative(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Composite(Criterion):
    """A criterion made of others: ``apply`` computes its scores from theirs.

    Args:
        parts: what it is made of. Looks at other rows if one of them does.
    """

    def __init__(self, *parts: Criterion) -> None:
        self.parts = parts
        self.row_by_row = all(part.row_by_row for part in parts)

    def apply(self, *scores: Tensor) -> Tensor:
        """Scores ``(N,)`` from the parts' scores over all candidates, never in place."""
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
        if not torch.isfinite(combined).all():
            raise NonFiniteError(
                f"{self!r} is NaN or infinite for {count_bad(combined)} of {len(combined)} "
                "samples, though its terms are finite: a division by zero, or an overflow. "
                "Nothing was selected."
            )
        return combined

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.parts))})"


class _Number(Criterion):
    """A number inside a formula: it has no term, and combines to itself."""

    terms = ()  # type: ignore[assignment]

    def __init__(self, value: float) -> None:
        self.value = value

    def combine(self, *scores: Tensor) -> Tensor:
        return self.value  # type: ignore[return-value]  # tensors meet it as a scalar

    def __repr__(self) -> str:
        return repr(self.value)


class _Negative(Composite):
    def apply(self, *scores: Tensor) -> Tensor:
        return -scores[0]

    def __repr__(self) -> str:
        return f"-{_in_parentheses(self.parts[0], below=3)}"


class _Operation(Composite):
    functions = {
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "/": operator.truediv,
    }

    def __init__(self, symbol: str, left: Criterion, right: Criterion) -> None:
        super().__init__(left, right)
        self.symbol = symbol

    def apply(self, *scores: Tensor) -> Tensor:
        return self.functions[self.symbol](*scores)

    def __repr__(self) -> str:
        rank, (left, right) = _precedence(self), self.parts
        return (
            f"{_in_parentheses(left, below=rank)} {self.symbol} "
            f"{_in_parentheses(right, below=rank + 1)}"
        )


def _operation(symbol: str, left: Any, right: Any) -> Criterion:
    operands = _as_operand(left), _as_operand(right)
    if operands[0] is None or operands[1] is None:
        return NotImplemented
    return _Operation(symbol, *operands)  # type: ignore[arg-type]


def _as_operand(value: Any) -> Criterion | None:
    if isinstance(value, Criterion):
        return value
    number = as_number(value)
    return None if number is None else _Number(number)


def as_number(value: Any) -> float | None:
    """A Python, numpy or torch scalar as a Python number; None for anything else.

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


def _precedence(criterion: Criterion) -> int:
    if isinstance(criterion, _Operation):
        return 1 if criterion.symbol in "+-" else 2
    return 3


def _in_parentheses(criterion: Criterion, *, below: int) -> str:
    return f"({criterion!r})" if _precedence(criterion) < below else repr(criterion)
