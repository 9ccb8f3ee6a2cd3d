"""DCoM against the same rule written with loops over samples."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

import alkit as al
import alkit.selectors.geometry.coverage as engine
from alkit.errors import ConfigurationError
from alkit.selectors.dcom import Dcom, pure_radii
from alkit.selectors.geometry.balls import Balls
from alkit.selectors.geometry.points import Points

RADIUS = 0.6


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def case(seed, annotated, total=50):
    """Rows, outputs and scores of candidates; rows, outputs and labels of annotated samples."""
    rng = np.random.default_rng(seed)
    x, known = rng.normal(size=(total, 2)), rng.normal(size=(annotated, 2))
    p, q = rng.dirichlet(np.ones(3), total), rng.dirichlet(np.ones(3), annotated)
    return x, p, rng.random(total), known, q, rng.integers(0, 3, annotated)


def candidates(x, p, scores, known, q, labels):
    prediction = al.Prediction(torch.tensor(p), features=torch.tensor(x), kind="probabilities")
    if not len(known):
        return al.Candidates(torch.tensor(scores), prediction)
    ids = 1000 + torch.arange(len(known))
    annotated = al.Prediction(
        torch.tensor(q), ids, features=torch.tensor(known), kind="probabilities"
    )
    return al.Candidates(torch.tensor(scores), prediction, annotated, torch.tensor(labels))


def radius_of(center, label, everyone, guesses, purity, first):
    low, high = 0.0, first * 1.1 / 0.75
    while high - low > first * 0.05 / 0.75:
        middle = (low + high) / 2
        ball = [
            g for row, g in zip(everyone, guesses, strict=True) if math.dist(row, center) < middle
        ]
        if ball.count(label) / len(ball) >= purity:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def reference(x, p, scores, known, q, labels, n, k=50, a=0.8, radius=RADIUS):
    """Picks by the formula, sample by sample."""
    total = len(x) + len(known)
    near, mean, coverage, covered = cdist(x, x), radius, 0.0, [False] * len(x)
    if len(known):
        apart = cdist(x, known)
        first = ((apart < radius).any(1).sum() + len(known)) / total
        everyone, guesses = np.concatenate([x, known]), np.concatenate([p, q]).argmax(1).tolist()
        radii = [
            radius_of(row, label, everyone, guesses, 0.4 + 0.2 * first, radius)
            for row, label in zip(known, labels, strict=True)
        ]
        covered = [any(d < r for d, r in zip(row, radii, strict=True)) for row in apart]
        coverage, mean = (sum(covered) + len(known)) / total, np.mean(radii)
    competence = (1 + np.exp(-k * (1 - a))) / (1 + np.exp(-k * (coverage - a)))
    margins = (scores - scores.min()) / np.ptp(scores)
    picks, covered = [], np.array(covered)
    closed = (x[:, None] == known).all(2).any(1)
    for _ in range(n):
        ranks = np.array([((near[i] < mean) & ~covered).sum() for i in range(len(x))])
        values = competence * margins + (1 - competence) * ranks / max(ranks.max(), 1)
        values[closed] = -1
        picks.append(int(values.argmax()))
        closed |= (x == x[picks[-1]]).all(1)
        covered |= near[picks[-1]] < mean
    return picks


@pytest.mark.parametrize("annotated", [0, 1, 8, 30])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("k", "a"), [(30, 0.9), (4, 0.5)])
def test_the_picks_are_those_of_the_formula(seed, annotated, k, a):
    given = case(seed, annotated)
    selector = Dcom(al.Features(), radius=RADIUS, steepness=k, center=a)
    picks = selector(candidates(*given), 9, generator()).positions.tolist()
    assert picks == reference(*given, 9, k, a)


@pytest.mark.parametrize("annotated", [8, 30])  # with fewer, scores do not break ties
@pytest.mark.parametrize("seed", range(4))
def test_the_picks_of_the_defaults_are_those_of_the_formula(seed, annotated):
    given = case(seed, annotated)
    picks = Dcom(al.Features(), radius=RADIUS)(candidates(*given), 9, generator()).positions
    assert picks.tolist() == reference(*given, 9)


def test_without_room_for_the_graph_the_picks_are_the_same(monkeypatch):
    given = candidates(*case(3, 20, 300))
    selector = Dcom(al.Features(), radius=0.3)
    kept = selector(given, 40, generator()).positions
    monkeypatch.setattr(engine, "TABLE", 0)
    monkeypatch.delattr(Balls, "take")  # fails if it is used
    assert selector(given, 40, generator()).positions.equal(kept)


def test_the_competence_rises_from_zero_to_one():
    dcom = Dcom()
    assert (dcom.steepness, dcom.center) == (50, 0.8)  # those of the authors' code
    values = [dcom.competence(c) for c in (0, 0.5, 0.8, 1)]
    assert values == sorted(values)
    assert values[0] < 1e-9
    assert values[2] == pytest.approx((1 + math.exp(-10)) / 2)
    assert values[3] == 1
    assert Dcom(steepness=1e6).competence(0) == 0


def test_a_covered_pool_is_picked_from_by_scores():
    x = torch.rand(40, 2, generator=generator(1)) * 0.01
    outputs = torch.tensor([[9.0, 0, 0]]).repeat(40, 1)
    known = al.Prediction(outputs[:2], 1000 + torch.arange(2), features=x[:2] + 0.001)
    scores = torch.rand(40, generator=generator(2))
    given = al.Candidates(
        scores, al.Prediction(outputs, features=x), known, torch.zeros(2, dtype=torch.long)
    )
    picks = Dcom(al.Features(), radius=1.0)(given, 5, generator()).positions
    assert picks.equal(scores.argsort(descending=True)[:5])


def test_candidates_equal_to_an_annotated_sample_or_a_pick_come_last():
    x, p, scores, known, q, labels = case(4, 6, 30)
    x[:6], x[6:12] = known, x[12:18]
    scores[:6] += 1  # they would be picked first
    given = (x, p, scores, known, q, labels)
    picks = Dcom(al.Features(), radius=0.2, center=0.1)(candidates(*given), 18, generator())
    first = picks.positions.tolist()
    assert first == reference(*given, 18, a=0.1, radius=0.2)
    assert len({tuple(x[i]) for i in first}) == 18


def test_with_nothing_annotated_the_picks_cover_as_those_of_probcover():
    given = candidates(*case(5, 0, 200))
    picks = Dcom(al.Features(), radius=0.5)(given, 4, generator()).positions
    cover = al.selectors.ProbCover(al.Features(), radius=0.5)(given, 4, generator()).positions
    x = given.features.numpy()
    covered = [(cdist(x, x[p]) < 0.5).any(1).sum() for p in (picks, cover)]
    assert covered[0] == pytest.approx(covered[1], rel=0.02)


def test_a_ball_of_one_class_has_nearly_the_largest_radius_and_an_impure_one_a_small_one():
    rows = torch.tensor([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    guesses = torch.tensor([0, 0, 0, 1, 1, 1])
    radii = pure_radii(
        Points((rows[[0, 3]],)), torch.tensor([0, 0]), Points((rows,)), guesses, 0.6, 1.0
    )
    assert radii[0] > 1 - 1 / 16
    assert radii[1] < 1 / 16


def test_the_radius_is_found_as_in_probcover():
    given = candidates(*case(1, 0, 60))
    picks = Dcom()(given, 3, generator()).positions
    assert len(picks) == 3


@pytest.mark.parametrize("wrong", [{"radius": 0}, {"steepness": 0}, {"center": 1.5}])
def test_wrong_arguments_raise(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Dcom(**wrong)
