import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import chisquare


def greedy(n, N, gain):
    picks = []
    for _ in range(n):
        gains = [-np.inf if i in picks else gain(picks, i) for i in range(N)]
        picks.append(int(np.argmax(gains)))
    return picks


def gradient_embedding(arrays):
    p = arrays.probabilities.astype(np.float64)
    residual = p - np.eye(p.shape[1])[p.argmax(1)]
    return (residual[:, :, None] * arrays.pool[:, None, :]).reshape(len(p), -1)


def test_the_textbook_k_center_is_the_brute_force_greedy(part, arrays):
    picks = part("textbook").kcenter(arrays, 10)()
    centers = cdist(arrays.pool, arrays.rows[200:]).min(1)
    pairs = cdist(arrays.pool, arrays.pool)
    expected = greedy(10, 200, lambda taken, i: min(centers[i], *pairs[i][taken], np.inf))
    assert picks.tolist() == expected
    radius = np.minimum(centers, pairs[:, expected].min(1)).max()
    objective = part("workloads").WORKLOADS["k-center"].objective(arrays, picks)
    assert objective == pytest.approx(radius, rel=1e-4)


def test_factored_gradient_embeddings_have_the_distances_of_their_outer_products(part, arrays):
    workloads = part("workloads")
    factors = workloads.gradient_factors(arrays)
    formed = gradient_embedding(arrays)
    np.testing.assert_allclose(
        workloads.squared_distances(factors, factors), cdist(formed, formed) ** 2, atol=1e-3
    )


def test_the_textbook_badge_draws_from_the_k_means_plus_plus_distribution(part):
    workloads, badge = part("workloads"), part("textbook").badge
    rng = np.random.default_rng(0)
    rows, p = 3 * rng.standard_normal((5, 3)), rng.dirichlet([1, 1, 1], 5)
    arrays = workloads.Arrays(rows.astype(np.float32), p.astype(np.float32), 0)
    formed = gradient_embedding(arrays)
    norms, pairs = (formed**2).sum(1), cdist(formed, formed) ** 2
    pairs = np.minimum(pairs, norms[None])
    np.fill_diagonal(pairs, 0)
    expected = (norms / norms.sum())[:, None] * pairs / pairs.sum(1, keepdims=True)
    seen = np.zeros((5, 5))
    for seed in range(2500):
        seen[tuple(badge(arrays, 2, seed=seed)())] += 1
    off = ~np.eye(5, dtype=bool)
    assert seen[~off].sum() == 0
    assert chisquare(seen[off], 2500 * expected[off] / expected[off].sum()).pvalue > 1e-4


@pytest.mark.parametrize("name", ["ProbCover", "MaxHerding", "facility location"])
def test_the_textbook_coverage_methods_are_the_brute_force_greedy(part, arrays, name):
    workloads, arrays = part("workloads"), arrays.unit()
    pairs = cdist(arrays.pool, arrays.pool)
    similarity = {
        "ProbCover": (pairs <= workloads.RADIUS).astype(float),
        "MaxHerding": np.exp(-((pairs / workloads.WIDTH) ** 2)),
        "facility location": np.maximum(arrays.pool @ arrays.pool.T, 0),
    }[name]
    expected = greedy(5, 200, lambda taken, i: similarity[[*taken, i]].max(0).mean().round(6))
    picks = part("textbook").METHODS[name]["textbook"](arrays, 5)()
    best = similarity[expected].max(0).mean()
    objective = workloads.WORKLOADS[name].objective(arrays, picks)
    assert objective == pytest.approx(best, rel=1e-4)
    if name != "ProbCover":  # many balls cover as much as each other
        assert picks.tolist() == expected


@pytest.mark.parametrize("name", ["k-means medoids", "TypiClust"])
def test_the_textbook_clusterings_pick_distinct_rows_nearer_than_random_ones(part, arrays, name):
    objective = part("workloads").WORKLOADS[name].objective
    picks = part("textbook").METHODS[name]["textbook"](arrays, 10)()
    assert len(set(picks.tolist())) == 10
    rng = np.random.default_rng(0)
    anyhow = [objective(arrays, rng.permutation(200)[:10]) for _ in range(20)]
    assert objective(arrays, picks) < min(anyhow)


COVERAGE = ["k-center", "k-means medoids", "ProbCover", "MaxHerding", "facility location"]


@pytest.mark.parametrize("name", COVERAGE)
def test_the_textbook_picks_are_distinct_among_duplicates(part, arrays, name):
    twice = np.repeat(arrays.unit().pool[:8], 2, axis=0)
    doubled = part("workloads").Arrays(twice, arrays.probabilities[:16], 0)
    picks = part("textbook").METHODS[name]["textbook"](doubled, 16)()
    assert sorted(picks.tolist()) == list(range(16))


def test_the_textbook_typiclust_picks_the_middle_of_a_cluster(part):
    angles = np.arange(30) * 2 * np.pi / 30
    ring = np.stack([np.cos(angles), np.sin(angles)], 1)
    rows = np.concatenate([ring, [[0.0, 0.0]], ring * 0.8]).astype(np.float32)
    arrays = part("workloads").Arrays(rows, np.ones((61, 0), np.float32), 0)
    nearest = np.sort(cdist(rows, rows), 1)[:, 1:21].mean(1)
    assert part("textbook").typiclust(arrays, 1)().tolist() == [nearest.argmin()]


@pytest.mark.parametrize("name", ["margin", "least confidence", "entropy"])
def test_the_textbook_scores_are_those_of_their_definitions(part, arrays, name):
    p = np.sort(arrays.probabilities.astype(np.float64), axis=1)
    score = {
        "margin": p[:, -2] - p[:, -1],
        "least confidence": -p[:, -1],
        "entropy": -(p * np.log(p)).sum(1),
    }[name]
    picks = part("textbook").METHODS[name]["textbook"](arrays, 10)()
    assert picks.tolist() == np.argsort(-score)[:10].tolist()
