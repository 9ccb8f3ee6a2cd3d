"""Masks depend on seed, layer, call, sample and the shape of a row, and are Bernoulli."""

import copy
import pickle

import pytest
import torch
from torch import nn

from alkit.blocks.posterior.masks import Masks, check_rows, dropouts, mask_shape, masked
from alkit.errors import ConfigurationError

X = torch.randn(3, 400, 2, 2)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_masks_are_independent_and_keep_units_at_the_rate(p):
    masks = torch.stack(Masks(0, 50).keep("a", 0, nn.Dropout2d(p), X)).flatten(1).float()
    assert masks.shape == (50, 400)
    assert masks.mean() == pytest.approx(1 - p, abs=0.01)
    assert masks.std(0).min() > 0 or p != 0.5
    assert torch.corrcoef(masks).fill_diagonal_(0).abs().max() < 0.3


def test_a_mask_is_a_function_of_its_arguments():
    layer, one = nn.Dropout(0.5), Masks(0, 3).keep("a", 0, nn.Dropout(0.5), X)
    for same in (Masks(0, 5), copy.deepcopy(Masks(0, 3)), pickle.loads(pickle.dumps(Masks(0, 3)))):
        assert torch.equal(same.keep("a", 0, layer, X[:1])[2], one[2])
    others = [
        Masks(1, 3).keep("a", 0, layer, X)[0],
        Masks(0, 3).keep("b", 0, layer, X)[0],
        Masks(0, 3).keep("a", 1, layer, X)[0],
        one[1],
    ]
    assert not any(torch.equal(other, one[0]) for other in others)
    masks = Masks(0, 3)
    assert masks.keep("a", 0, layer, X) is masks.keep("a", 0, layer, X[1:])
    assert masks.keep("a", 0, nn.Dropout(0.1), X)[0].float().mean() > 0.85


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (nn.Dropout(), (5, 4), (4,)),
        (nn.Dropout(), (5, 4, 3), (4, 3)),
        (nn.Dropout1d(), (5, 4, 3), (4, 1)),
        (nn.Dropout2d(), (5, 4, 3, 2), (4, 1, 1)),
        (nn.Dropout2d(), (5, 4, 3), (4, 1)),
        (nn.Dropout3d(), (5, 4, 3, 2, 2), (4, 1, 1, 1)),
        (nn.AlphaDropout(), (5, 4, 3), (4, 3)),
        (nn.FeatureAlphaDropout(), (5, 4, 3), (4, 1)),
    ],
)
def test_channels_are_dropped_whole_and_units_separately(layer, shape, expected):
    assert mask_shape(layer, torch.ones(shape)) == expected


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(nn.Dropout1d(), (5, 4)), (nn.Dropout2d(), (5, 4)), (nn.Dropout3d(), (5, 4, 3, 2))],
)
def test_an_input_without_rows_raises(layer, shape):
    with pytest.raises(ConfigurationError, match=r"expects a batch \(N, C, ...\)"):
        mask_shape(layer, torch.ones(shape))


def test_the_first_axis_is_the_batch_or_several_rows_per_sample():
    check_rows(nn.Dropout(), "a", torch.ones(6, 2), 3)
    check_rows(nn.Dropout(), "a", torch.ones(6, 2), None)
    for x in (torch.ones(4, 2), torch.ones(6)):
        with pytest.raises(ConfigurationError, match=r"'a' \(Dropout\) got an input"):
            check_rows(nn.Dropout(), "a", x, 3)


@pytest.mark.parametrize(
    "layer",
    [nn.Dropout(0.3), nn.Dropout2d(0.6), nn.AlphaDropout(0.3), nn.FeatureAlphaDropout(0.2)],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_kept_units_have_the_values_of_torch(layer, dtype):
    x = torch.randn(2, 30, 4, 4, dtype=dtype).abs() + 1
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = layer.train()(x)
    dropped = theirs.flatten().mode().values  # the most frequent value
    for row in range(2):
        ours = masked(layer, x[row : row + 1], theirs[row] != dropped)
        torch.testing.assert_close(ours[0], theirs[row])


def test_rates_of_zero_and_one_match_torch():
    x = torch.randn(2, 5)
    for layer in (nn.Dropout, nn.AlphaDropout):
        assert torch.equal(masked(layer(1.0), x, torch.zeros(5, dtype=torch.bool)), 0 * x)
        ours = masked(layer(0.0), x, torch.ones(5, dtype=torch.bool))
        torch.testing.assert_close(ours, x)


def test_layers_are_found_by_their_forward():
    class Renamed(nn.Dropout2d):
        """Drops exactly as its parent class."""

    class Own(nn.Dropout):
        def forward(self, x):
            return -x

    shared = nn.Dropout()
    net = nn.ModuleDict({"a": shared, "b": nn.Sequential(Renamed(), Own(), shared), "c": nn.ReLU()})
    assert list(dropouts(net)) == ["a", "b.0"]
