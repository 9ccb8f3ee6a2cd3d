"""ProbCover against balls counted by hand, and the radius found by purity."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

import alkit as al
import alkit.selectors.geometry.coverage as engine
from alkit.errors import ConfigurationError, PredictionError
from alkit.selectors.geometry.balls import Balls
from alkit.selectors.probcover import pure_radius


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def candidates(features, known=None, outputs=None):
    annotated = None if known is None else al.Prediction(features=known)
    prediction = al.Prediction(outputs, features=features)
    return al.Candidates(prediction=prediction, annotated=annotated)


def groups(n=60, seed=0):
    centers = torch.tensor([[5.0, 0, 0], [0, 5, 0], [0, 0, 5]])
    labels = torch.arange(n) % 3
    return centers[labels] + 0.3 * torch.randn(n, 3, generator=generator(seed)), labels


@pytest.mark.parametrize("annotated", [0, 5])
@pytest.mark.parametrize("seed", range(3))
def test_each_ball_holds_the_most_that_no_ball_holds_yet(annotated, seed):
    x = torch.randn(80, 3, generator=generator(seed))
    known = torch.randn(annotated, 3, generator=generator(9)) if annotated else None
    selector = al.selectors.ProbCover(al.Features(), radius=0.8)
    picks = selector(candidates(x, known), 8, generator()).positions.tolist()
    rows = x.double().numpy()
    near = cdist(rows, rows) < 0.8
    covered = np.zeros(80, bool)
    if known is not None:
        covered = (cdist(rows, known.double().numpy()) < 0.8).any(1)
    for pick in picks:
        news = near[:, ~covered].sum(1)
        assert news[pick] == news.max()
        covered |= near[pick]


def test_without_room_for_the_graph_the_picks_are_the_same(monkeypatch):
    x, known = (
        torch.randn(900, 3, generator=generator(1)),
        torch.randn(4, 3, generator=generator(9)),
    )
    selector = al.selectors.ProbCover(al.Features(), radius=0.5)
    kept = selector(candidates(x, known), 60, generator()).positions
    monkeypatch.setattr(engine, "TABLE", 900 * 113 - 1)
    monkeypatch.delattr(Balls, "take")  # fails if it is used
    assert selector(candidates(x, known), 60, generator()).positions.equal(kept)


def test_every_group_gets_a_pick_and_the_radius_is_found_by_purity():
    x, labels = groups()
    picks = al.selectors.ProbCover(classes=3)(candidates(x), 3, generator()).positions
    assert sorted(labels[picks].tolist()) == [0, 1, 2]
    outputs = torch.zeros(60, 3)
    assert al.selectors.ProbCover()(candidates(x, None, outputs), 3, generator()).positions.equal(
        picks
    )


def test_at_the_radius_found_nineteen_of_twenty_balls_are_pure():
    x, labels = groups()
    points, _ = al.Features()(candidates(x))
    radius = pure_radius(points, 3, generator())
    distances = cdist(x.numpy(), x.numpy())
    other = np.where(labels[:, None] == labels[None], np.inf, distances).min(1)
    assert (other >= radius * 0.999).mean() >= 0.9
    assert (other >= radius * 1.05).mean() < 0.97


def test_without_a_radius_the_number_of_classes_must_be_known():
    with pytest.raises(PredictionError, match="outputs"):
        al.selectors.ProbCover()(candidates(torch.eye(4)), 2, generator())


@pytest.mark.parametrize("wrong", [{"radius": 0}, {"radius": -1}, {"classes": 1}])
def test_wrong_arguments_raise(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        al.selectors.ProbCover(**wrong)
