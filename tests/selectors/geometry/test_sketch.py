import torch

from alkit.selectors import Points
from alkit.selectors.geometry.sketch import SKETCH, blocks, sketched


def rows(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def test_blocks_hold_all_rows_in_their_order_also_of_outer_products():
    a, b = rows(9000, 3), rows(9000, 2, 1)
    formed = (a[:, :, None] * b[:, None, :]).flatten(1)
    found = list(blocks([Points((a, b))], 6))
    assert len(found) > 1
    for part, block in found:
        torch.testing.assert_close(block, formed[part])
    assert found[-1][0].stop == 9000


def test_narrow_points_are_moved_to_their_mean_and_wide_ones_are_projected():
    generator = torch.Generator().manual_seed(0)
    narrow = rows(50, 8) + 3
    mean, points = sketched([Points((narrow,))], 8, generator)
    torch.testing.assert_close(mean, narrow.mean(0))
    torch.testing.assert_close(points.factors[0], narrow - narrow.mean(0))
    plane = rows(300, 2) @ rows(2, 200, 1)  # of two dimensions in a space of 200
    _, points = sketched([Points((plane,))], 200, generator)
    assert points.factors[0].shape == (300, SKETCH)
    centered = plane - plane.mean(0)
    torch.testing.assert_close(
        points.factors[0].norm(dim=1), centered.norm(dim=1), rtol=1e-3, atol=1e-3
    )
