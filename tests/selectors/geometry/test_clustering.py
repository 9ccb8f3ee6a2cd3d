import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score

from alkit.errors import ConfigurationError, NonFiniteError, NotEnoughMemoryError
from alkit.selectors import Features, Points
from alkit.selectors.geometry import clustering, sketch
from alkit.selectors.geometry.clustering import kmeans, space_with_means

RNG = np.random.default_rng(0)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def points(rows, metric="euclidean"):
    return Points((torch.as_tensor(rows),), metric)


def blobs(sizes, width=5, apart=50.0, seed=0):
    """Groups of rows that any clustering separates, and the group of each row."""
    rng = np.random.default_rng(seed)
    places = apart * np.eye(len(sizes), max(width, len(sizes)))
    group = np.repeat(np.arange(len(sizes)), sizes)
    rows = places[group] + rng.normal(size=(len(group), places.shape[1]))
    order = rng.permutation(len(group))
    return rows[order].astype(np.float32), group[order]


SETS = {
    "digits": load_digits().data.astype(np.float32) / 16,
    "one cloud": RNG.normal(size=(1500, 20)).astype(np.float32),
    "wide": (RNG.normal(size=(1500, 10)) @ RNG.normal(size=(10, 200))).astype(np.float32),
    "groups": (
        4 * RNG.normal(size=(40, 10))[RNG.integers(40, size=1500)] + RNG.normal(size=(1500, 10))
    ).astype(np.float32),
}


@pytest.mark.parametrize("k", [5, 50])
@pytest.mark.parametrize("name", SETS)
def test_the_inertia_is_within_some_percent_of_that_of_scikit_learn(name, k):
    rows = SETS[name]
    theirs = [KMeans(k, n_init=1, random_state=seed).fit(rows).inertia_ for seed in range(4)]
    ours = [float(kmeans([points(rows)], k, generator(seed)).squared.sum()) for seed in range(4)]
    assert np.mean(ours) < 1.04 * np.mean(theirs)


def test_the_inertia_is_no_worse_than_that_of_mini_batches():
    rows = np.maximum(RNG.normal(size=(6000, 20)) @ RNG.normal(size=(20, 128)), 0)
    rows = rows.astype(np.float32)
    theirs = MiniBatchKMeans(60, n_init=1, random_state=0).fit(rows).inertia_
    assert float(kmeans([points(rows)], 60, generator()).squared.sum()) < 1.005 * theirs


@pytest.mark.parametrize("width", [5, 300])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_groups_far_apart_are_found(width, dtype):
    rows, group = blobs([40, 10, 3, 80], width)
    clusters = kmeans([points(torch.tensor(rows, dtype=dtype))], 4, generator())
    assert adjusted_rand_score(group, clusters.labels) == 1
    assert sorted(clusters.sizes().tolist()) == [3, 10, 40, 80]
    assert clusters.centers.dtype == dtype


@pytest.mark.parametrize("width", [5, 300])
def test_groups_are_found_far_from_the_origin_too(width):
    rows, group = blobs([40, 10, 3, 80], width)
    clusters = kmeans([points(rows + 3000)], 4, generator())
    assert adjusted_rand_score(group, clusters.labels) == 1


