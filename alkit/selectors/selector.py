"""Contract of a selector."""

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
    """Base class of selectors: pick n candidates, as positions, most wanted first.

    Subclasses override ``select`` alone. A selector draws random numbers only from the generator,
    breaks ties with it, and states its cost in time and memory.
    """

    needs: frozenset[str] = frozenset({"scores"})
    """Inputs that the selector uses; nothing else is computed for it: ``"scores"``; ``"outputs"``
    or ``"features"`` of the candidates; the same of the ``"annotated"`` samples; their
    ``"labels"``; the ``"head"`` of the model."""

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor | Picks:
        """Return ``n`` distinct positions, most wanted first.

        Args:
            candidates: the candidates to choose from, in ascending order of their ids.
            n: number of picks, ``1 <= n <= N``.
            generator: the only source of random numbers, on the CPU.
        """
        raise NotImplementedError(f"{type(self).__name__} must define select(candidates, n, ...).")

    def __call__(self, candidates: Candidates, n: int, generator: Generator) -> Picks:
        """Return exactly ``min(n, N)`` distinct picks, checked; positions are long, on the CPU.

        The picked ids do not depend on the order of the candidates.

        Raises:
            QuerySizeError: n is not an integer, or is below 1.
            EmptyPoolError: there are no candidates.
            ScoreError, PredictionError, ConfigurationError: the candidates lack something that the
                selector needs.
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
            raise PredictionError("ids must be distinct: a candidate appears twice.")
        picked = self.select(candidates[order], n, generator)
        picks = _checked_picks(self, picked, n, len(ids))
        return replace(picks, positions=order.cpu()[picks.positions])

    def _check_needs(self, candidates: Candidates) -> None:
        if "scores" in self.needs and candidates.scores is None:
            raise ScoreError(f"{self!r} needs scores (N,), one per candidate, got none.")
        if "features" in self.needs:
            _ = candidates.features  # its error explains how to get them
        known, annotated = candidates.prediction, candidates.annotated
        if "outputs" in self.needs and (known is None or known.outputs is None):
            _ = candidates.probabilities  # so does this one
        compared = self.needs & {"outputs", "features"} if "annotated" in self.needs else ()
        for name in compared:
            if annotated is not None and getattr(annotated, name) is None:
                raise PredictionError(f"{self!r} needs the {name} of the annotated samples.")
        if "labels" in self.needs and candidates.num_annotated and candidates.labels is None:
            raise ConfigurationError(
                f"{self!r} needs the labels of the annotated samples: pass labels= to al.select, "
                "class numbers (A,); a strategy uses those of its pool."
            )
        if "head" in self.needs and candidates.head is None:
            raise ConfigurationError(
                f"{self!r} uses the last part of the model, from features to logits: name it with "
                'head="layer.path" of the strategy, or pass head= to al.select.'
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _Function(Selector):
    """A plain function as a selector; it may use anything that the candidates hold."""

    needs = frozenset({"scores"})

    def __init__(self, function: Callable[..., Tensor | Picks]) -> None:
        self.function = function

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor | Picks:
        return self.function(candidates, n, generator)

    def __repr__(self) -> str:
        return getattr(self.function, "__name__", None) or repr(self.function)


def as_selector(
    selector: Selector | Callable[..., Any], needs: frozenset[str] | set[str] = Selector.needs
) -> Selector:
    """Return a selector unchanged; wrap a function ``(candidates, n, generator)`` as a selector.

    Args:
        selector: a selector or a function. A function may list its inputs in an attribute
            ``needs``.
        needs: see ``Selector.needs``; for a function that uses more than the scores.

    Raises:
        ConfigurationError: it is neither of these, it is a class instead of an instance, or its
            ``needs`` are unknown.
    """
    if isinstance(selector, Selector):
        return selector
    if callable(selector) and not isinstance(selector, type):
        needs = frozenset(getattr(selector, "needs", needs))
        if unknown := needs - NEEDS:
            raise ConfigurationError(
                f"needs must be among {', '.join(sorted(NEEDS))}, got {', '.join(sorted(unknown))}."
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
    """Raise a ConfigurationError unless an argument is a finite number that fits.

    Args:
        name: name of the argument, for the message.
        value: value of the argument.
        expected: description of the values that fit, for the message.
        fits: test of a finite number.
    """
    if (
        not isinstance(value, Real)
        or isinstance(value, bool)
        or not math.isfinite(float(value))
        or not fits(value)
    ):
        raise ConfigurationError(f"{name} must be {expected}, got {value!r}.")


def checked_n(n: int) -> int:
    """Number of picks as an integer; a QuerySizeError if it is not one, or is below 1."""
    try:
        number = operator.index(n)
    except TypeError:
        number = 0
    if isinstance(n, bool) or number < 1:
        raise QuerySizeError(f"n must be an integer of at least 1, got {n!r}.")
    return number


def _checked_picks(selector: Selector, picked: Tensor | Picks, n: int, candidates: int) -> Picks:
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
