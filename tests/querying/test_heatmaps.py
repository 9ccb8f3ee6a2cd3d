"""Readings of heatmaps: against loops over their places, and against scipy."""

import numpy as np
import pytest
import torch
from scipy.stats import entropy

import alkit as al
from alkit.criteria import Each, Variance
from alkit.errors import PredictionError
from alkit.querying.heatmaps import peaks, positions

MAPS = torch.randn(3, 2, 6, 5, generator=torch.Generator().manual_seed(1)).double()


def heights_of(heatmap):
    """Heights of the peaks of one heatmap, found place by place."""
    height, width = heatmap.shape
    found = []
    for row in range(height):
        for column in range(width):
            around = heatmap[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
            if around.min() < heatmap[row, column] == around.max():
                found.append(heatmap[row, column])
    return np.array(found)


def test_the_multi_peak_entropy_is_that_of_the_softmax_of_the_peaks():
    scores = Each(al.Entropy(), "sum")(peaks(MAPS))
    for k, maps in enumerate(MAPS.numpy()):
        heights = [np.exp(heights_of(one)) for one in maps]
        assert all(len(each) > 1 for each in heights)
        assert float(scores[k]) == pytest.approx(sum(entropy(each) for each in heights))


def test_one_peak_is_certain_two_equal_ones_are_not_and_a_flat_map_is_least_certain():
    maps = torch.zeros(3, 1, 9, 9)
    maps[:2, 0, 2, 2] = 1
    maps[1, 0, 6, 7] = 1
    scores = Each(al.Entropy(), "sum")(peaks(maps))
    assert scores.tolist() == pytest.approx([0, np.log(2), np.log(81)], abs=1e-5)


def test_the_spread_of_a_keypoint_is_the_variance_of_its_position():
    scores = Each(Variance())(positions({"logits": MAPS}))
    grid = np.stack(np.meshgrid(np.arange(6), np.arange(5), indexing="ij"), -1).reshape(-1, 2)
    p = MAPS.flatten(2).softmax(2).numpy()
    for k in range(3):
        each = [np.cov(grid.T, aweights=p[k, j], ddof=0).diagonal().mean() for j in range(2)]
        assert float(scores[k]) == pytest.approx(np.mean(each), rel=1e-5)
    means = positions(MAPS).guesses
    torch.testing.assert_close(means[0].double(), torch.tensor(p[0, 0] @ grid), rtol=1e-5, atol=0)


@pytest.mark.parametrize("read", [peaks, positions])
def test_other_shapes_are_refused(read):
    with pytest.raises(PredictionError, match=r"\(N, P, H, W\), got \(2, 6, 5\)"):
        read(MAPS[0])
