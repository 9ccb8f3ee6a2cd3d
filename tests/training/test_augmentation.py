"""Augmentations: maps against scipy, one map per sample, their own random numbers."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torchvision.transforms import v2

from alkit.errors import ConfigurationError, ShapeError
from alkit.training.augmentation import STRONG, WEAK, Augmenter, Distortion


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n=6, height=12, width=12, channels=2):
    return torch.rand(n, channels, height, width, generator=rng(9))


def test_without_limits_nothing_changes():
    x = images()
    torch.testing.assert_close(Distortion()(x, rng()), x, atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(12, 12), (12, 20), (20, 9)])
def test_the_maps_agree_with_scipy(size):
    x = images(4, *size, channels=1)
    limits = {"rotate": 30.0, "scale": 1.4, "shear": 0.3, "shift": 0.1}
    out = Distortion(**limits)(x, rng(3))
    draw = 2 * torch.rand(8, 4, generator=rng(3)).numpy().astype(float)[:6] - 1
    height, width = size
    center = np.array([(height - 1) / 2, (width - 1) / 2])
    for k in range(4):
        angle = np.radians(30) * draw[0, k]
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        stretch = np.diag(1.4 ** draw[1:3, k])
        shear = np.array([[1, 0.3 * draw[3, k]], [0, 1]])
        xy = turn @ stretch @ shear  # acts on (column, row)
        matrix = xy[::-1, ::-1]  # acts on (row, column)
        shift = 0.1 * draw[4:6, k][::-1] * [height, width]
        expected = ndimage.affine_transform(
            x[k, 0].numpy(), matrix, center - matrix @ center + shift, order=1, mode="nearest"
        )
        np.testing.assert_allclose(out[k, 0], expected, atol=1e-4)


def test_each_image_has_its_own_map():
    x = images(1).repeat(5, 1, 1, 1)
    out = STRONG(x, rng())
    assert len(torch.unique(out, dim=0)) == 5


def test_a_hole_is_square_and_filled_with_the_mean():
    x = images(50, 10, 14)
    out = Distortion(hole=0.4)(x, rng())
    for before, after in zip(x, out, strict=True):
        changed = ((after - before).abs() > 1e-4).any(0)
        rows, columns = changed.any(1).sum(), changed.any(0).sum()
        assert 1 <= rows <= 4  # less at the border
        assert 1 <= columns <= 4
        assert changed.sum() >= rows * columns - 1  # a pixel may have had the mean
        filled = after[:, changed]
        torch.testing.assert_close(filled, before.mean((1, 2))[:, None].expand_as(filled))


def test_the_generator_decides_and_the_global_state_is_left_alone():
    x, state = images(), torch.random.get_rng_state()
    for augment in WEAK, STRONG, v2.RandomRotation(40), lambda x: x + torch.randn_like(x):
        run = Augmenter("weak", augment)
        first, again, other = run(x, rng(1)), run(x, rng(1)), run(x, rng(2))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_function_with_a_generator_is_given_it():
    def noisy(x, generator):
        return x + torch.rand(x.shape, generator=generator)

    x = images()
    expected = x + torch.rand(x.shape, generator=rng(4))
    assert torch.equal(Augmenter("weak", noisy)(x, rng(4)), expected)


@pytest.mark.parametrize("crop", [lambda x: x[:, :, 1:], lambda x: x[:-1], lambda x: x.tolist()])
def test_a_change_of_shape_is_refused(crop):
    with pytest.raises(ShapeError, match=r"strong returned .* for a batch of shape"):
        Augmenter("strong", crop)(images(), rng())


@pytest.mark.parametrize("x", [torch.rand(5, 64), torch.zeros(5, 1, 8, 8, dtype=torch.uint8)])
def test_anything_but_a_batch_of_floating_point_images_is_refused(x):
    with pytest.raises(ShapeError, match="takes floating-point images"):
        WEAK(x, rng())


@pytest.mark.parametrize(
    "limits", [{"rotate": -1}, {"scale": 0.9}, {"hole": float("nan")}, {"shift": -0.1}]
)
def test_invalid_limits_are_refused(limits):
    with pytest.raises(ConfigurationError, match="limits of a Distortion"):
        Distortion(**limits)


@pytest.mark.parametrize("function", [None, 3, v2.RandomRotation])
def test_anything_but_a_function_is_refused(function):
    with pytest.raises(ConfigurationError, match="weak must be a function"):
        Augmenter("weak", function)


def test_a_distortion_prints_its_limits():
    assert repr(WEAK) == "Distortion(rotate=8, scale=1.05, shear=0.05, shift=0.07, hole=0.0)"
