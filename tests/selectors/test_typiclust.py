import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from alkit.errors import ConfigurationError
from alkit.prediction import Prediction
from alkit.selectors import Candidates, Features, typiclust
from alkit.selectors.typiclust import TypiClust

PLAIN = Features()


def candidates(rows, known=None):
    rows = torch.as_tensor(rows, dtype=torch.float32)
    annotated = None
    if known is not None and len(known):
        known = torch.as_tensor(known, dtype=torch.float32)
        annotated = Prediction(features=known, ids=len(rows) + torch.arange(len(known)))
    return Candidates(prediction=Prediction(features=rows), annotated=annotated)


def blobs(sizes, seed=0):
    """Groups of rows that any clustering separates, and the group of each row."""
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return (50 * np.eye(len(sizes), 6)[group] + rng.normal(size=(len(group), 6))), group


def pick(selector, given, n, seed=0):
    return selector(given, n, torch.Generator().manual_seed(seed)).positions.tolist()


def typical(rows, members, neighbors=20):
    """Member with the smallest mean distance to its neighbors among the members."""
    k = max(min(neighbors, len(members) // 2), 1)
    distances = np.sort(cdist(rows[members], rows[members]), axis=1)
    return members[distances[:, 1 : k + 1].mean(1).argmin()]


@pytest.mark.parametrize("neighbors", [1, 20])
def test_the_most_typical_of_each_cluster_is_picked_the_largest_first(neighbors):
    rows, group = blobs([30, 400, 8, 90])
    members = [np.flatnonzero(group == cluster) for cluster in (1, 3, 0, 2)]
    picks = pick(TypiClust(PLAIN, neighbors=neighbors), candidates(rows), 4)
    for found, each in zip(picks, members, strict=True):
        best = [typical(rows, each, neighbors)]
        if neighbors == 1:  # each of two that are nearest to each other
            best.append(each[cdist(rows[best], rows[each])[0].argsort()[1]])
        assert found in best


def test_clusters_of_the_fewest_annotated_samples_are_first_and_each_is_counted_as_its_own():
    rows, group = blobs([90, 80, 70, 60, 50])
    of = [rows[group == cluster] for cluster in range(5)]
    known = np.concatenate([of[0][:2], of[1][:1], of[3][:4]]) + 0.1
    assert group[pick(TypiClust(PLAIN), candidates(rows, known), 2)].tolist() == [2, 4]


def test_a_cluster_that_was_picked_from_is_as_one_that_holds_an_annotated_sample(monkeypatch):
    monkeypatch.setattr(typiclust, "MOST_CLUSTERS", 3)
    rows, group = blobs([40, 30, 20])
    known = rows[group == 0][:1] + 0.1
    picks = pick(TypiClust(PLAIN), candidates(rows, known), 7)
    # 1 holds one; then each has one; then each has two
    assert group[picks].tolist() == [1, 2, 0, 1, 2, 0, 1]


def test_a_later_pick_of_a_cluster_is_the_most_typical_of_what_is_left(monkeypatch):
    monkeypatch.setattr(typiclust, "MOST_CLUSTERS", 1)
    rows, left, expected = np.random.default_rng(3).normal(size=(60, 4)), np.arange(60), []
    for _ in range(6):
        expected.append(typical(rows, left))
        left = np.setdiff1d(left, expected)
    assert pick(TypiClust(PLAIN), candidates(rows), 6) == expected


def test_clusters_of_a_few_are_last(monkeypatch):
    rows, group = blobs([40, 5])
    known = rows[group == 0][:1] + 0.1
    assert group[pick(TypiClust(PLAIN), candidates(rows, known), 1)].tolist() == [0]
    rows, group = blobs([40, 6])
    known = rows[group == 0][:1] + 0.1
    assert group[pick(TypiClust(PLAIN), candidates(rows, known), 1)].tolist() == [1]


@pytest.mark.parametrize("sizes", [[1], [2], [1, 1, 2], [3, 1]])
def test_clusters_of_one_or_two_have_a_most_typical_one_too(sizes):
    rows, _ = blobs(sizes)
    for n in range(1, len(rows) + 2):
        picks = pick(TypiClust(PLAIN), candidates(rows), n)
        assert len(set(picks)) == min(n, len(rows))


def test_a_cluster_that_is_used_up_passes_its_turn_on(monkeypatch):
    monkeypatch.setattr(typiclust, "MOST_CLUSTERS", 2)
    rows, group = blobs([30, 7])
    picks = pick(TypiClust(PLAIN), candidates(rows), 30)
    assert group[picks[:14]].tolist() == [0, 1] * 7
    assert set(group[picks[14:]]) == {0}


ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=14)


@given(ROWS, st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=5), st.data())
def test_nothing_is_picked_twice_while_something_else_is_left(rows, known, data):
    n = data.draw(st.integers(1, len(rows)))
    picked = [rows[i] for i in pick(TypiClust(PLAIN), candidates(rows, known), n)]
    news = set(rows) - set(known)
    assert len(picked) == n
    assert len(set(picked) & news) == min(n, len(news))


def test_of_duplicates_each_is_as_likely():
    rows, _ = blobs([30])
    rows[[3, 8, 21]] = rows[0] = rows.mean(0)
    counts = np.bincount([pick(TypiClust(PLAIN), candidates(rows), 1, s)[0] for s in range(200)])
    assert set(np.flatnonzero(counts)) == {0, 3, 8, 21}
    assert counts[[0, 3, 8, 21]].min() > 25


def test_rows_are_brought_to_norm_one_unless_a_space_is_given():
    rows, _ = blobs([25, 60])
    scale = np.random.default_rng(0).uniform(0.1, 10, size=(85, 1))
    assert pick(TypiClust(), candidates(scale * rows), 2) == pick(TypiClust(), candidates(rows), 2)


@pytest.mark.parametrize("neighbors", [0, -1, 2.5, True, "20", None])
def test_neighbors_must_be_a_positive_integer(neighbors):
    with pytest.raises(ConfigurationError, match="neighbors must be"):
        TypiClust(neighbors=neighbors)


def test_the_manhattan_distance_is_an_error_at_once():
    with pytest.raises(ConfigurationError, match="manhattan"):
        TypiClust(Features("manhattan"))


def test_it_prints_as_it_is_made():
    assert repr(TypiClust()) == "TypiClust()"
    assert repr(TypiClust(Features(normalize=True))) == "TypiClust()"
    assert repr(TypiClust(PLAIN, neighbors=5)) == "TypiClust(space=Features(), neighbors=5)"
