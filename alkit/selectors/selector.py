"""The contract of a selector."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from alkit.errors import (
    ConfigurationError,
    EmptyPoolError,
    NonFiniteError,
    PicksError,
    QuerySizeError,
    ScoreError,
)
from alkit.prediction import Prediction


class Selector:
    """Which n candidates together? Positions among the candidates, most wanted first.

    A leaf overrides ``select`` alone. It draws random numbers from the generator only, breaks
    ties by it, and states its cost in time and memory.
    """

    uses_scores: bool = True
    """Whether the scores matter; where not, zeros may be given, and nothing need be scored."""

    def select(
        self,
        scores: Tensor,
        n: int,
        generator: Generator,
        prediction: Prediction | None = None,
    ) -> Tensor:
        """``n`` distinct positions, most wanted first.

        Args:
            scores: ``(N,)``, finite, on the CPU; higher is wanted sooner.
            n: how many, ``1 <= n <= N``.
            generator: the only source of random numbers, on the CPU.
            prediction: what the model says of the same N candidates, where it is needed.
        """
        raise NotImplementedError(f"{type(self).__name__} must define select(scores, n, ...).")

    def __call__(
        self,
        scores: Tensor,
        n: int,
        generator: Generator,
        prediction: Prediction | None = None,
    ) -> Tensor:
        """Exactly ``min(n, N)`` distinct positions, checked: long, on the CPU.

        Raises:
            QuerySizeError: n is no integer, or below 1.
            EmptyPoolError: no candidates.
            ScoreError, NonFiniteError: scores that are not one finite float a candidate.
            PicksError: ``select`` returned anything but distinct positions of candidates.
        """
        n = _check_n(n)
        scores = _check_scores(scores, prediction)
        n = min(n, len(scores))
        picks = self.select(scores, n, generator, prediction)
        return _check_picks(self, picks, n, len(scores))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _Function(Selector):
    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def select(self, scores, n, generator, prediction=None):
        return self.function(scores, n, generator, prediction)

    def __repr__(self) -> str:
        return getattr(self.function, "__name__", None) or repr(self.function)


def as_selector(selector: Selector | Callable[..., Any]) -> Selector:
    """A selector as it is, or a function ``(scores, n, generator, prediction)`` as a selector.

    Raises:
        ConfigurationError: neither of these, or a class where its instance belongs.
    """
    if isinstance(selector, Selector):
        return selector
    if callable(selector) and not isinstance(selector, type):
        return _Function(selector)
    hint = f" Did you mean {selector.__name__}()?" if isinstance(selector, type) else ""
    raise ConfigurationError(
        "expected a Selector, or a function (scores, n, generator, prediction) that returns "
        f"positions, got {selector!r}.{hint}"
    )


def _check_n(n: int) -> int:
    try:
        number = operator.index(n)
    except TypeError:
        number = 0
    if isinstance(n, bool) or number < 1:
        raise QuerySizeError(f"n must be an integer of at least 1, got {n!r}.")
    return number


def _check_scores(scores: Tensor, prediction: Prediction | None) -> Tensor:
    if not isinstance(scores, Tensor) or scores.ndim != 1 or not scores.is_floating_point():
        got = (
            f"{scores.dtype} of the shape {tuple(scores.shape)}"
            if isinstance(scores, Tensor)
            else type(scores).__name__
        )
        raise ScoreError(f"scores must be a float tensor (N,), one a candidate, got {got}.")
    if not len(scores):
        raise EmptyPoolError("There are no candidates to select from.")
    if prediction is not None and len(prediction) != len(scores):
        raise ScoreError(f"{len(scores)} scores came with {len(prediction)} predictions.")
    if not torch.isfinite(scores).all():
        raise NonFiniteError("The scores contain NaN or infinity. Nothing was selected.")
    return scores.detach().cpu()


def _check_picks(selector: Selector, picks: Any, n: int, candidates: int) -> Tensor:
    expected = f"{selector!r} must return {n} distinct positions in 0 .. {candidates - 1}"
    try:
        picks = torch.as_tensor(picks).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise PicksError(f"{expected}, got {picks!r}.") from error
    if picks.dtype == torch.bool or picks.is_floating_point() or picks.is_complex():
        raise PicksError(f"{expected}, got {picks.dtype}.")
    if picks.shape != (n,):
        raise PicksError(f"{expected}, got the shape {tuple(picks.shape)}.")
    picks = picks.long()
    outside = picks[(picks < 0) | (picks >= candidates)]
    if len(outside):
        raise PicksError(f"{expected}, got {int(outside[0])}.")
    if len(picks.unique()) != n:
        raise PicksError(f"{expected}, got only {len(picks.unique())} distinct ones.")
    return picks
