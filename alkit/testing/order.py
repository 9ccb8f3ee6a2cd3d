"""Laws of the order of picks: most wanted first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Generator, Tensor

from alkit.selectors import Candidates, Picks, Selector
from alkit.testing.laws import broken

Pick = Callable[[Selector, str, Candidates, int, int], Picks]

TRIALS = 8  # generators, each with the scores in another order


def check_by_score(
    selector: Selector, pick: Pick, candidates: Callable[[Tensor], Candidates]
) -> None:
    """Check a selector whose picks the scores alone decide: the highest first, then descending.

    They decide if the picked scores are the same for other generators, and for scores that are
    shuffled over the candidates.
    """
    levels, on = torch.linspace(0.05, 1, 12), "n = {} of 12 candidates, scores from 0.05 to 1"
    for n in (1, 3):
        picked = set()
        for seed in range(TRIALS):
            scores = levels[torch.randperm(12, generator=Generator().manual_seed(seed))]
            picks = pick(selector, on.format(n), candidates(scores), n, seed)
            picked.add(tuple(scores[picks.positions].tolist()))
        if len({tuple(sorted(values)) for values in picked}) > 1:
            return
        values = next((v for v in picked if list(v) != sorted(v, reverse=True)), min(picked))
        if (n == 1 and values[0] < 1) or list(values) != sorted(values, reverse=True):
            law = "most wanted first: a higher score is picked sooner"
            came = f"the scores {', '.join(f'{value:.2f}' for value in values)}, in this order"
            means = "labels are spent on what the criterion wants least."
            broken(law, selector, on.format(n), came, means)


def check_not_reversed(
    selector: Selector, pick: Pick, examples: Sequence[tuple[str, Candidates]]
) -> None:
    """Check that a larger batch is not always a new pick followed by all of the smaller batch."""
    batches = [
        [pick(selector, on, candidates, n, 7).positions.tolist() for n in range(1, 5)]
        for on, candidates in examples
    ]
    if all(more[1:] == fewer for grown in batches for fewer, more in pairwise(grown)):
        law, came = "most wanted first: a smaller batch is the start of a larger one", batches[0]
        means = "the order is reversed: who stops halfway has labeled the least wanted samples."
        broken(law, selector, f"n = 1 to 4 of {examples[0][0]}", f"{came}", means)


def check_order_of_equals(selector: Selector, on: str, picks: Sequence[Tensor]) -> None:
    """Check that picks of equal candidates, by several seeds, are not always sorted by position."""
    for name, rows in (("ascending", picks), ("descending", [row.flip(0) for row in picks])):
        if all(bool((row.diff() > 0).all()) for row in rows):
            law, came = "most wanted first: equal candidates come in random order", f"{name} order"
            means = "the order of the picks is that of the dataset, not of what is wanted."
            broken(law, selector, on, f"positions in {came} for every seed", means)
