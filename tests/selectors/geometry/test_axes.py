"""Principal axes are those of scikit-learn, whatever holds the rows."""

import pytest
import torch
from sklearn.decomposition import PCA

from alkit.selectors.geometry import axes
from alkit.selectors.geometry.axes import principal_axes, projected
from alkit.selectors.geometry.lazy import Lazy


def rows(n=300, width=6):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, width, generator=generator) * torch.arange(1, width + 1) + 5


@pytest.mark.parametrize("computed", [False, True])
def test_projections_are_those_of_scikit_learn(computed, monkeypatch):
    monkeypatch.setattr(axes, "VALUES", 100)
    x = rows()
    matrix = Lazy(x.__getitem__, (300, 6), x.dtype, x.device) if computed else x
    ours, theirs = projected([matrix, x[:40]], 3)
    whole = torch.cat([x, x[:40]])
    expected = torch.from_numpy(PCA(3).fit(whole.double().numpy()).transform(x.double().numpy()))
    torch.testing.assert_close(ours.double().abs(), expected.abs(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(theirs, ours[:40])


def test_mean_and_squares_do_not_depend_on_the_blocks(monkeypatch):
    x = rows()
    mean, squares, _ = principal_axes([x], torch.float64)
    torch.testing.assert_close(mean, x.double().mean(0))
    torch.testing.assert_close(squares.sum(), (x.double() - mean).square().sum())
    monkeypatch.setattr(axes, "VALUES", 50)
    again = principal_axes([x], torch.float64)
    torch.testing.assert_close(again[0], mean)
    torch.testing.assert_close(again[1], squares)
