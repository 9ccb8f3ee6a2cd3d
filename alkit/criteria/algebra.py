"""Criteria composed of criteria and numbers: arithmetic, minimum, maximum, weights by round."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from alkit.arguments import meant
from alkit.criteria.context import Context, as_context
from alkit.criteria.criterion import Composite, Criterion, as_number, in_parentheses
from alkit.criteria.function import as_criterion
from alkit.errors import ArgumentError, ConfigurationError
from alkit.prediction import Prediction


class Minimum(Composite):
    """Smallest of its parts' scores, row by row: high where all of them are high.

    Parts of different units meet through ``Rank``, ``ZScore`` or ``MinMax``. Cost: O(N) per part.

    Args:
        *parts: two or more criteria, functions of a prediction, or numbers.

    Raises:
        ConfigurationError: there are fewer than two parts, or a part is of another type.
    """

    def __init__(self, *parts: Criterion | Callable[[Prediction], Tensor] | float) -> None:
        super().__init__(*_two_or_more(self, parts))

    def apply(self, *scores: Tensor) -> Tensor:
        return reduce(torch.minimum, scores)


class Maximum(Composite):
    """Largest of its parts' scores, row by row: high where one of them is high.

    Parts of different units meet through ``Rank``, ``ZScore`` or ``MinMax``. Cost: O(N) per part.

    Args:
        *parts: two or more criteria, functions of a prediction, or numbers.

    Raises:
        ConfigurationError: there are fewer than two parts, or a part is of another type.
    """

    def __init__(self, *parts: Criterion | Callable[[Prediction], Tensor] | float) -> None:
        super().__init__(*_two_or_more(self, parts))

    def apply(self, *scores: Tensor) -> Tensor:
        return reduce(torch.maximum, scores)


class Schedule(Criterion):
    """A weight that changes by round: ``Schedule([1, 0.5, 0.1]) * Rank(Margin())``.

    A schedule can take the place of any number in a formula. ``at(context)`` replaces it by the
    weight of the round; strategies call it before they score, with the round that the new
    annotations will belong to (``Query.round``).

    Args:
        weights: one weight per round, from round 0; the last one holds for all later rounds. Or a
            function of the round.

    Raises:
        ConfigurationError: there are no weights, or a weight is not a finite number (a function's
            weights are checked in the round that they are for).
    """

    @property
    def terms(self) -> tuple[Criterion, ...]:
        return ()

    def __init__(self, weights: Sequence[float] | Callable[[int], float]) -> None:
        if not callable(weights):
            ordered = isinstance(weights, Iterable) and not isinstance(weights, str | Set | Mapping)
            if not ordered or not (weights := list(weights)):
                raise ConfigurationError(
                    f"expected one weight per round, or a function of the round, got {weights!r}."
                )
            weights = [self._number(weight) for weight in weights]
        self.weights = weights

    def at(self, context: Context) -> Criterion:
        round = as_context(context).round
        if callable(self.weights):
            return Number(self._number(self.weights(round)))
        return Number(self.weights[min(round, len(self.weights) - 1)])

    def combine(self, *scores: Tensor) -> Tensor:
        raise ConfigurationError(
            f"{self!r} has no value outside a round: bind the formula first, "
            "criterion.at(Context(round)). Strategies and al.select do so."
        )

    @staticmethod
    def _number(weight: object) -> float:
        number = as_number(weight)
        if number is None:
            raise ConfigurationError(f"the weights of a Schedule are numbers, got {weight!r}.")
        return number

    def __repr__(self) -> str:
        return f"Schedule({getattr(self.weights, '__name__', self.weights)})"


class Number(Criterion):
    """A number in a formula: it has no term, and combines to itself."""

    @property
    def terms(self) -> tuple[Criterion, ...]:
        return ()

    def __init__(self, value: float) -> None:
        self.value = value

    def combine(self, *scores: Tensor) -> Tensor:
        return torch.tensor(self.value, dtype=torch.float64)  # no axis: takes the others' type

    def __repr__(self) -> str:
        return repr(self.value)


class Negative(Composite):
    """``-part``."""

    def apply(self, *scores: Tensor) -> Tensor:
        return -scores[0]

    @property
    def summands(self) -> tuple[Criterion, ...]:
        return tuple(map(_negated, self.parts[0].summands))

    def __repr__(self) -> str:
        return f"-{in_parentheses(self.parts[0], below=3)}"


class Operation(Composite):
    """``left symbol right``; the symbol is one of ``+ - * /``."""

    functions = {
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "/": operator.truediv,
    }

    def __init__(self, symbol: str, left: Criterion, right: Criterion) -> None:
        super().__init__(left, right)
        self.symbol = symbol
        self.binds = 1 if symbol in "+-" else 2

    def apply(self, *scores: Tensor) -> Tensor:
        return self.functions[self.symbol](*scores)

    @property
    def summands(self) -> tuple[Criterion, ...]:
        left, right = self.parts
        if self.symbol == "+":
            return left.summands + right.summands
        if self.symbol == "-":
            return left.summands + tuple(map(_negated, right.summands))
        if not right.terms:  # a number
            return tuple(Operation(self.symbol, summand, right) for summand in left.summands)
        if not left.terms and self.symbol == "*":
            return tuple(left * summand for summand in right.summands)
        return (self,)

    def __repr__(self) -> str:
        rank, (left, right) = self.binds, self.parts
        return (
            f"{in_parentheses(left, below=rank)} {self.symbol} "
            f"{in_parentheses(right, below=rank + 1)}"
        )


def operation(symbol: str, left: object, right: object) -> Criterion:
    """Return the formula of two operands; an ArgumentError if one is not a criterion or number."""
    first, second = _as_operand(left), _as_operand(right)
    if first is None or second is None:
        wrong = left if first is None else right
        hint = meant(wrong, Criterion)
        if not hint and callable(wrong):
            hint = " Wrap a function, al.criteria.as_criterion(function)."
        raise ArgumentError(
            f"a formula joins criteria and numbers, got {left!r} {symbol} {right!r}.{hint}"
        )
    return Operation(symbol, first, second)


def _as_operand(value: object) -> Criterion | None:
    if isinstance(value, Criterion):
        return value
    number = as_number(value)
    return None if number is None else Number(number)


def _two_or_more(composite: Composite, parts: Sequence[Any]) -> list[Criterion]:
    if len(parts) < 2:
        name = type(composite).__name__
        raise ConfigurationError(f"{name} takes two or more criteria, got {len(parts)}.")
    return [_as_operand(part) or as_criterion(part) for part in parts]


def _negated(criterion: Criterion) -> Criterion:
    """Negate a criterion; a weighted one by its weight, so that it prints as people write it."""
    if isinstance(criterion, Negative):
        return criterion.parts[0]
    if isinstance(criterion, Number):
        return Number(-criterion.value)
    if isinstance(criterion, Operation) and isinstance(criterion.parts[0], Number):
        return Operation(criterion.symbol, _negated(criterion.parts[0]), criterion.parts[1])
    return -criterion


Criterion._operation = staticmethod(operation)  # here, so that imports point one way
Criterion._negation = Negative
