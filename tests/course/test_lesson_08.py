from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

import alkit as al
from alkit.course.lesson_08 import CHECKS
from alkit.errors import AnswerError


def refused(name, answer, hint):
    with pytest.raises(AnswerError, match=hint):
        CHECKS[name](answer)


def test_the_solutions_of_the_lesson_are_right(solutions):
    found = solutions("08", al=al, torch=torch, cross_entropy=cross_entropy)
    for name, answer in zip(CHECKS, ("second_guess", "HalfTrust", "Noisy"), strict=True):
        part = found[answer]
        assert CHECKS[name](part() if name == "08-b" else part)


# --- 08-a ---------------------------------------------------------------------------------------


def second(prediction):
    return torch.tensor(np.partition(prediction.mean_probabilities.numpy(), -2)[:, -2])


def test_the_second_largest_by_numpy_is_right():
    assert "one row" in CHECKS["08-a"](second)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda p: -second(p), "sign is reversed"),
        (lambda p: 1 - second(p), "most certain"),
        (lambda p: p.mean_probabilities.amax(1), "most certain"),
        (lambda p: p.mean_probabilities.amax(1) - second(p), "most certain"),
        (lambda p: 1 - p.mean_probabilities.amax(1), "first\\s+guess"),
        (lambda p: p.mean_probabilities.sort(1).values[:, 1], "second smallest"),
        (lambda p: p.mean_probabilities.argsort(1)[:, -2], "index of the class"),
        (lambda p: p.outputs.mean(1).sort(1).values[:, -2], "raw outputs"),
        (lambda p: p.probabilities.sort(2).values[..., -2].mean(1), "first the mean"),
        (lambda p: second(p) / second(p).max(), "on the other samples"),
        (lambda p: p.mean_probabilities.topk(2).values[:, 1:], "shape"),
        (lambda p: second(p) ** 2, "0.6, 0.3 and 0.1"),
        (0.3, "a function"),
    ],
)
def test_wrong_scores_get_their_own_hint(answer, hint):
    refused("08-a", answer, hint)


# --- 08-b ---------------------------------------------------------------------------------------


def half(candidates, n, generator, best=True):
    scores = candidates.scores.tolist()
    order = sorted(range(len(scores)), key=scores.__getitem__, reverse=best)
    first = order[: n - n // 2]
    chances = torch.ones(len(scores))
    chances[first] = 0
    rest = torch.multinomial(chances, n // 2, generator=generator) if n > 1 else []
    return torch.tensor([*first, *rest])


def test_half_by_score_and_half_at_random_is_correct_as_a_function_and_as_a_selector():
    class Half(al.Selector):
        def select(self, candidates, n, generator):
            return half(candidates, n, generator)

    assert "Half of the budget" in CHECKS["08-b"](half)
    assert "Half of the budget" in CHECKS["08-b"](Half())


def twice(candidates, n, generator):
    """Draw the second half from all candidates, including those already picked."""
    best = candidates.scores.argsort(descending=True)[: n - n // 2]
    return torch.cat([best, torch.cat([best, best])[: n // 2]])


def top(candidates, n, generator):
    return candidates.scores.argsort(descending=True)[:n]


def global_lot(candidates, n, generator):
    order = candidates.scores.argsort(descending=True)
    rest = order[n - n // 2 :]
    return torch.cat([order[: n - n // 2], rest[torch.randperm(len(rest))[: n // 2]]])


def near_the_top(candidates, n, generator):
    order = candidates.scores.argsort(descending=True)
    rest = order[n - n // 2 :]
    chosen = rest[: max(n // 2, 20)]
    drawn = torch.randperm(len(chosen), generator=generator)[: n // 2]
    return torch.cat([order[: n - n // 2], chosen[drawn]])


def too_few(candidates, n, generator):
    return half(candidates, n, generator)[: n - n // 2]


def more_by_lot(candidates, n, generator):
    order = candidates.scores.argsort(descending=True)
    rest = order[n // 2 :]
    drawn = torch.randperm(len(rest), generator=generator)[: n - n // 2]
    return torch.cat([order[: n // 2], rest[drawn]])


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda *a: half(*a, best=False), "lowest scores"),
        (twice, r"contains candidate \d+ twice"),
        (top, "nothing is drawn"),
        (global_lot, "torch's own"),
        (near_the_top, "more often than others"),
        (too_few, "10 distinct positions"),
        (more_by_lot, "first 4 should have the highest"),
        (lambda c, n, g: half(c, n, g)[torch.arange(n).flip(0)], "should have the highest"),
        (lambda c, n, g: c.ids[half(c, n, g)], "ids"),
        (al.TopK, "expected an instance"),
    ],
)
def test_wrong_selectors_get_their_own_hint(answer, hint):
    refused("08-b", answer, hint)


def test_first_picks_in_the_wrong_order_get_their_hint():
    def up(candidates, n, generator):
        picks = half(candidates, n, generator)
        best = n - n // 2
        return torch.cat([picks[:best].flip(0), picks[best:]])

    refused("08-b", up, "not highest first")


# --- 08-c ---------------------------------------------------------------------------------------


def learner(noise, loss=cross_entropy):
    class Learner(al.ActiveLearner):
        def training_step(self, batch, batch_idx):
            x, y = batch
            return loss(self(noise(x)), y)

    return Learner


def noisy(x, spread=0.1):
    return x + spread * torch.randn_like(x)


def test_a_step_with_noise_is_right_whatever_the_seed():
    for seed in range(3):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            assert "without changing" in CHECKS["08-c"](learner(noisy))


def seeded(x):
    generator = torch.Generator().manual_seed(0)
    return x + 0.1 * torch.randn(x.shape, generator=generator)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (learner(lambda x: x), "no noise"),
        (al.ActiveLearner, "no noise"),
        (learner(lambda x: x + 0.1 * torch.rand_like(x)), "never below 0"),
        (learner(lambda x: noisy(x, 0.2)), "deviation of 0.20"),
        (learner(lambda x: noisy(x, 0.01)), "deviation of 0.01"),
        (learner(lambda x: x + 0.1 * torch.randn(8, 8)), "every image"),
        (learner(seeded), "every batch"),
        (learner(noisy, lambda outputs, y: None), "learned nothing"),
        (learner(noisy, lambda outputs, y: 0 * cross_entropy(outputs, y)), "learned nothing"),
        (noisy, "a class"),
    ],
)
def test_wrong_training_steps_get_their_own_hint(answer, hint):
    refused("08-c", answer, hint)


def test_noise_in_the_query_gets_its_hint():
    class Noisy(al.ActiveLearner):
        def forward(self, x):
            return self.module(noisy(x))

        def predictions(self, pool, indices):
            for prediction in super().predictions(pool, indices):
                self(next(iter(pool.view(indices, labels=False)))[None])
                yield prediction

        def training_step(self, batch, batch_idx):
            x, y = batch
            return cross_entropy(self(x), y)

    refused("08-c", Noisy, "query are noisy")


def test_training_on_images_that_nobody_annotated_gets_its_hint():
    class Guessing(al.ActiveLearner):
        def training_step(self, batch, batch_idx):
            x = torch.stack(list(self.train_pool.unannotated))
            return cross_entropy(self(noisy(x)), torch.zeros(len(x), dtype=torch.long))

    refused("08-c", Guessing, "an unannotated sample")


def test_a_model_that_is_never_called_gets_its_hint():
    class Still(al.ActiveLearner):
        def training_step(self, batch, batch_idx):
            return sum(p.sum() for p in self.parameters())

    refused("08-c", Still, "received no images")