@pytest.mark.parametrize("name", ["digits", "wide"])
def test_centers_are_means_and_distances_those_to_the_own_center(name):
    rows = SETS[name].astype(np.float64)
    clusters = kmeans([points(rows)], 12, generator())
    labels = clusters.labels.numpy()
    means = np.stack([rows[labels == cluster].mean(0) for cluster in range(12)])
    np.testing.assert_allclose(clusters.centers, means, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(clusters.squared, ((rows - means[labels]) ** 2).sum(1), rtol=1e-9)


def test_parts_that_stay_apart_are_clustered_together():
    rows, group = blobs([30, 30, 30])
    order = np.argsort(group, kind="stable")
    rows, group = rows[order], group[order]
    clusters = kmeans([points(rows[:75]), points(rows[75:])], 3, generator())
    assert adjusted_rand_score(group, clusters.labels) == 1
    apart = torch.tensor(rows) - clusters.centers[clusters.labels]
    torch.testing.assert_close(clusters.squared, apart.square().sum(1))
    assert apart[group == 2].mean(0).abs().max() < 1e-4


def test_a_weight_counts_like_copies_of_a_point():
    rows, weights = SETS["digits"], RNG.integers(1, 6, size=1797)
    once = kmeans([points(rows)], 20, generator(), weights=torch.tensor(weights).float())
    theirs = KMeans(20, n_init=3, random_state=0).fit(rows, sample_weight=weights).inertia_
    assert float((once.squared * torch.tensor(weights)).sum()) < 1.04 * theirs
    means = [
        np.average(rows[once.labels == i], axis=0, weights=weights[once.labels == i])
        for i in range(20)
    ]
    np.testing.assert_allclose(once.centers, np.stack(means), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        once.sizes(torch.tensor(weights)).numpy(),
        np.bincount(once.labels, weights=weights, minlength=20),
    )


def test_points_of_no_weight_draw_no_center():
    rows, group = blobs([50, 50, 50])
    clusters = kmeans([points(rows)], 2, generator(), weights=torch.tensor(group != 2).float())
    assert len(set(clusters.labels[group != 2].tolist())) == 2
    near = np.stack([rows[group == i].mean(0) for i in (0, 1)])
    assert torch.cdist(clusters.centers, torch.tensor(near)).amin(1).max() < 1e-3


def test_weights_of_zero_are_like_no_weights():
    rows = SETS["one cloud"][:200]
    without = kmeans([points(rows)], 5, generator())
    assert kmeans([points(rows)], 5, generator(), torch.zeros(200)).labels.equal(without.labels)


def test_the_cosine_distance_makes_spherical_clusters():
    directions = RNG.normal(size=(4, 90))
    group = RNG.integers(4, size=300)
    rows = directions[group] + 0.2 * RNG.normal(size=(300, 90))
    rows = torch.tensor(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    clusters = kmeans([points(rows, "cosine")], 4, generator())
    assert adjusted_rand_score(group, clusters.labels) == 1
    torch.testing.assert_close(clusters.centers.norm(dim=1), torch.ones(4).double())


def test_outer_products_are_clustered_without_forming_all_of_them():
    a, b = torch.randn(400, 3, generator=generator(1)), torch.randn(400, 30, generator=generator(2))
    flat = (a[:, :, None] * b[:, None, :]).flatten(1)
    factored = kmeans([Points((a, b))], 7, generator())
    whole = kmeans([points(flat)], 7, generator())
    assert factored.labels.equal(whole.labels)
    torch.testing.assert_close(factored.centers, whole.centers)


def test_the_clusters_do_not_depend_on_the_size_of_blocks(monkeypatch):
    rows = points(SETS["wide"])
    whole = kmeans([rows], 10, generator()).labels
    monkeypatch.setattr(sketch, "CACHE", 2**12)
    assert kmeans([rows], 10, generator()).labels.equal(whole)


def test_as_many_clusters_as_points_are_the_points_themselves():
    clusters = kmeans([points(SETS["one cloud"][:30])], 30, generator())
    assert sorted(clusters.labels.tolist()) == list(range(30))
    assert clusters.squared.max() < 1e-9


def test_more_clusters_than_distinct_points_leave_some_empty():
    rows = torch.tensor([[0.0, 0], [9, 0], [0, 9]]).repeat(20, 1)
    clusters = kmeans([points(rows)], 8, generator())
    assert (clusters.sizes() > 0).sum() >= 3
    assert clusters.squared.max() == 0


def test_a_cluster_that_loses_its_last_point_starts_afresh():
    rows, group = blobs([20, 20, 20])
    far = torch.full((3, rows.shape[1]), 1e4)
    far[0] = 0
    labels = clustering._lloyd(points(rows), far, None)[1]
    assert adjusted_rand_score(group, labels) == 1


def test_members_come_by_cluster_the_nearest_to_the_center_first():
    clusters = kmeans([points(SETS["one cloud"][:100])], 4, generator())
    members = clusters.members(80, generator())
    assert sorted(torch.cat(members).tolist()) == list(range(80))
    for cluster, rows in enumerate(members):
        assert (clusters.labels[rows] == cluster).all()
        assert clusters.squared[rows].equal(clusters.squared[rows].sort().values)


def test_without_a_generator_members_come_by_cluster_and_about_by_distance():
    clusters = kmeans([points(SETS["one cloud"])], 4, generator())
    members = clusters.members(len(clusters.labels))
    assert sorted(torch.cat(members).tolist()) == list(range(len(clusters.labels)))
    for cluster, rows in enumerate(members):
        assert (clusters.labels[rows] == cluster).all()
        order = clusters.squared[rows].argsort().argsort().double()
        correlation = torch.corrcoef(torch.stack([order, torch.arange(len(rows)).double()]))[0, 1]
        assert correlation > 0.9


def test_members_that_are_equally_near_come_in_random_order():
    clusters = kmeans([points(torch.zeros(4, 2))], 1, generator())
    firsts = [int(clusters.members(4, generator(seed))[0][0]) for seed in range(200)]
    assert np.bincount(firsts, minlength=4).min() > 25


def test_what_does_not_fit_into_memory_raises_before_it_starts():
    huge = Points((torch.zeros(2, 200_000), torch.zeros(2, 200_000)))
    with pytest.raises(NotEnoughMemoryError, match="k-means with 2 clusters"):
        kmeans([huge], 2, generator())


def test_features_that_overflow_are_an_error():
    with pytest.raises(NonFiniteError, match="overflow"):
        kmeans([points(torch.full((9, 3), 1e30))], 2, generator())


def test_the_manhattan_distance_has_no_means():
    assert space_with_means(None).metric == "euclidean"
    with pytest.raises(ConfigurationError, match="manhattan"):
        space_with_means(Features("manhattan"))


SEEDING = """
import torch
from alkit.selectors.geometry.clustering import _seeds
from alkit.selectors.geometry.points import Points

def anonymous():
    with open("/proc/self/smaps_rollup") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous")) / 1024

torch.set_num_threads(1)
generator = torch.Generator().manual_seed(0)
points = Points((torch.randn(25_000, 32, generator=generator),))
torch.ones(7_000_000)  # once freed, blocks of its size come from the heap
_seeds(points, 5, generator)
before = anonymous()
_seeds(points, 300, generator)
print(anonymous() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_does_not_grow_with_the_number_of_seeds():
    done = subprocess.run([sys.executable, "-c", SEEDING], capture_output=True, text=True)
    assert float(done.stdout) < 10, done.stderr  # MiB; 23 while blocks were scattered
