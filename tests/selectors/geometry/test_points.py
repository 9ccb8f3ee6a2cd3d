import numpy as np
import pytest
import torch
from distances import METRICS, gaussian, gradients, outer, points, reference
from hypothesis import given, settings
from hypothesis import strategies as st

from alkit.errors import NonFiniteError
from alkit.selectors.geometry.points import Points


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (70, 3, 2), (30, 200, 65), (9000, 40, 5)])
def test_distances_are_those_of_scipy(metric, shape):
    n, m, d = shape
    a, b = gaussian(n, d), gaussian(m, d, seed=1)
    expected = reference(a, b, metric)
    ours, others = points(a, metric), points(b, metric)
    np.testing.assert_allclose(ours.distances(others), expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(ours.squared_distances(others), expected**2, rtol=2e-3, atol=1e-5)
    np.testing.assert_allclose(ours.nearest(others), expected.min(1), rtol=1e-5, atol=1e-7)
    reach = ours.reach(others).numpy()
    assert (reach >= expected.min(1) - 1e-7).all()  # for the rounding of unit rows
    np.testing.assert_allclose(reach, expected.min(1), rtol=1e-2, atol=2e-2)
    one = ours.apart(others[:1])
    np.testing.assert_allclose(one, expected[:, 0], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("metric", METRICS)
def test_a_point_is_infinitely_far_from_itself_but_not_from_its_twin(metric):
    rows = torch.cat([gaussian(6, 3)] * 2)
    ours, own = points(rows, metric), torch.tensor([9, 0, 3])
    expected = reference(rows[own], rows, metric)
    expected[[0, 1, 2], own] = np.inf
    found = ours[own].distances(ours, own)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    assert found.amin(1).tolist() == [0, 0, 0]


def test_outer_products_that_are_never_formed_are_as_far_apart_as_those_that_are():
    ours, others = gradients(50, 0), gradients(30, 5)
    expected = reference(outer(ours), outer(others))
    np.testing.assert_allclose(ours.distances(others), expected, rtol=1e-4)
    np.testing.assert_allclose(ours.nearest(others), expected.min(1), rtol=1e-9)
    np.testing.assert_allclose(ours.apart(others[:1]), expected[:, 0], rtol=1e-9)
    np.testing.assert_allclose(ours.inner(others), outer(ours) @ outer(others).T, rtol=1e-3)
    np.testing.assert_allclose(ours.squared_norms, outer(ours).square().sum(1), rtol=1e-5)
    assert (ours.reach(others).numpy() >= expected.min(1)).all()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("offset", [0, 3, 1e4])
def test_equal_rows_are_at_zero_wherever_they_stand(metric, offset):
    rows = gaussian(97, 33) * 7 + offset
    ours = points(rows.repeat(3, 1), metric)
    others = points(rows.flip(0), metric)
    squares = ours.squared_distances(others)
    assert (squares >= 0).all()
    same = torch.eye(97, dtype=torch.bool).flip(1).repeat(3, 1)
    assert (squares[same] == 0).all()
    assert (squares[~same] > 0).all()
    for distances in (ours.nearest(others), ours.reach(others)):
        assert (distances == 0).all()


def test_equal_outer_products_are_at_zero():
    ours = gradients(60, 3)
    twice = ours[torch.arange(60).repeat(2)]
    assert (twice.squared_distances(ours).diagonal() == 0).all()
    assert (twice.reach(ours) == 0).all()
    assert (twice.nearest(ours) == 0).all()


@pytest.mark.parametrize("offset", [30, 1e3, 1e5])
def test_a_large_common_offset_costs_no_digits(offset):
    a, b = (gaussian(60, 40) + offset), (gaussian(50, 40, seed=1) + offset)
    expected = reference(a, b)
    np.testing.assert_allclose(points(a).distances(points(b)), expected, rtol=1e-4)
    np.testing.assert_allclose(points(a).nearest(points(b)), expected.min(1), rtol=1e-12)
    np.testing.assert_allclose(points(a).reach(points(b)), expected.min(1), rtol=1e-3)


@given(st.floats(1e-7, 1e-1), st.floats(0, 1e3), st.integers(0, 9))
@settings(deadline=None, max_examples=20)
def test_tight_groups_keep_their_inner_distances(spread, offset, seed):
    middles = gaussian(5, 12, seed=seed) + offset
    rows = middles.repeat(8, 1) + spread * gaussian(40, 12, seed=seed + 1)
    expected = reference(rows, rows)
    ours = points(rows)
    np.testing.assert_allclose(ours.squared_distances(ours), expected**2, rtol=2e-2)
    half = points(rows[:20])
    np.testing.assert_allclose(ours.nearest(half), expected[:, :20].min(1), rtol=1e-9, atol=1e-12)
    assert (ours.reach(half).numpy() >= expected[:, :20].min(1) * (1 - 1e-7)).all()


@given(st.floats(-15, 15), st.floats(0, 3), st.integers(1, 90), st.integers(0, 9))
@settings(deadline=None, max_examples=40)
def test_a_coarse_reach_is_a_few_percent_above_and_never_below(scale, offset, others, seed):
    a, b = (
        10.0**scale * (gaussian(n, 40, seed=s + 2 * seed) + offset / 4)
        for n, s in ((200, 0), (others, 1))
    )
    b[0] = a[seed]
    nearest = reference(a, b).min(1)
    coarse = points(a).reach(points(b), coarse=True).numpy()
    assert (coarse >= nearest).all()
    assert (coarse <= 1.1 * nearest).all()
    assert coarse[seed] == 0


def test_a_coarse_reach_holds_where_all_is_rounded_the_same_way():
    # bfloat16 has 8 digits: all these are rounded up, so products are too high, distances too low
    signs = gaussian(50, 64).sign()
    rows = signs * (1 + 2.0**-8 + 2.0**-20)
    others = 0.5 * rows[:20]
    nearest = reference(rows, others).min(1)
    coarse = points(rows).reach(points(others), coarse=True).numpy()
    assert (coarse >= nearest).all()
    assert (coarse <= 1.1 * nearest).all()


def test_those_that_equal_a_point_are_found():
    rows = gaussian(9, 5)
    rows[7] = rows[2]
    assert points(rows).equals(points(rows[2:3])).nonzero().flatten().tolist() == [2, 7]
    product = Points((rows, rows.flip(1)))
    assert product.equals(product[2:3]).nonzero().flatten().tolist() == [2, 7]


def test_float64_stays_and_is_compared_as_such():
    a, b = gaussian(40, 6).double(), gaussian(30, 6, seed=1).double()
    distances = points(a).distances(points(b))
    assert distances.dtype == torch.float64
    np.testing.assert_allclose(distances, reference(a, b), rtol=1e-12)


def test_some_of_the_points_are_the_points_of_some_rows():
    a, b = gaussian(40, 6) + 100, points(gaussian(30, 6, seed=1) + 100)
    rows = torch.tensor([3, 3, 17])
    part = points(a)[rows]
    assert len(part) == 3
    assert part.device.type == "cpu"
    np.testing.assert_allclose(part.distances(b), points(a).distances(b)[rows], rtol=1e-4)
    np.testing.assert_allclose(part.double().distances(b.double()), part.distances(b), rtol=1e-4)


@pytest.mark.parametrize("precision", ["high", "medium"])
def test_products_of_reduced_precision_do_not_mislead(precision):
    rows, others = gaussian(300, 64), gaussian(40, 64, seed=1)
    expected, usual = reference(rows, others).min(1), points(rows).reach(points(others))
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision(precision)
        nearest, reach = points(rows).nearest(points(others)), points(rows).reach(points(others))
        same = points(rows).squared_distances(points(rows)).diagonal()
    finally:
        torch.set_float32_matmul_precision(before)
    np.testing.assert_allclose(nearest, expected, rtol=1e-9)
    assert (reach.numpy() >= expected).all()
    assert (reach > usual).all()  # whether or not this processor rounds products
    assert (same == 0).all()


def test_the_nearest_of_none_is_infinitely_far():
    ours, none = points(gaussian(4, 3)), points(gaussian(0, 3))
    assert ours.squared_distances(none).shape == (4, 0)
    assert none.squared_distances(ours).shape == (0, 4)
    assert ours.nearest(none).tolist() == [torch.inf] * 4
    assert ours.reach(none).tolist() == [torch.inf] * 4


def test_norms_that_overflow_are_an_error():
    with pytest.raises(NonFiniteError, match=r"overflow torch\.float32: scale"):
        points(torch.full((3, 2), 1e30)).squared_distances(points(torch.ones(1, 2)))
