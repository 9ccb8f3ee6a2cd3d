from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from alkit.errors import ConfigurationError, ScoreError
from alkit.prediction import Prediction
from alkit.selectors import Candidates, Features, GradientEmbedding, Points, Probabilities, kmeans
from alkit.selectors.kmeans import KMeans, completed


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def candidates(rows, known=None, scores=None):
    rows = torch.as_tensor(rows, dtype=torch.float32)
    annotated = None
    if known is not None and len(known):
        known = torch.as_tensor(known, dtype=torch.float32)
        annotated = Prediction(features=known, ids=len(rows) + torch.arange(len(known)))
    scores = None if scores is None else torch.as_tensor(scores).float()
    return Candidates(scores, Prediction(features=rows), annotated)


def blobs(sizes, seed=0):
    """Groups of rows that any clustering separates, and the group of each row."""
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return (50 * np.eye(len(sizes), 6)[group] + rng.normal(size=(len(group), 6))), group


def pick(selector, given, n, seed=0):
    return selector(given, n, generator(seed)).positions.tolist()


def test_the_row_nearest_to_each_mean_is_picked_the_largest_cluster_first():
    rows, group = blobs([20, 70, 5, 40])
    expected = []
    for cluster in (1, 3, 0, 2):
        members = np.flatnonzero(group == cluster)
        distances = cdist(rows[members], rows[members].mean(0, keepdims=True))[:, 0]
        expected.append(members[distances.argmin()])
    assert pick(KMeans(), candidates(rows), 4) == expected


def test_clusters_that_hold_annotated_samples_are_passed_over():
    rows, group = blobs([60, 50, 40, 30, 20])
    known = np.concatenate([rows[group == 0][:1], rows[group == 2][:1]]) + 0.1
    assert sorted(group[pick(KMeans(), candidates(rows, known), 3)]) == [1, 3, 4]


def test_beyond_the_limit_clusters_that_hold_the_fewest_annotated_samples_are_used(monkeypatch):
    monkeypatch.setattr(kmeans, "MOST_KNOWN", 2)
    rows, group = blobs([60, 50, 40])
    known = np.concatenate([rows[group == 0][:5], rows[group == 1][:1], rows[group == 2][:5]])
    assert group[pick(KMeans(), candidates(rows, known + 0.1), 1)].tolist() == [1]


ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=14)


@given(ROWS, st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=5), st.data())
def test_nothing_is_picked_twice_while_something_else_is_left(rows, known, data):
    n = data.draw(st.integers(1, len(rows)))
    picked = [rows[i] for i in pick(KMeans(), candidates(rows, known), n)]
    news = set(rows) - set(known)
    assert len(picked) == n
    assert len(set(picked) & news) == min(n, len(news))
    weighted = pick(KMeans(weighted=True), candidates(rows, scores=[1.0] * len(rows)), n)
    assert len({rows[i] for i in weighted}) == min(n, len(set(rows)))


def test_the_scores_weigh_the_distances_and_order_the_clusters():
    rows, group = blobs([60, 50, 40])
    scores = np.choose(group, [0.0, 1.0, 5.0])
    selector = KMeans(weighted=True)
    assert group[pick(selector, candidates(rows, scores=scores), 2)].tolist() == [2, 1]
    line = torch.tensor([0.0, 1, 2, 3, 100, 101])[:, None]
    heavy = torch.tensor([1.0, 1, 1, 60, 1, 3])
    assert pick(selector, candidates(line, scores=heavy), 2) == [3, 5]
    assert 3 not in pick(selector, candidates(line, scores=torch.ones(6)), 2)


def test_weights_leave_annotated_samples_out_of_it():
    rows, _ = blobs([20, 20])
    scores = np.linspace(0, 1, 40)
    alone = pick(KMeans(weighted=True), candidates(rows, scores=scores), 5)
    assert pick(KMeans(weighted=True), candidates(rows, rows[:9], scores), 5) == alone


def test_only_the_ratios_of_the_weights_matter():
    rows, scores = np.random.default_rng(0).normal(size=(80, 3)), np.linspace(0, 1, 80)
    picks = {
        tuple(pick(KMeans(weighted=True), candidates(rows, scores=scale * scores), 5))
        for scale in (1, 1024, 2**-10)
    }
    assert len(picks) == 1


