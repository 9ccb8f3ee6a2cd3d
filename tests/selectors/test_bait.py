"""BAIT against the trace of explicit matrices, inverted again for every candidate."""

from itertools import combinations

import numpy as np
import pytest
import torch

import alkit as al
from alkit.errors import ConfigurationError, NotEnoughMemoryError
from alkit.selectors.bait import BAIT
from alkit.testing import check_selector


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def gaussians(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed))


def pool(number, known=0, width=3, classes=3, seed=0):
    rows, weight = gaussians(number + known, width, seed=seed), gaussians(width, classes, seed=50)
    prediction = al.Prediction(rows @ weight, features=rows)
    ours, theirs = prediction[:number], prediction[number:] if known else None
    return al.Candidates(prediction=ours, annotated=theirs)


def information(prediction, classes=None):
    """Information (N, P, P) of each sample, over its most probable classes."""
    found = []
    for e, p in zip(
        prediction.features.double().numpy(), prediction.mean_probabilities.double().numpy()
    ):
        total = 0
        for label in np.argsort(-p)[:classes]:
            gradient = np.kron(np.eye(len(p))[label] - p, e)
            total = total + p[label] * np.outer(gradient, gradient)
        found.append(total)
    return np.stack(found)


def of_binary(prediction):
    """Information (N, D, D) of a logistic regression of the predicted class against the others."""
    rows, p = prediction.features.double().numpy(), prediction.mean_probabilities.double().numpy()
    return np.stack([max(q) * (1 - max(q)) * np.outer(e, e) for e, q in zip(rows, p)])


def trace(candidates, classes=None, regularization=1.0, binary=False):
    """The objective of a batch."""
    every = of_binary if binary else information
    each = every(candidates.prediction) if binary else information(candidates.prediction, classes)
    known = None if candidates.annotated is None else every(candidates.annotated).sum(0)
    every = every(candidates.prediction).sum(0)
    start = regularization * np.eye(len(every))
    if known is not None:
        every, start = every + known, start + known
    return lambda batch: np.trace(np.linalg.inv(start + each[list(batch)].sum(0)) @ every)


def textbook(objective, number, n):
    batch = []
    while len(batch) < min(2 * n, number):
        others = [i for i in range(number) if i not in batch]
        batch.append(min(others, key=lambda i: objective([*batch, i])))
    while len(batch) > n:
        worst = min(batch, key=lambda i: objective([j for j in batch if j != i]))
        batch.remove(worst)
    return batch


@pytest.mark.parametrize("known", [0, 4])
@pytest.mark.parametrize("n", [1, 4, 9, 15])
@pytest.mark.parametrize(
    "options",
    [{}, {"regularization": 0.01}, {"classes": 2}, {"classes": 1}, {"binary": True}],
    ids=str,
)
def test_the_picks_are_those_of_inverting_everything(options, n, known):
    candidates = pool(15, known)
    picks = BAIT(**options)(candidates, n, generator()).positions.tolist()
    assert picks == textbook(trace(candidates, **options), 15, n)


def test_it_comes_near_the_best_batch():
    for seed in range(5):
        candidates = pool(9, 2, seed=seed)
        objective = trace(candidates)
        best = min(map(objective, combinations(range(9), 3)))
        mean = np.mean([objective(batch) for batch in combinations(range(9), 3)])
        found = objective(BAIT()(candidates, 3, generator()).positions.tolist())
        assert best - 1e-9 <= found <= best + 0.2 * (mean - best)


def test_principal_directions_are_all_that_counts_where_features_have_no_others():
    candidates = pool(30, 5, width=4)
    directions = torch.linalg.qr(gaussians(40, 4, seed=3)).Q

    def wide(part):
        return al.Prediction(part.outputs, part.ids, features=part.features @ directions.T)

    high = al.Candidates(
        prediction=wide(candidates.prediction), annotated=wide(candidates.annotated)
    )
    picks = BAIT()(candidates, 6, generator()).positions
    assert BAIT(pca=4)(high, 6, generator()).positions.equal(picks)
    assert BAIT(pca=None)(high, 6, generator()).positions.equal(picks)


def test_what_is_certain_or_known_is_not_wanted():
    rows = torch.eye(4)
    outputs = torch.tensor([[0.0, 0], [50, 0], [0, 0], [0.5, 0]])
    candidates = al.Candidates(
        prediction=al.Prediction(outputs, features=rows),
        annotated=al.Prediction(torch.zeros(1, 2), features=2 * rows[:1]),
    )
    assert BAIT()(candidates, 4, generator()).positions.tolist() == [2, 3, 0, 1]


@pytest.mark.parametrize("annotated", [0, 5])
def test_duplicates_are_not_picked_while_others_remain(annotated):
    distinct, weight = gaussians(15, 3), gaussians(3, 3, seed=1)
    rows, known = distinct.repeat(3, 1), distinct[:annotated]
    theirs = al.Prediction(known @ weight, features=known) if annotated else None
    candidates = al.Candidates(
        prediction=al.Prediction(rows @ weight, features=rows), annotated=theirs
    )
    picks = BAIT()(candidates, 45, generator()).positions.tolist()
    assert sorted(pick % 15 for pick in picks[: 15 - annotated]) == list(range(annotated, 15))
    assert sorted(picks) == list(range(45))


def test_rounding_does_not_gather_over_many_picks():
    candidates = pool(120, 3, width=6)
    picks = BAIT(regularization=1e-4)(candidates, 50, generator()).positions.tolist()
    assert picks == textbook(trace(candidates, regularization=1e-4), 120, 50)


@pytest.mark.parametrize("selector", [BAIT(pca=1, classes=1), BAIT(binary=True)], ids=repr)
def test_it_keeps_the_laws(selector):
    check_selector(selector)


def test_what_does_not_fit_into_memory_raises_at_once():
    candidates = al.Candidates(
        prediction=al.Prediction(torch.zeros(2, 5000), features=torch.ones(2, 200))
    )
    with pytest.raises(NotEnoughMemoryError, match=r"5,000 classes and 64 directions.*pca=16"):
        BAIT()(candidates, 1, generator())


@pytest.mark.parametrize("wrong", [{"pca": 0}, {"pca": 1.5}, {"classes": 0}, {"regularization": 0}])
def test_wrong_arguments_raise(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        BAIT(**wrong)


def test_its_repr_is_its_call():
    assert repr(BAIT()) == "BAIT()"
    assert repr(BAIT(pca=None, classes=2)) == "BAIT(pca=None, classes=2)"
    assert repr(BAIT(binary=True)) == "BAIT(binary=True)"
