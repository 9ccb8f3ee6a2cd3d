"""The contract of a selector."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import replace
from numbers import Real
from typing import Any

import torch
from torch import Generator, Tensor

from alkit.errors import (
    ConfigurationError,
    EmptyPoolError,
    PicksError,
    PredictionError,
    QuerySizeError,
    ScoreError,
)
from alkit.selectors.candidates import Candidates, Picks

NEEDS = frozenset({"scores", "outputs", "features", "annotated", "labels", "head"})


class Selector:
    """Which n candidates together? Positions among the candidates, most wanted first.

    A leaf overrides ``select`` alone. It draws random numbers from the generator only, breaks
    ties by it, and states its cost in time and memory.
    """

    needs: frozenset[str] = frozenset({"scores"})
    """What it looks at; nothing else need be computed: ``"scores"``; ``"outputs"`` or
    ``"features"`` of the candidates; the same of the ``"annotated"`` samples; their
    ``"labels"``; the ``"head"`` of the model."""

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor | Picks:
        """``n`` distinct positions, most wanted first.

        Args:
            candidates: what to choose from, in ascending order of their ids.
            n: how many, ``1 <= n <= N``.
            generator: the only source of random numbers, on the CPU.
        """
        raise NotImplementedError(f"{type(self).__name__} must define select(candidates, n, ...).")

    def __call__(self, candidates: Candidates, n: int, generator: Generator) -> Picks:
        """Exactly ``min(n, N)`` distinct picks, checked; positions are long, on the CPU.

        The picks, as ids, do not depend on the order of the candidates.

        Raises:
            QuerySizeError: n is no integer, or below 1.
            EmptyPoolError: no candidates.
            ScoreError, PredictionError, ConfigurationError: it needs something that the candidates
                do not have.
            PicksError: ``select`` returned anything but distinct positions of candidates.
        """
        n = checked_n(n)
        if not len(candidates):
            raise EmptyPoolError("There are no candidates to select from.")
        self._check_needs(candidates)
        n = min(n, len(candidates))
        ids = candidates.ids
        if candidates.ascending:
            return _checked_picks(self, self.select(candidates, n, generator), n, len(ids))
        order = ids.argsort()
        if bool((ids[order].diff() == 0).any()):
            raise PredictionError("ids must be distinct: a candidate came twice.")
        picked = self.select(candidates[order], n, generator)
        picks = _checked_picks(self, picked, n, len(ids))
        return replace(picks, positions=order.cpu()[picks.positions])

    def _check_needs(self, candidates: Candidates) -> None:
        if "scores" in self.needs and candidates.scores is None:
            raise ScoreError(f"{self!r} needs scores (N,), one a candidate, got none.")
        if "features" in self.needs:
            _ = candidates.features  # says how to get them
        known, annotated = candidates.prediction, candidates.annotated
        if "outputs" in self.needs and (known is None or known.outputs is None):
            _ = candidates.probabilities  # likewise
        compared = self.needs & {"outputs", "features"} if "annotated" in self.needs else ()
        for name in compared:
            if annotated is not None and getattr(annotated, name) is None:
                raise PredictionError(f"{self!r} needs the {name} of the annotated samples.")
        if "labels" in self.needs and candidates.num_annotated and candidates.labels is None:
            raise ConfigurationError(
                f"{self!r} needs the labels of the annotated samples: class numbers (A,), "
                "labels= of al.select; a strategy gives those of its pool."
            )
        if "head" in self.needs and candidates.head is None:
            raise ConfigurationError(
                f"{self!r} looks through the last part of the model, from features to logits: say "
                'which part it is, head="layer.path" of the strategy, or give head= to al.select.'
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _Function(Selector):
    """A plain function; it may look at whatever is there."""

    needs = frozenset({"scores"})

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Any:
        return self.function(candidates, n, generator)

    def __repr__(self) -> str:
        return getattr(self.function, "__name__", None) or repr(self.function)


def as_selector(
    selector: Selector | Callable[..., Any], needs: frozenset[str] | set[str] = Selector.needs
) -> Selector:
    """A selector as it is, or a function ``(candidates, n, generator)`` as a selector.

    Args:
        selector: one of these. A function may carry what it looks at as an attribute ``needs``.
        needs: see ``Selector.needs``; of a function that looks at more than the scores.

    Raises:
        ConfigurationError: neither of these, or a class where its instance belongs.
    """
    if isinstance(selector, Selector):
        return selector
    if callable(selector) and not isinstance(selector, type):
        needs = frozenset(getattr(selector, "needs", needs))
        if unknown := needs - NEEDS:
            raise ConfigurationError(
                f"needs must be of {', '.join(sorted(NEEDS))}, got {', '.join(sorted(unknown))}."
            )
        wrapped = _Function(selector)
        wrapped.needs = needs
        return wrapped
    hint = f" Did you mean {selector.__name__}()?" if isinstance(selector, type) else ""
    raise ConfigurationError(
        "expected a Selector, or a function (candidates, n, generator) that returns positions, "
        f"got {selector!r}.{hint}"
    )


def check_number(name: str, value: object, expected: str, fits: Callable[[Any], bool]) -> None:
    """A ConfigurationError unless an argument is a finite number that fits what is expected."""
    if (
        not isinstance(value, Real)
        or isinstance(value, bool)
        or not math.isfinite(float(value))
        or not fits(value)
    ):
        raise ConfigurationError(f"{name} must be a number {expected}, got {value!r}.")


def checked_n(n: int) -> int:
    """How many to pick, as an integer; a QuerySizeError where it is none, or below 1."""
    try:
        number = operator.index(n)
    except TypeError:
        number = 0
    if isinstance(n, bool) or number < 1:
        raise QuerySizeError(f"n must be an integer of at least 1, got {n!r}.")
    return number


def _checked_picks(selector: Selector, picked: Any, n: int, candidates: int) -> Picks:
    expected = f"{selector!r} must return {n} distinct positions in 0 .. {candidates - 1}"
    picked = picked if isinstance(picked, Picks) else Picks(picked)
    try:
        picks = torch.as_tensor(picked.positions).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise PicksError(f"{expected}, got {picked.positions!r}.") from error
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
    if (p := picked.probabilities) is None:
        return Picks(picks)
    p = torch.as_tensor(p).detach().cpu().double()
    if p.shape != (n,) or not bool(((p > 0) & (p <= 1 + 1e-9)).all()):
        raise PicksError(f"{selector!r} must return {n} probabilities in (0, 1], got {p}.")
    return Picks(picks, p, picked.unreachable)