def test_negative_weights_are_an_error():
    with pytest.raises(ScoreError, match="must not be negative"):
        pick(KMeans(weighted=True), candidates(np.zeros((3, 2)), scores=[1, -0.5, 0]), 2)


def test_all_are_picked_in_random_order_where_n_is_all():
    given = candidates(np.arange(8.0)[:, None])
    firsts = Counter(pick(KMeans(), given, 8, seed)[0] for seed in range(400))
    assert len(firsts) == 8
    assert min(firsts.values()) > 20
    assert sorted(pick(KMeans(), given, 8)) == list(range(8))


def test_one_candidate_is_picked():
    assert pick(KMeans(), candidates([[3.0, 1]]), 1) == [0]
    assert pick(KMeans(), candidates([[3.0, 1]], [[3.0, 1]]), 4) == [0]


@pytest.mark.parametrize(
    "space",
    [Features("cosine"), Features(pca=2), Features(normalize=True), Probabilities()],
    ids=repr,
)
def test_picks_of_other_spaces_cover_what_lies_apart_there(space):
    rows = torch.eye(3).repeat_interleave(20, 0) * torch.linspace(1, 9, 60)[:, None]
    rows += 0.01 * torch.randn(60, 3, generator=generator())
    known = Prediction(9 * rows, features=rows)
    picks = pick(KMeans(space), Candidates(prediction=known), 3)
    assert sorted(i // 20 for i in picks) == [0, 1, 2]


def test_gradient_embeddings_are_clustered_by_class_and_feature():
    logits = torch.tensor([[9.0, 8, 0], [0, 8, 9]]).repeat_interleave(20, 0)
    features = torch.tensor([[1.0, 0], [0, 1]]).repeat(20, 1)
    features += 0.01 * torch.randn(40, 2, generator=generator())
    given = Candidates(prediction=Prediction(logits, features=features))
    picks = pick(KMeans(GradientEmbedding()), given, 4)
    assert len({(i // 20, i % 2) for i in picks}) == 4


def test_the_clustering_of_so_many_costs_no_copy_for_half_precision_or_gaps():
    rows, group = blobs([30, 20, 10])
    rows = torch.tensor(rows).float()
    gaps = torch.cat([rows, rows], dim=1)[:, :6]
    for form in (rows.half(), gaps, rows.double()):
        given = Candidates(prediction=Prediction(features=form))
        assert group[pick(KMeans(), given, 3)].tolist() == [0, 1, 2]


def test_repeats_are_replaced_by_the_farthest():
    rows = torch.tensor([0.0, 0, 5, 5, 9, 20, 21, 40])[:, None]
    points, known = Points((rows,)), Points((torch.tensor([[5.0]]),))
    picks = completed(torch.tensor([0, 1, 3, 4]), points, known, 4, generator())
    assert picks.tolist() == [0, 4, 7, 6]
    assert completed(torch.tensor([5, 0]), points, None, 2, generator()).tolist() == [5, 0]
    nothing = completed(torch.tensor([], dtype=torch.long), points, None, 8, generator())
    assert sorted(nothing.tolist()) == list(range(8))
    spread = [float(rows[i]) for i in nothing.tolist()[1:6]]
    assert len(set(spread)) == 5


def test_repeats_among_many_picks_are_found():
    rows = torch.arange(1200.0)[:, None]
    rows[1100] = rows[3]
    picks = completed(torch.arange(1150), Points((rows,)), None, 1150, generator()).tolist()
    assert 1100 not in picks
    assert all(a < b for a, b in pairwise(picks[:1149]))
    assert picks[1149] == 1199


def test_the_manhattan_distance_is_an_error_at_once():
    with pytest.raises(ConfigurationError, match="manhattan"):
        KMeans(Features("manhattan"))


def test_it_prints_as_it_is_made():
    assert repr(KMeans()) == "KMeans()"
    made = "KMeans(space=Features('cosine'), weighted=True)"
    assert repr(KMeans(Features("cosine"), weighted=True)) == made
