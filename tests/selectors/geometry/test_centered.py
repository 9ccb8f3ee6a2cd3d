"""Points about their mean against distances by scipy: bounds, and pairs within a radius."""

import numpy as np
import pytest
import torch
from distances import METRICS, gaussian, gradients, outer, points, reference
from hypothesis import given, settings
from hypothesis import strategies as st

from alkit.selectors.geometry.centered import Centered


@pytest.mark.parametrize("metric", METRICS)
@given(scale=st.floats(-15, 15), offset=st.floats(0, 1e3), seed=st.integers(0, 9))
@settings(deadline=None, max_examples=20)
def test_what_is_below_the_distances_is_a_few_percent_below(metric, scale, offset, seed):
    rows = 10.0**scale * (gaussian(300, 40, seed=seed) + offset)
    rows[200] = rows[20]
    ours = Centered.of(points(rows, metric), 100)
    expected = reference(points(rows, metric).factors[0], points(rows, metric).factors[0], metric)
    below = ours[:100].below(ours[100:], coarse=True).numpy()
    error = 1e-6 * np.abs(rows.numpy()).max() * 40  # error of the reference in float32
    assert (below <= expected[:100, 100:] + error).all()
    assert below[20, 100] == 0
    if offset < 10:
        far = expected[:100, 100:] > 0.3 * np.median(expected)
        assert (below[far] >= 0.9 * expected[:100, 100:][far]).all()


def test_what_is_below_holds_where_all_is_rounded_the_same_way():
    # bfloat16 has 8 digits: all these are rounded down, so products are too low, distances too high
    signs = gaussian(50, 64).sign()
    rows = torch.cat([signs, -signs]) * (1 + 2.0**-8 - 2.0**-20)  # their mean is zero
    ours = Centered.of(points(rows), 100)
    assert (ours.below(ours, coarse=True).numpy() <= reference(rows, rows)).all()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("coarse", [True, False])
@given(
    scale=st.floats(-12, 12), offset=st.floats(0, 30), seed=st.integers(0, 9),
    share=st.sampled_from([0, 0.01, 0.1, 0.5, 0.9]),
)  # fmt: skip
@settings(deadline=None, max_examples=15)
def test_pairs_closer_than_a_radius_are_found_exactly(metric, coarse, scale, offset, share, seed):
    rows = 10.0**scale * (gaussian(200, 40, seed=seed) + offset)
    rows[120] = rows[20]
    ours = Centered.of(points(rows, metric), 100)
    expected = reference(points(rows, metric).factors[0], points(rows, metric).factors[0], metric)
    expected = expected[:100, 100:]
    radius = float(np.quantile(expected, share))
    if radius == 0:
        radius = float(np.sort(expected, axis=None)[1]) / 2
    near = ours[:100].closer(ours[100:], radius, coarse).numpy()
    error = 1e-5 * radius + 1e-6 * np.abs(rows.numpy()).max() * 40 * (metric != "cosine")
    clear = np.abs(expected - radius) > error  # error of the reference in float32
    assert clear.mean() > 0.9
    assert (near == (expected < radius))[clear].all()
    assert near[20, 20]


def test_closer_pairs_are_found_where_all_is_rounded_the_same_way():
    signs = gaussian(50, 64).sign()
    for last in (2.0**-20, -(2.0**-20)):  # rounded up, rounded down
        rows = torch.cat([signs, -signs]) * (1 + 2.0**-8 + last)
        ours = Centered.of(points(rows), 100)
        expected = reference(rows, rows)
        for radius in np.quantile(expected, [0.2, 0.5, 0.8]) * (1 + 1e-4):
            assert (
                ours.closer(ours, float(radius), coarse=True).numpy() == (expected < radius)
            ).all()


def test_closer_pairs_of_outer_products_are_found_too():
    ours = Centered.of(gradients(60, seed=3), 7)
    expected = reference(outer(ours), outer(ours))
    radius = float(np.median(expected)) * (1 + 1e-6)
    assert (ours.closer(ours, radius).numpy() == (expected < radius)).all()
