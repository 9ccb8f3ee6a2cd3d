"""Parts of large pools, and what they cost in quality against brute force."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

import alkit as al
from alkit.selectors import (
    Candidates,
    FacilityLocation,
    MaxHerding,
    ProbCover,
    TypiClust,
    large_pool,
    part,
    typical,
    typiclust,
)
from alkit.selectors.part import Part

SELECTORS = [
    MaxHerding(sample=200),
    al.UncertaintyHerding(sample=200),
    FacilityLocation(sample=200),
    ProbCover(radius=0.3),
    TypiClust(),
]


@pytest.fixture
def small(monkeypatch):
    """Pools are large from 300 candidates, and their groups are of about 50."""
    for module, name, value in (
        (part, "LARGE", 300),
        (large_pool, "LARGE", 300),
        (large_pool, "SIZE", 50),
        (typiclust, "SIZE", 50),
        (typical, "SIZE", 50),
        (large_pool, "CHUNK", 64),
    ):
        monkeypatch.setattr(module, name, value)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(number, groups=12, width=6, seed=0):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(groups, width))
    x = centers[rng.integers(groups, size=number)] + 0.2 * rng.normal(size=(number, width))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def candidates(x, scores=None, known=None):
    x = torch.as_tensor(x)
    scores = torch.ones(len(x)) if scores is None else torch.as_tensor(scores)
    known = None if known is None else al.Prediction(features=torch.as_tensor(known))
    return Candidates(scores, al.Prediction(features=x), known)


def pick(selector, given, n=20, seed=0):
    return selector(given, n, generator(seed))


def test_a_pool_that_is_not_large_is_compared_whole_and_nothing_is_drawn():
    given, draws = candidates(rows(50)), generator()
    whole = Part.of(given, 5, draws)
    assert whole.candidates is given
    assert not whole.note
    assert draws.get_state().equal(generator().get_state())


def test_a_part_holds_what_it_must_and_its_picks_are_positions_among_all(small):
    given, wanted = candidates(rows(1000)), torch.tensor([999, 3, 500])
    found = Part.of(given, 5, generator(), wanted)
    assert len(found.candidates) == 300
    assert found.rows.tolist() == sorted(set(found.rows.tolist()))
    assert found.rows[found.at(wanted)].equal(wanted)
    assert found.candidates.features.equal(given.features[found.rows])
    assert found.picks(torch.tensor([2, 0])).positions.tolist() == found.rows[[2, 0]].tolist()


def test_every_candidate_is_as_likely_in_a_part(small):
    given, counts = candidates(rows(400)), np.zeros(400)
    for seed in range(200):
        counts[Part.of(given, 5, generator(seed)).rows] += 1
    # 200 draws of 3 in 4: 150 each, with a deviation of 6.1
    assert abs(counts - 150).max() < 31


def test_a_part_has_at_least_ten_candidates_per_pick(small):
    assert len(Part.of(candidates(rows(1000)), 50, generator()).candidates) == 500
    assert Part.of(candidates(rows(1000)), 100, generator()).rows is None


@pytest.mark.parametrize("selector", SELECTORS, ids=repr)
def test_a_query_of_a_large_pool_says_that_it_is_approximate(small, selector):
    x = rows(700)
    for number, large in ((300, False), (700, True)):
        query = al.select(
            9, embeddings=x[:number], scores=np.arange(number) / number, selector=selector, seed=0
        )
        assert ("drawn at random" in query.why or "within groups" in query.why) == large
        assert len(set(query)) == 9
    mixed = al.selectors.Mix((0.3, al.Random()), (0.7, selector))
    why = al.select(9, embeddings=x, scores=np.arange(700) / 700, selector=mixed, seed=0).why
    assert "drawn at random" in why or "within groups" in why


@pytest.mark.parametrize("selector", SELECTORS, ids=repr)
def test_a_selector_made_of_others_states_their_approximation(small, selector):
    x, groups = rows(1400), np.arange(1400) % 2
    many = {"first": 600, "most": 600, "passes": 1, "batches": 1}
    for whole in (
        al.Prefilter(2, al.KCenter(), by=selector),
        al.Prefilter(50, selector),
        al.PerGroup(groups, selector),
        al.selectors.Refine([selector], al.TopK(), **many),
        al.selectors.Refine([al.Random()], selector, **many | {"batches": 100}),
    ):
        scores = np.arange(1400) / 1400
        why = al.select(9, embeddings=x, scores=scores, selector=whole, seed=0).why
        assert "drawn at random" in why or "within groups" in why, whole


@pytest.mark.parametrize("selector", SELECTORS, ids=repr)
@pytest.mark.parametrize("annotated", [0, 40])
def test_large_pools_give_distinct_new_picks_repeatably(small, selector, annotated):
    distinct = rows(400)
    known = distinct[:annotated] if annotated else None
    given = candidates(np.tile(distinct, (2, 1)), known=known)
    picks = pick(selector, given, 60).positions
    assert picks.equal(pick(selector, given, 60).positions)
    names = (picks % 400).tolist()
    assert len(set(names)) == 60
    assert min(names) >= annotated


@pytest.mark.parametrize("selector", SELECTORS, ids=repr)
def test_a_query_of_a_whole_large_pool_is_that_pool(small, selector):
    picks = pick(selector, candidates(rows(330)), 330).positions
    assert sorted(picks.tolist()) == list(range(330))


@pytest.mark.parametrize(
    "selector",
    [
        ProbCover(al.selectors.Features("manhattan"), radius=0.4),
        ProbCover(al.selectors.GradientEmbedding(), classes=3),
        TypiClust(al.selectors.GradientEmbedding()),
        TypiClust(al.selectors.Whitened(al.selectors.Features(pca=3))),
        MaxHerding(al.selectors.Whitened(), sample=200),
    ],
    ids=repr,
)
def test_a_large_pool_may_be_compared_in_every_space(small, selector):
    x = torch.as_tensor(rows(700))
    prediction = al.Prediction(x[:, :3], features=x)
    known = al.Prediction(x[:9, :3] + 1, features=x[:9] + 1, ids=torch.arange(700, 709))
    picks = pick(selector, Candidates(None, prediction, known), 30).positions
    assert len(picks.unique()) == 30


class Counting(al.selectors.Features):
    """Normalized features that record how many rows were asked for at a time."""

    most = 0

    def factors(self, prediction):
        self.most = max(self.most, len(prediction))
        return super().factors(prediction)


@pytest.mark.parametrize(
    "selector", [MaxHerding, al.UncertaintyHerding, FacilityLocation, ProbCover, TypiClust]
)
def test_half_precision_of_a_large_pool_is_converted_part_by_part(small, monkeypatch, selector):
    monkeypatch.setattr(large_pool, "SEEN", 2)
    space, half = Counting(normalize=True), torch.as_tensor(rows(3000)).half()
    more = {ProbCover: {"radius": 0.1}, TypiClust: {}}.get(selector, {"sample": 200})
    picks = pick(selector(space, **more), candidates(half)).positions
    assert picks.equal(pick(selector(space, **more), candidates(half.float())).positions)
    assert space.most <= 320  # 300, and 20 picks


def covered(x, picks):
    return np.exp(-(cdist(x, x[picks]) ** 2)).max(1).mean()


def alike(x, picks):
    return np.clip(x @ x[picks].T, 0, None).max(1).mean()


def inside(x, picks):
    return (cdist(x, x[picks]) < 0.3).any(1).mean()


@pytest.mark.parametrize(
    ("selector", "objective"),
    [
        (MaxHerding(sample=200), covered),
        (FacilityLocation(sample=200), alike),
        (ProbCover(radius=0.3), inside),
    ],
    ids=repr,
)
def test_the_objective_is_within_two_percent_of_the_exact_form(
    small, monkeypatch, selector, objective
):
    monkeypatch.setattr(large_pool, "SIZE", 250)
    x = rows(2000)
    large = objective(x, pick(selector, candidates(x)).positions.numpy())
    monkeypatch.setattr(part, "LARGE", 2000)
    exact = objective(x, pick(selector, candidates(x)).positions.numpy())
    assert large >= 0.98 * exact


def test_few_uncertain_candidates_of_a_large_pool_are_in_the_part(small, monkeypatch):
    x, scores = rows(3000), np.zeros(3000)
    uncertain = [5, 1700, 2900]
    scores[uncertain], found = 1, []
    for large in (300, 3000):
        monkeypatch.setattr(part, "LARGE", large)
        picks = pick(al.UncertaintyHerding(sample=200), candidates(x, scores), 3).positions
        found.append(np.exp(-(cdist(x[uncertain], x[picks]) ** 2)).max(1).mean())
    assert found[0] >= 0.98 * found[1]


@pytest.mark.parametrize("normalize", [False, True])
def test_the_most_typical_of_a_large_cluster_is_nearly_the_most_typical(
    small, monkeypatch, normalize
):
    monkeypatch.setattr(large_pool, "SIZE", 150)
    monkeypatch.setattr(typiclust, "SIZE", 150)
    monkeypatch.setattr(typical, "SIZE", 150)
    x = np.random.default_rng(0).normal(size=(1200, 4)).astype(np.float32)
    selector = TypiClust(al.selectors.Features(normalize=normalize))
    (found,) = pick(selector, candidates(x), 1).positions.tolist()
    x = x / np.linalg.norm(x, axis=1, keepdims=True) if normalize else x
    means = np.sort(cdist(x, x), axis=1)[:, 1:21].mean(1)
    assert means[found] <= 1.001 * means.min()


def test_the_clusters_of_a_large_pool_are_those_of_all_candidates(small):
    rng = np.random.default_rng(1)
    group = rng.permutation(np.repeat(np.arange(4), [30, 150, 90, 400]))
    x = (50 * np.eye(4, 5)[group] + rng.normal(size=(670, 5))).astype(np.float32)
    picks = pick(TypiClust(al.selectors.Features()), candidates(x), 4).positions
    assert group[picks].tolist() == [3, 1, 2, 0]
    for found in picks.tolist()[1:]:  # clusters that are not split
        inner = x[group == group[found]]
        k = min(20, len(inner) // 2)
        means = np.sort(cdist(inner, inner), axis=1)[:, 1 : k + 1].mean(1)
        own = np.sort(cdist(x[[found]], inner), axis=1)[:, 1 : k + 1].mean()
        assert own <= means.min() * (1 + 1e-5)


def test_the_radius_of_a_large_pool_is_that_of_all_candidates(small):
    x = torch.as_tensor(rows(3000, groups=3, seed=2))
    from alkit.selectors.large_pool import Rows
    from alkit.selectors.probcover import DEFAULT, pure_radius, pure_radius_of_large

    points = Rows(DEFAULT, candidates(x))
    exact = pure_radius(DEFAULT(candidates(x))[0], 3, generator())
    assert pure_radius_of_large(points, 3, generator()) == pytest.approx(exact, rel=0.1)
