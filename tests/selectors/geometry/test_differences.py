import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from alkit.selectors.geometry.differences import distance_of, pairs, raw_apart, too_close


def rows(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_pairs_of_rows_are_as_far_apart_as_for_scipy(metric):
    a, b = rows(9, 4), rows(9, 4, 1)
    found = distance_of(metric, raw_apart(metric, (a,), (b,)))
    kind = "cityblock" if metric == "manhattan" else metric
    np.testing.assert_allclose(found, cdist(a, b, kind).diagonal(), rtol=1e-12)


def test_outer_products_are_as_far_apart_as_when_they_are_formed():
    a, b, c, d = rows(7, 3), rows(7, 5, 1), rows(7, 3, 2), rows(7, 5, 3)
    formed = [(x[:, :, None] * y[:, None]).flatten(1) for x, y in ((a, b), (c, d))]
    expected = (formed[0] - formed[1]).square().sum(1)
    torch.testing.assert_close(raw_apart("euclidean", (a, b), (c, d)), expected)


def test_only_pairs_within_the_slack_of_their_norms_are_too_close():
    raw = torch.tensor([[0.0, 0.5], [0.3, 0.01]])
    ours, theirs = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0])
    found = [(i.tolist(), j.tolist()) for i, j in too_close(raw, 0.02, ours, theirs)]
    assert found == [([0, 1], [0, 1])]
    assert list(too_close(raw + 1, 0.02, ours, theirs)) == []


def test_many_places_come_in_parts():
    places = torch.stack([torch.arange(1300), torch.arange(1300) + 1], 1)
    parts = list(pairs(places))
    assert [len(i) for i, _ in parts] == [512, 512, 276]
    assert torch.cat([j for _, j in parts]).equal(places[:, 1])
