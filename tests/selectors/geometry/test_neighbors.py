import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from alkit.selectors import Points
from alkit.selectors.geometry import neighbors
from alkit.selectors.geometry.neighbors import _bounds, densest, nearest_means


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def luck(number, seed=0):
    return torch.rand(number, generator=generator(seed), dtype=torch.float64)


def mean_distances(rows, k):
    """Mean distances of float64 rows to their k nearest others, without the row itself."""
    distances = NearestNeighbors(n_neighbors=k + 1).fit(rows).kneighbors(rows)[0]
    return distances[:, 1:].mean(1)


@pytest.mark.parametrize(("number", "k"), [(2, 1), (9, 4), (256, 20), (257, 1), (900, 20)])
@pytest.mark.parametrize(("scale", "offset"), [(1, 0), (0.01, 5), (1, 100)])
def test_it_is_the_point_with_the_least_mean_distance_to_its_neighbors(number, k, scale, offset):
    rng = np.random.default_rng(number)
    rows = (scale * rng.normal(size=(number, 6)) + offset).astype(np.float32)
    means = mean_distances(rows.astype(np.float64), k)
    found = densest(Points((torch.tensor(rows),)), k, luck(number))
    assert means[found] < means.min() * (1 + 2e-4)


def test_it_looks_at_distances_not_at_their_squares():
    rows = torch.tensor([[0.0], [1], [10], [100], [106], [112]])
    distances = (rows - rows.T).abs().sort().values[:, 1:3]
    assert distances.mean(1).argmin() == 1  # 1 and 9
    assert distances.square().mean(1).argmin() == 4  # 6 and 6
    assert densest(Points((rows,)), 2, luck(len(rows))) == 1


def test_the_cosine_distance_and_outer_products_are_compared_as_they_are():
    rows = torch.nn.functional.normalize(torch.randn(500, 4, generator=generator(1)), dim=1)
    cosine = 1 - rows.double() @ rows.double().T
    means = cosine.fill_diagonal_(9).topk(5, largest=False).values.mean(1)
    assert densest(Points((rows,), "cosine"), 5, luck(500)) == means.argmin()
    a, b = torch.randn(500, 2, generator=generator(2)), torch.randn(500, 3, generator=generator(3))
    flat = (a[:, :, None] * b[:, None, :]).flatten(1)
    means = mean_distances(flat.double().numpy(), 5)
    assert means[densest(Points((a, b)), 5, luck(500))] < means.min() * (1 + 2e-4)


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.5])
@pytest.mark.parametrize("tight", [0, 40])
@pytest.mark.parametrize("mean", [0, 1e3])  # too small for bfloat16, and not
def test_the_bounds_are_never_above_the_mean_distances(factor, tight, mean):
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(600, 8))
    rows[:tight] = rows[0] + 1e-4 * rng.normal(size=(tight, 8))
    rows = rows.astype(np.float32)
    means = mean_distances(rows.astype(np.float64), 20)
    bounds = _bounds(Points((torch.tensor(rows),)), 20, factor * float(np.median(means)), mean)
    assert (bounds.numpy() <= means).all()


@pytest.mark.parametrize(("mean", "part"), [(0, 0.99), (1e3, 0.97)])
def test_the_bound_at_the_edge_of_its_own_neighborhood_is_tight(mean, part):
    rows = np.random.default_rng(1).normal(size=(300, 8)).astype(np.float32)
    distances = NearestNeighbors(n_neighbors=21).fit(rows).kneighbors(rows)[0]
    bounds = _bounds(Points((torch.tensor(rows),)), 20, float(distances[7, -1]), mean)
    assert part * distances[7, 1:].mean() < bounds[7] < distances[7, 1:].mean()


def test_copies_with_a_little_noise_are_not_compared_one_by_one(monkeypatch):
    rows = torch.randn(50, 64, generator=generator(1)).repeat(20, 1)
    rows += 0.05 * torch.randn(1000, 64, generator=generator(2))
    compared = []

    def counted(points, some, k):
        compared.extend(some.tolist())
        return nearest_means(points, some, k)

    monkeypatch.setattr(neighbors, "nearest_means", counted)
    found = densest(Points((rows,)), 19, luck(1000))
    means = mean_distances(rows.double().numpy(), 19)
    assert means[found] < means.min() * (1 + 2e-4)
    assert len(compared) < 300


def test_points_that_are_equally_dense_have_equal_chances():
    square = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1], [30, 30]])
    found = [densest(Points((square,)), 2, luck(5, seed)) for seed in range(200)]
    assert np.bincount(found, minlength=5)[:4].min() > 25
    assert 4 not in found


def test_a_group_of_duplicates_is_the_densest():
    rows = torch.randn(700, 4, generator=generator(3)) * 100
    rows[-30:] = rows[0]
    assert densest(Points((rows,)), 20, luck(len(rows))) in {0, *range(670, 700)}


def test_of_a_cloud_of_duplicates_each_is_as_likely():
    found = {densest(Points((torch.ones(600, 2),)), 20, luck(600, seed)) for seed in range(20)}
    assert min(found) < 200
    assert max(found) > 400
