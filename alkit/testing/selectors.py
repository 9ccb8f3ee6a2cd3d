"""The laws of a selector."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from alkit.prediction import Prediction
from alkit.selectors import Selector, as_selector
from alkit.testing.laws import broken, check_unchanged, contents, global_random_state_kept, run


def check_selector(selector: Selector | Callable[..., Any]) -> None:
    """Check a selector against the laws, on candidates that are distinct, tied, or duplicates.

    Exactly ``min(n, N)`` distinct positions, for n from 1 to beyond N; repeatable from the
    generator alone; ties broken by the generator, with equal chances; scores, prediction and
    global random state left alone. Scores are not negative, and a prediction with features
    ``(N, 2)`` is always given.

    Args:
        selector: an instance, or a function ``(scores, n, generator, prediction)``.

    Raises:
        LawError: the law, the candidates, what came, and what it means.
    """
    selector = as_selector(selector)
    for on, scores, prediction in _candidates():
        for n in sorted({1, 2, 3, len(scores) - 1, len(scores), len(scores) + 3} - {0}):
            _check_call(selector, f"n = {n} of {on}", scores, n, prediction)
    _check_ties(selector)


def _candidates() -> Iterator[tuple[str, Tensor, Prediction]]:
    generator = torch.Generator().manual_seed(5)

    def prediction(features: Tensor) -> Prediction:
        logits = features @ torch.tensor([[1.0, 0.0, -1.0], [0.5, -1.0, 0.0]])
        return Prediction(logits, features=features)

    scores, features = torch.rand(12, generator=generator), torch.randn(12, 2, generator=generator)
    pairs = torch.arange(6).repeat(2)
    yield "12 candidates", scores, prediction(features)
    yield "6 candidates that come twice each", scores[pairs], prediction(features[pairs])
    yield "12 candidates, equal scores", torch.ones(12), prediction(features)
    yield "12 candidates, scores of zero", torch.zeros(12), prediction(features)
    yield "12 equal candidates", torch.ones(12), prediction(torch.ones(12, 2))
    yield "one candidate", scores[:1], prediction(features[:1])


def _check_call(
    selector: Selector, on: str, scores: Tensor, n: int, prediction: Prediction
) -> None:
    before, scores_before = contents(prediction), scores.clone()

    def pick() -> Tensor:
        return selector(scores, n, torch.Generator().manual_seed(7), prediction)

    with global_random_state_kept(selector, on):
        picks = run(selector, on, pick)
        check_unchanged(selector, on, before, prediction)
        if not scores.equal(scores_before):
            law = "its input is left unchanged"
            broken(law, selector, on, f"the scores {scores}", f"they were {scores_before}.")
        again = run(selector, on, pick)
    number = min(n, len(scores))
    if picks.ndim != 1 or picks.dtype != torch.long or len(picks.unique()) != number:
        law = "exactly min(n, N) distinct positions, as a long tensor"
        came = f"{picks} ({picks.dtype}), where {number} are to be picked"
        broken(law, selector, on, came, "a part of the budget would be lost.")
    if not picks.equal(again):
        law, came = "the same generator gives the same picks", f"{picks} and then {again}"
        broken(law, selector, on, came, "it has a source of chance that no seed controls.")


def _check_ties(selector: Selector) -> None:
    """Equal candidates: each is picked 100 times on average, with a deviation of 7."""
    n, candidates, seeds = 3, 6, 200
    scores = torch.ones(candidates)
    prediction = Prediction(torch.zeros(candidates, 3), features=torch.ones(candidates, 2))
    counts = torch.zeros(candidates, dtype=torch.long)
    for seed in range(seeds):
        counts[selector(scores, n, torch.Generator().manual_seed(seed), prediction)] += 1
    expected = seeds * n / candidates
    if ((counts - expected).abs() > expected / 2).any():
        law = "ties are broken by the generator"
        on = f"n = {n} of {candidates} equal candidates, {seeds} seeds"
        came = f"picked {counts.tolist()} times, where each has the same chance"
        broken(law, selector, on, came, "the order of the dataset decides what is annotated.")
