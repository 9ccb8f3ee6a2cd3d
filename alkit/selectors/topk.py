from __future__ import annotations

import torch
from torch import Generator, Tensor

from alkit.errors import EmptyPoolError, ScoreError
from alkit.selectors.candidates import Candidates, check_finite, needed
from alkit.selectors.selector import Selector, check_generator, checked_n


class TopK(Selector):
    """The n highest scores; candidates with equal scores are equally likely to be picked.

    Ties among the picks come in random order too. Cost: O(N + n log n) time, O(N) memory and one
    random number. The place of a candidate in a tie depends on that number and its id alone.
    ``RunningTopK`` makes the same picks from scores that come in chunks.
    """

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        scores = needed(candidates.scores, "scores")
        return _best(scores, candidates.ids.to(scores.device), n, _drawn(generator))


class RunningTopK:
    """The n highest of scores that come in chunks; holds O(n) rows.

    With the same generator, they are the picks of ``TopK`` from all scores at once, whatever the
    chunks and their order. Cost: O(N + n log n) time if the scores come in random order, O(N log n)
    at worst.

    Args:
        n: number of picks.
        generator: source of the one random number that is drawn, which breaks ties.

    Raises:
        QuerySizeError: n is not an integer of at least 1.
        ConfigurationError: the generator is not a torch.Generator on the CPU.
    """

    def __init__(self, n: int, generator: Generator) -> None:
        self.n = checked_n(n)
        check_generator(generator)
        self._seed = _drawn(generator)
        self._held: list[tuple[Tensor, Tensor]] = []  # scores and ids; a few more than n
        self._threshold = -torch.inf  # reached by n of the held scores

    def add(self, scores: Tensor, ids: Tensor) -> None:
        """Add a chunk.

        Args:
            scores: ``(M,)`` finite floats, higher is wanted sooner.
            ids: ``(M,)`` dataset indices, distinct over all chunks.

        Raises:
            ScoreError: the scores are not one float per id.
            NonFiniteError: scores are NaN or infinite.
        """
        for name, rows in (("scores", scores), ("ids", ids)):
            if not isinstance(rows, Tensor):
                raise ScoreError(f"{name} must be a tensor (M,), got {type(rows).__name__}.")
        if scores.ndim != 1 or not scores.is_floating_point() or scores.shape != ids.shape:
            raise ScoreError(
                "expected float scores (M,) and one id per score, got "
                f"{scores.dtype} {tuple(scores.shape)} and {tuple(ids.shape)}."
            )
        check_finite(scores)
        rows = (scores >= self._threshold).nonzero().flatten()
        self._held.append((scores.detach()[rows], ids.to(scores.device)[rows].long()))
        if sum(len(held) for held, _ in self._held) >= 2 * self.n:
            self.best()

    def best(self) -> tuple[Tensor, Tensor]:
        """Ids and scores ``(min(n, N),)`` of the best so far, most wanted first.

        Raises:
            EmptyPoolError: no candidates were added yet.
        """
        if not sum(len(held) for held, _ in self._held):
            raise EmptyPoolError("There are no candidates to select from.")
        scores, ids = (torch.cat(parts) for parts in zip(*self._held, strict=True))
        rows = _best(scores, ids, min(self.n, len(scores)), self._seed)
        self._held = [(scores[rows], ids[rows])]
        if len(rows) == self.n:
            self._threshold = float(scores[rows[-1]])
        return ids[rows], scores[rows]


def _best(scores: Tensor, ids: Tensor, n: int, seed: int) -> Tensor:
    """Rows of the n highest scores, descending; ties in the order of a hash of their ids."""
    values, rows = _highest(scores, min(n + 1, len(scores)))
    threshold = values[n - 1]
    if len(rows) > n and values[n] == threshold:
        above, tied = rows[values > threshold], (scores == threshold).nonzero().flatten()
        best = _hashed(ids[tied], seed).topk(n - len(above), sorted=False).indices
        rows = torch.cat([above, tied[best]])
    rows = rows[:n]
    values, keys = scores[rows], _hashed(ids[rows], seed)
    order = keys.argsort(descending=True)
    return rows[order[values[order].argsort(descending=True, stable=True)]]


def _highest(scores: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """Result of ``topk``, searched in the groups of 64 with the highest maxima and in the rest."""
    size = 64
    if len(scores) < 4 * size * number:
        return scores.topk(number)
    whole = len(scores) // size * size
    groups = scores[:whole].view(-1, size)
    found = groups.amax(1).topk(number, sorted=False).indices
    left = torch.arange(whole, len(scores), device=scores.device)
    values = torch.cat([groups[found].flatten(), scores[whole:]])
    values, best = values.topk(number)
    rows = found[:, None] * size + torch.arange(size, device=scores.device)
    return values, torch.cat([rows.flatten(), left])[best]


def _drawn(generator: Generator) -> int:
    return int(torch.randint(2**63 - 1, (), generator=generator))


def _hashed(ids: Tensor, seed: int) -> Tensor:
    """Random keys ``(N,)``, distinct for distinct ids; each depends on its own id alone.

    Steele et al. 2014, "Fast splittable pseudorandom number generators", section 4.
    """
    keys = ids * -0x61C8864680B583EB + seed  # int64 wraps around
    for shift, factor in ((30, -0x40A7B892E31B1A47), (27, -0x6B2FB644ECCEEE15)):
        keys = (keys ^ _shifted(keys, shift)) * factor
    return keys ^ _shifted(keys, 31)


def _shifted(keys: Tensor, by: int) -> Tensor:
    """Shift to the right, as unsigned numbers."""
    return (keys >> by) & (2 ** (64 - by) - 1)
