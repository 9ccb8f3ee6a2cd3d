"""Contract of a selector."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from typing import Any

import torch
from torch import Generator, Tensor

from alkit.arguments import as_integer
from alkit.errors import (
    ConfigurationError,
    EmptyPoolError,
    PicksError,
    PredictionError,
    QuerySizeError,
    ScoreError,
    close,
)
from alkit.prediction import needs_one_row, one_sample
from alkit.selectors.candidates import Candidates, Picks
from alkit.selectors.fixed import fixed_needs

NEEDS = frozenset({"scores", "outputs", "features", "annotated", "labels", "head"})


class Selector:
    """Base class of selectors: pick n candidates, as positions, most wanted first.

    Subclasses override ``select`` alone. A selector draws random numbers only from the generator,
    breaks ties with it, and states its cost in time and memory.
    """

    needs: frozenset[Any] = frozenset({"scores"})
    """Inputs that the selector uses; nothing else is computed for it: ``"scores"``; ``"outputs"``
    or ``"features"`` of the candidates; the same of the ``"annotated"`` samples; their
    ``"labels"``; the ``"head"`` of the model. A space that does not change with training, such as
    ``Inputs()``, is a need itself. A function has these as an attribute."""

    disagreement: bool = False
    """True if the selector measures the disagreement of posterior samples: K = 1 is an error."""

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
            ConfigurationError: the candidates are not Candidates, or the generator is not a
                torch.Generator on the CPU.
            EmptyPoolError: there are no candidates.
            ScoreError, PredictionError, ConfigurationError: the candidates lack something that the
                selector needs.
            PicksError: ``select`` returned anything but distinct positions of candidates.
        """
        n = checked_n(n)
        check_generator(generator)
        if not isinstance(candidates, Candidates):
            raise ConfigurationError(
                f"{self!r} picks from Candidates, got {type(candidates).__name__}: wrap scores as "
                "Candidates(scores), or pass arrays to al.select."
            )
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
        check_names(self.needs)
        if "scores" in self.needs and candidates.scores is None:
            raise ScoreError(f"{self!r} needs scores (N,), one per candidate, got none.")
        if "features" in self.needs:
            _ = candidates.features  # its error explains how to get them
        for space in fixed_needs(self.needs):
            _ = space.rows(candidates)  # and this one
        known, annotated = candidates.prediction, candidates.annotated
        if "outputs" in self.needs and (known is None or known.outputs is None):
            _ = candidates.probabilities  # so does this one
        if "outputs" in self.needs and known is not None and known.owners is not None:
            raise PredictionError(f"{self!r} reads outputs: {needs_one_row(known)}")
        outputs = None if known is None else known.outputs
        if self.disagreement and outputs is not None and outputs.shape[1] == 1:
            raise PredictionError(one_sample(self))
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


def checked_n(n: int) -> int:
    """Number of picks as an integer; a QuerySizeError if it is not one, or is below 1."""
    number = as_integer(n)
    if number is None or number < 1:
        raise QuerySizeError(f"n must be an integer of at least 1, got {n!r}.")
    return number


def check_generator(generator: object) -> None:
    """Raise a ConfigurationError unless it is a torch.Generator on the CPU."""
    if not isinstance(generator, Generator) or generator.device.type != "cpu":
        seed = as_integer(generator)
        got = f"one on {generator.device}" if isinstance(generator, Generator) else repr(generator)
        raise ConfigurationError(
            "a selector draws from a torch.Generator on the CPU, never from global random state, "
            f"got {got}: pass torch.Generator().manual_seed({0 if seed is None else seed})."
        )


def check_names(needs: Set[Any]) -> None:
    """Raise a ConfigurationError unless these are names of what a selector may need."""
    if isinstance(needs, str) or not isinstance(needs, Set):
        raise ConfigurationError(
            f'needs must be a set of names, such as {{"scores", "features"}}, got {needs!r}.'
        )
    if unknown := sorted(map(str, needs - NEEDS - fixed_needs(needs))):
        raise ConfigurationError(
            f"needs must be among {', '.join(sorted(NEEDS))}, got {', '.join(unknown)}."
            + "".join(f" Did you mean {name!r}?" for name in close(unknown[0], NEEDS)[:1])
        )


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
        return Picks(picks, note=picked.note)
    p = torch.as_tensor(p).detach().cpu().double()
    if p.shape != (n,) or not bool(((p > 0) & (p <= 1 + 1e-9)).all()):
        raise PicksError(f"{selector!r} must return {n} probabilities in (0, 1], got {p}.")
    return Picks(picks, p, picked.unreachable, picked.note)
