import numpy as np
import pytest
import torch

import alkit as al
from alkit.selectors import Candidates, Features, large_pool
from alkit.selectors.large_pool import Rows, clustered


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for name, value in (("LARGE", 200), ("SIZE", 50), ("CHUNK", 64)):
        monkeypatch.setattr(large_pool, name, value)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def candidates(number=900, known=7, scale=1.0):
    x = scale * torch.randn(number, 5, generator=generator())
    theirs = al.Prediction(features=torch.randn(known, 5, generator=generator(1)))
    return Candidates(prediction=al.Prediction(features=x), annotated=theirs)


@pytest.mark.parametrize("space", [Features(normalize=True), Features(pca=2), Features("cosine")])
def test_points_read_in_parts_are_those_read_at_once(space):
    given, some = candidates(), torch.tensor([800, 3, 4])
    points, known = space(given)
    read = Rows(space, given)
    torch.testing.assert_close(read[some].factors, points[some].factors)
    torch.testing.assert_close(read.known.factors, known.factors)
    assert len(read) == 900


class Counting(Features):
    most = 0

    def factors(self, prediction):
        self.most = max(self.most, len(prediction))
        return super().factors(prediction)


def test_groups_hold_each_row_once_lie_together_and_are_never_large():
    given, space = candidates(), Counting()
    points, rows = Rows(space, given), torch.arange(100, 900)
    found = large_pool.groups_of(points, rows, generator())
    assert torch.cat(found).sort().values.equal(rows)
    assert max(map(len, found)) <= 200
    assert 8 <= len(found) <= 40
    x = given.features
    inner = sum(float((x[each] - x[each].mean(0)).square().sum()) for each in found)
    assert inner < 0.6 * float((x[rows] - x[rows].mean(0)).square().sum())
    assert space.most <= 800  # the draw for the centers: 64 per group, here all of them


def test_equal_rows_are_in_groups_too():
    given = candidates(scale=0.0)
    found = large_pool.groups_of(Rows(Features(), given), torch.arange(900), generator())
    assert torch.cat(found).sort().values.equal(torch.arange(900))
    assert max(map(len, found)) <= 200


@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_members_are_nearest_to_the_center_of_their_cluster_and_the_nearest_come_first(offset):
    given = candidates()
    given = Candidates(
        prediction=al.Prediction(features=given.features + offset),
        annotated=al.Prediction(features=given.annotated.features + offset),
    )
    members, theirs = clustered(Rows(Features(), given), 6, generator())
    assert torch.cat(members).sort().values.equal(torch.arange(900))
    x = given.features.double().numpy()
    means = np.stack([x[each].mean(0) for each in members])
    own = np.concatenate([np.full(len(each), i) for i, each in enumerate(members)])
    apart = ((x[torch.cat(members)][:, None] - means) ** 2).sum(2)
    assert (apart.argmin(1) == own).mean() > 0.9  # the means moved by the last assignment
    for each, center in zip(members, means, strict=True):
        squared = ((x[each] - center) ** 2).sum(1)
        assert squared[: len(each) // 4].mean() < squared[-len(each) // 4 :].mean()
    assert len(theirs) == 7
