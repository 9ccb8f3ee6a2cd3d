from collections import Counter

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score

from alkit.errors import ConfigurationError, NotEnoughMemoryError, ScoreError
from alkit.prediction import Prediction
from alkit.selectors import Candidates, Features, Points
from alkit.selectors.clustermargin import ClusterMargin, average_linkage


def candidates(rows, scores):
    rows = torch.as_tensor(rows, dtype=torch.float32)
    return Candidates(torch.as_tensor(scores, dtype=torch.float32), Prediction(features=rows))


def pick(selector, given, n, seed=0):
    return selector(given, n, torch.Generator().manual_seed(seed)).positions.tolist()


@pytest.mark.parametrize("k", [1, 2, 7, 100, 300])
@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_the_clusters_are_those_of_average_linkage(k, metric):
    rows = np.random.default_rng(k).normal(size=(300, 4)).astype(np.float32)
    theirs = AgglomerativeClustering(k, linkage="average", metric=metric).fit(rows).labels_
    ours = average_linkage(Points((torch.tensor(rows),), metric), k)
    assert adjusted_rand_score(theirs, ours) == 1
    assert sorted(set(ours.tolist())) == list(range(k))


def test_only_the_highest_scores_are_picked_one_of_each_cluster():
    group = np.arange(60) % 6
    rows = 50 * np.eye(6)[group] + np.random.default_rng(0).normal(size=(60, 6))
    scores = np.where(group < 4, 1 + np.arange(60) / 60, 0)
    for seed in range(5):
        picks = pick(ClusterMargin(), candidates(rows, scores), 4, seed)
        assert sorted(group[picks]) == [0, 1, 2, 3]
    best = np.argsort(-scores)[:8].tolist()
    assert set(pick(ClusterMargin(factor=2), candidates(rows, scores), 4)) <= set(best)


def test_clusters_take_turns_the_smallest_first_until_they_are_used_up():
    group = np.repeat([0, 1, 2], [2, 3, 6])
    rows = 90 * group[:, None] + np.arange(11)[:, None]
    picks = pick(ClusterMargin(clusters=3), candidates(rows, np.ones(11)), 11)
    assert group[picks].tolist() == [0, 1, 2, 0, 1, 2, 1, 2, 2, 2, 2]


def test_each_member_of_a_cluster_is_as_likely():
    rows = np.array([0.0, 1, 2, 3, 90])[:, None]
    given = candidates(rows, [5, 4, 3, 2, 1])
    counts = Counter(pick(ClusterMargin(), given, 2, seed)[1] for seed in range(240))
    assert set(counts) == {0, 1, 2, 3}
    assert scipy.stats.chisquare(list(counts.values())).pvalue > 1e-4


def test_clusters_of_one_size_come_in_random_order():
    given = candidates(np.array([[0.0], [90], [180]]), [1, 1, 1])
    firsts = Counter(pick(ClusterMargin(clusters=3), given, 1, seed)[0] for seed in range(200))
    assert len(firsts) == 3
    assert min(firsts.values()) > 35


VALUES = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=14)


@given(VALUES, st.integers(1, 14), st.sampled_from([None, 1, 2, 5]))
def test_nothing_is_picked_twice_while_something_else_is_left(rows, n, clusters):
    n = min(n, len(rows))
    given = candidates(rows, np.ones(len(rows)))
    picked = [rows[i] for i in pick(ClusterMargin(factor=14, clusters=clusters), given, n)]
    assert len(picked) == n
    assert len(set(picked)) == min(n, len(set(rows)))


def test_one_candidate_is_picked():
    assert pick(ClusterMargin(), candidates([[1.0, 2]], [0.0]), 3) == [0]


def test_a_tree_that_does_not_fit_into_memory_raises_before_it_is_built():
    given = candidates(np.zeros((1_000_000, 1)), np.ones(1_000_000))
    with pytest.raises(NotEnoughMemoryError, match="the tree of 1,000,000 candidates"):
        pick(ClusterMargin(factor=1000), given, 1000)


def test_scores_are_needed():
    given = Candidates(prediction=Prediction(features=torch.zeros(3, 2)))
    with pytest.raises(ScoreError, match="needs scores"):
        pick(ClusterMargin(), given, 2)


@pytest.mark.parametrize("arguments", [{"factor": 0.5}, {"factor": "10"}, {"factor": np.nan}])
def test_a_factor_below_one_is_an_error(arguments):
    with pytest.raises(ConfigurationError, match="factor must be a number of at least 1"):
        ClusterMargin(**arguments)


@pytest.mark.parametrize("clusters", [0, 1.5, -3, "9", True])
def test_clusters_must_be_a_positive_integer(clusters):
    with pytest.raises(ConfigurationError, match="clusters must be"):
        ClusterMargin(clusters=clusters)


def test_it_prints_as_it_is_made():
    assert repr(ClusterMargin()) == "ClusterMargin()"
    made = "ClusterMargin(space=Features('cosine'), factor=2.5, clusters=7)"
    assert repr(ClusterMargin(Features("cosine"), factor=2.5, clusters=7)) == made
