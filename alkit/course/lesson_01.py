"""Checks of lesson 1: scores, dataset indices, the loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils.data import TensorDataset

from alkit.course.answers import numbers
from alkit.errors import AnswerError
from alkit.loop import ActiveLearningLoop
from alkit.pool import ActiveLearningDataset
from alkit.strategies import UncertaintyStrategy
from alkit.training.optimizers import SGD

ROUNDS, SIZE, STEPS = 3, 4, 15


def wanted(answer: Callable[[torch.Tensor], Any]) -> str:
    """01-a: scores (N,) from probabilities of class 1, highest at 0.5."""
    p = torch.tensor([0.0, 0.9, 0.5, 0.2, 0.35, 1.0, 0.6])
    scores = numbers(answer(p), (7,), "the scores of 7 samples")
    sure = (p - 0.5).abs().numpy()
    if scores.argmax() != 2 and scores.argmin() == 2:
        raise AnswerError("the sample that the model is least certain about has the lowest score.")
    if scores[0] < scores[2] < scores[5] or scores[0] > scores[2] > scores[5]:
        raise AnswerError(
            "the scores only rise or only fall with p; is the model less certain at 0 than at 1?"
        )
    if not np.allclose(numbers(answer(p[3:4]), (1,), "the score of 1 sample"), scores[3]):
        raise AnswerError("the score of a sample depends on the other samples.")
    if not all(a > b for a, b in _pairs(scores[np.argsort(sure, kind="stable")], sure)):
        raise AnswerError(f"the probabilities {p.tolist()} are in the wrong order: {scores}.")
    return "For two classes, every measure of uncertainty ranks the samples in this order."


def _pairs(scores: np.ndarray, sure: np.ndarray) -> list[tuple[float, float]]:
    """Scores of adjacent samples, by certainty, that differ in certainty."""
    order = np.sort(sure)
    return [(scores[i], scores[i + 1]) for i in range(len(sure) - 1) if order[i] < order[i + 1]]


def choose(answer: Callable[..., Any]) -> str:
    """01-b: dataset indices of the n highest scores, highest first."""
    indices = torch.tensor([40, 7, 13, 99, 2, 58])
    scores = torch.tensor([0.1, 0.8, -0.3, 0.5, 0.9, 0.0])
    found = numbers(answer(indices, scores, 3), (3,), "the answer for n = 3").tolist()
    if len(set(found)) < 3:
        raise AnswerError(f"the answer contains a sample twice: {found}.")
    if found == [4, 1, 3]:
        raise AnswerError(
            "these are positions among the candidates. Which dataset indices do they have?"
        )
    if set(found) <= {13, 58, 40}:
        raise AnswerError("these have the lowest scores; return the highest ones.")
    if set(found) != {2, 7, 99}:
        raise AnswerError(
            f"for indices {indices.tolist()} with scores {scores.tolist()}, the answer is {found}."
        )
    if found != [2, 7, 99]:
        raise AnswerError("these are the right samples, but the highest score should come first.")
    if numbers(answer(indices, scores, 1), (1,), "the answer for n = 1")[0] != 2:
        raise AnswerError("with n = 1, the answer is not the sample with the highest score.")
    return "A dataset index refers to the same sample in every round; a position does not."


def loop(answer: Callable[..., Any]) -> str:
    """01-c: the accuracies of a loop of train, test, query and annotate, reset."""
    strategy = _strategy()
    untrained = strategy.test()["testMulticlassAccuracy"]
    found = numbers(answer(strategy, ROUNDS, SIZE, STEPS), (ROUNDS,), "the list of accuracies")
    annotated, expected = strategy.train_pool.get_num_annotated(), 4 + ROUNDS * SIZE
    if annotated != expected:
        raise AnswerError(
            f"4 labels plus {ROUNDS} rounds of {SIZE} make {expected}; {annotated} are annotated."
        )
    first = found[0]
    cold, warm = (_accuracies(warm_start=warm) for warm in (False, True))
    if np.allclose(found, cold):
        return "ActiveLearningLoop computes exactly the same numbers."
    if np.isclose(first, untrained):
        raise AnswerError("the first accuracy is that of a model that was not trained yet.")
    if np.allclose(found, warm):
        raise AnswerError("the model continues from the weights of the previous round.")
    raise AnswerError(
        "the accuracies are not those of train, test, query, annotate and reset, in this order, "
        f"with {STEPS} steps per round."
    )


def _strategy() -> UncertaintyStrategy:
    """Strategy on 60 points of two classes, 4 of them annotated; identical in every call."""
    from torchmetrics import Accuracy

    from alkit.blocks import MultiLayerPerceptron

    rng = torch.Generator().manual_seed(1)
    x = torch.randn(200, 2, generator=rng)
    y = (x[:, 0] * x[:, 1] > 0).long()
    pool = ActiveLearningDataset(TensorDataset(x[:60], y[:60]))
    pool.annotate_random(4, seed=0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return UncertaintyStrategy(
            MultiLayerPerceptron(2, [16], 2),
            train_pool=pool,
            test=TensorDataset(x[60:], y[60:]),
            optimizer=SGD(lr=0.3),
            test_metrics=[Accuracy(task="multiclass", num_classes=2)],
            seed=0,
        ).build()


def _accuracies(warm_start: bool) -> list[float]:
    """Accuracies of ActiveLearningLoop."""
    rounds = ActiveLearningLoop(_strategy(), SIZE, ROUNDS, max_steps=STEPS, warm_start=warm_start)
    return [record.metrics["testMulticlassAccuracy"] for record in rounds]


CHECKS = {"01-a": wanted, "01-b": choose, "01-c": loop}
