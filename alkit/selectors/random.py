from __future__ import annotations

import torch
from torch import Generator

from alkit.selectors.candidates import Candidates, Picks
from alkit.selectors.selector import Selector


class Random(Selector):
    """n candidates drawn uniformly without replacement, whatever their scores.

    The m-th pick has the probability ``1 / (N - m + 1)`` among the candidates that are left.
    Cost: O(N) time and memory, N random numbers; no candidate needs to be scored.
    """

    needs = frozenset()

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Picks:
        left = torch.arange(len(candidates), len(candidates) - n, -1, dtype=torch.float64)
        return Picks(torch.randperm(len(candidates), generator=generator)[:n], 1 / left)
