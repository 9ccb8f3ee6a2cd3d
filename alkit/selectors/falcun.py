from __future__ import annotations

import torch
from torch import Generator, Tensor

from alkit.arguments import check_number
from alkit.hardware import check_memory
from alkit.selectors.candidates import Candidates, Picks
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import as_float


class Falcun(Selector):
    """Uncertain and diverse candidates by class probabilities: drawn by ``relevance ** gamma``.

    The relevance is the uncertainty ``u = 1 - (p1 - p2)`` plus a distance in [0, 1]. The distance
    is the smallest of u and the L1 distances to the probabilities of the picks. At each turn it is
    rescaled, so that it ranges from 0 to 1 over the remaining candidates. Picks are uncertain at
    first and diverse later (Gilhuber et al. 2024, "FALCUN: A simple and efficient deep active
    learning strategy", equations 1 to 6). As the distance starts at u, candidates that the model is
    certain about never become diverse; candidates of equal probabilities do not exclude each other.

    The probability of each pick is known. Cost: O(n N C) time, O(N C) memory, n random numbers.

    Args:
        gamma: exponent, above 0; a low one picks almost at random, a high one the most relevant.

    Raises:
        ConfigurationError: gamma is out of range.
    """

    needs = frozenset({"outputs"})

    def __init__(self, gamma: float = 10) -> None:
        check_number("gamma", gamma, "a number above 0", lambda gamma: gamma > 0)
        self.gamma = gamma

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Picks:
        p = candidates.probabilities
        instead = "Choose among the highest scores, Prefilter(10, Falcun())."
        check_memory(4 * p.numel(), p.device, f"{self!r} of {len(p):,} candidates", instead)
        p = as_float(p).clone()
        first, second = p.topk(2, dim=1).values.unbind(1)
        unsure = 1 - (first - second)
        nearest, rows = unsure.clone(), torch.arange(len(p), device=p.device)
        draws = torch.rand(n, dtype=torch.float64, generator=generator).to(p.device)
        picked, chances, excluded = [], [], []
        for draw in draws.split(1):
            weights = _relevance(unsure, nearest).pow_(self.gamma)
            excluded.append((weights == 0).sum())
            sums = weights.cumsum(0, dtype=torch.float64)
            pick = torch.searchsorted(sums, draw * sums[-1], right=True)
            picked.append(rows[pick])
            chances.append(weights[pick] / sums[-1])
            nearest = torch.minimum(nearest, torch.cdist(p, p[pick], p=1).squeeze(1))
            for known in (p, unsure, nearest, rows):
                known[pick] = known[-1:].clone()  # the last row moves into the gap
            p, unsure, nearest, rows = p[:-1], unsure[:-1], nearest[:-1], rows[:-1]
        unreachable = int(torch.stack(excluded).amax())
        return Picks(torch.cat(picked), torch.cat(chances), unreachable)

    def __repr__(self) -> str:
        return "Falcun()" if self.gamma == 10 else f"Falcun(gamma={self.gamma})"


def _relevance(unsure: Tensor, nearest: Tensor) -> Tensor:
    """``(N,)`` values in proportion to the relevance, at most 1, so that no power overflows."""
    low, high = nearest.aminmax()
    equal = high == low
    relevance = (nearest - low).div_(high - low + equal).add_(unsure)
    highest = relevance.amax()
    nothing = highest == 0  # then all are equal
    return relevance.add_(nothing).div_(highest + nothing)
