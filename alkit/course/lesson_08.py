"""Checks of lesson 8, a strategy of your own: a score, a selector, a training step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from alkit.course.mistakes import judge
from alkit.errors import AnswerError, PicksError
from alkit.pool import ActiveLearningDataset
from alkit.prediction import Prediction
from alkit.selectors import Candidates, Picks, Selector, as_selector
from alkit.strategies import ActiveLearner

CANDIDATES = 60


def check_score(answer: Callable[[Prediction], Tensor]) -> str:
    """Exercise 08-a: the second largest probability."""

    def second(prediction: Prediction) -> Tensor:
        return prediction.mean_probabilities.topk(2).values[:, 1]

    def sorted_up(prediction: Prediction) -> Tensor:
        return prediction.mean_probabilities.sort(-1).values[:, 1]

    def over_batch(prediction: Prediction) -> Tensor:
        return second(prediction) / second(prediction).max()

    sure = "the score is highest where the model is most certain: is the sign or position right?"
    generator = torch.Generator().manual_seed(8)
    cases = [
        (Prediction(3 * torch.randn(shape, generator=generator), kind="logits"),)
        for shape in ((9, 5), (6, 3, 4), (7, 2))
    ]
    judge(
        answer,
        second,
        cases,
        [
            (lambda p: -second(p), "the sign is reversed: higher scores are queried first."),
            (lambda p: 1 - second(p), sure),
            (lambda p: p.mean_probabilities.max(-1).values, sure),
            (lambda p: p.mean_probabilities.topk(2).values.diff(dim=1)[:, 0].abs(), sure),
            (lambda p: 1 - p.mean_probabilities.max(-1).values, "this is how improbable the first "
             "guess is. With more than two classes, the second guess is less probable than that."),
            (sorted_up, "this is the second smallest: in which direction is it sorted?"),
            (lambda p: p.mean_probabilities.topk(2).indices[:, 1], "this is the index of the "
             "class, not its probability."),
            (lambda p: p.outputs.mean(1).topk(2).values[:, 1], "these are the model's raw outputs: "
             "are they probabilities?"),
            (lambda p: p.probabilities.topk(2).values[..., 1].mean(1), "use the second guess of "
             "the mean over posterior samples: first the mean, then the second largest."),
            (over_batch, "the score of a sample depends on the other samples: use one row alone."),
        ],
        "for the probabilities 0.6, 0.3 and 0.1 the score is 0.3: try one row by hand.",
    )  # fmt: skip
    return "A score is a formula of one row; alkit does everything else."


def check_selector(answer: Selector | Callable[..., Any]) -> str:
    """Exercise 08-b: half by score, half at random."""
    if isinstance(answer, type):
        raise AnswerError(f"expected an instance: {answer.__name__}(), not the class.")
    scores = torch.randperm(CANDIDATES, generator=torch.Generator().manual_seed(0)).double()
    candidates = Candidates(scores, ids=torch.arange(CANDIDATES) + 500)
    order = scores.argsort(descending=True).tolist()
    selector = as_selector(answer)
    for n in (10, 7, 1, CANDIDATES):
        picks = _picks(selector, candidates, n)
        best = n - n // 2
        if set(picks[:best]) == set(order[-best:]) and n < CANDIDATES:
            raise AnswerError("the first picks have the lowest scores: is the sort order right?")
        if set(picks[:best]) != set(order[:best]):
            raise AnswerError(f"of {n} picks, the first {best} should have the highest scores.")
        if picks[:best] != order[:best]:
            raise AnswerError("the first picks have the highest scores, but not highest first.")
    first, again, other = (_picks(selector, candidates, 10, seed) for seed in (0, 0, 1))
    if first != again:
        raise AnswerError(
            "the same generator gives different picks: draw from `generator`, not from torch's own."
        )
    if first == other:
        raise AnswerError("another generator gives the same picks: nothing is drawn at random.")
    ranks = [
        order.index(p) for seed in range(100) for p in _picks(selector, candidates, 10, seed)[5:]
    ]
    if len(set(ranks)) < CANDIDATES - 5 or not 27 < sum(ranks) / len(ranks) < 37:
        raise AnswerError(
            "the second half is not drawn uniformly from all other candidates: over 100 draws, "
            "some come more often than others."
        )
    return "Half of the budget does not depend on whether the score is right."


def _picks(selector: Selector, candidates: Candidates, n: int, seed: int = 0) -> list[int]:
    picked = selector.select(candidates, n, torch.Generator().manual_seed(seed))
    picked = picked.positions if isinstance(picked, Picks) else picked
    positions = [int(p) for p in picked]
    twice = sorted(p for p in set(positions) if positions.count(p) > 1)
    if twice:
        raise AnswerError(f"this batch contains candidate {twice[0]} twice.")
    if set(positions) & set(candidates.ids.tolist()):
        raise AnswerError("these are ids of samples: a selector returns positions, 0 to N - 1.")
    try:
        return selector(candidates, n, torch.Generator().manual_seed(seed)).positions.tolist()
    except PicksError as error:
        raise AnswerError(str(error)) from error


class _Watched(L.LightningModule):
    """Module that records its inputs, in training and in scoring."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
        nn.init.zeros_(self.net.get_parameter("1.weight"))
        self.trained: list[Tensor] = []
        self.scored: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        (self.trained if self.training else self.scored).append(x.detach().clone())
        return self.net(x)

    def training_step(self, batch: Sequence[Tensor], batch_idx: int) -> Tensor:
        x, y = batch
        return nn.functional.cross_entropy(self(x), y)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def check_training(answer: type[ActiveLearner]) -> str:
    """Exercise 08-c: noise in training."""
    if not isinstance(answer, type) or not issubclass(answer, ActiveLearner):
        raise AnswerError(f"expected a class, a subclass of al.ActiveLearner; got {answer!r}.")
    generator = torch.Generator().manual_seed(8)
    images = 4 * torch.rand(80, 8, 8, generator=generator)  # farther apart than any noise
    pool = ActiveLearningDataset(TensorDataset(images, torch.arange(80) % 4))
    pool.annotate(range(40))
    module = _Watched()
    learner = answer(module, pool, seed=0, batch_size=20)
    learner.fit(max_steps=4, enable_progress_bar=False)
    if not module.trained:
        raise AnswerError("the model received no images in training: call it as self(x).")
    seen = torch.cat(module.trained)
    nearest = _apart(seen, images).argmin(1)
    if bool((nearest >= 40).any()):
        raise AnswerError("the model was trained on an unannotated sample.")
    _check_noise(seen - images[nearest], len(module.trained[0]))
    if not bool(module.net.get_parameter("1.weight").any()):
        raise AnswerError("the model has learned nothing: does training_step return the loss?")
    learner.query(4)
    if bool((_apart(torch.cat(module.scored), images).amin(1) > 1e-3).any()):
        raise AnswerError("images in the query are noisy, too: only training_step may add noise.")
    return "You can change how a model trains without changing how it queries."


def _apart(some: Tensor, others: Tensor) -> Tensor:
    """Pairwise distances, exactly 0 between equal images."""
    exact = "donot_use_mm_for_euclid_dist"
    return torch.cdist(some.flatten(1), others.flatten(1), compute_mode=exact)


def _check_noise(noise: Tensor, batch: int) -> None:
    spread, mean = float(noise.std()), float(noise.mean())
    if spread < 1e-4:
        raise AnswerError("the images in training have no noise: is training_step overridden?")
    if abs(mean) > 0.02:
        raise AnswerError(f"the noise has a mean of {mean:.2f}: torch.rand is never below 0.")
    if not 0.09 < spread < 0.11:
        raise AnswerError(f"the noise has a standard deviation of {spread:.2f}, not 0.10.")
    if torch.allclose(noise[0], noise[1], atol=1e-4):
        raise AnswerError("every image of a batch got the same noise.")
    if torch.allclose(noise[0], noise[batch], atol=1e-4):
        raise AnswerError("every batch got the same noise: do not seed in training_step.")
    if float(noise[0].std()) < 1e-4:
        raise AnswerError("every pixel of an image got the same noise.")


CHECKS = {"08-a": check_score, "08-b": check_selector, "08-c": check_training}
