import numpy as np
import torch
from distances import gaussian, gradients, outer, points, reference
from torch.utils._python_dispatch import TorchDispatchMode

from alkit.selectors.geometry.cells import Cells, distinct, farthest_in_largest
from alkit.selectors.geometry.points import Points


def test_cells_are_those_of_the_nearest_centers_as_more_are_added():
    rows, centers = gaussian(1500, 6), gaussian(600, 6, seed=1)
    cells = Cells(points(rows), points(centers))
    for pick in (3, 1400, 77):
        cells.add(pick)
        centers = torch.cat([centers, rows[pick : pick + 1]])
    apart = reference(rows, centers)
    assert cells.number == 603
    assert cells.cell.tolist() == apart.argmin(1).tolist()
    np.testing.assert_allclose(cells.squared, apart.min(1) ** 2, rtol=1e-12)


def test_cells_of_outer_products():
    ours, theirs = gradients(200, 0), gradients(30, 5)
    cells = Cells(ours, theirs)
    apart = reference(outer(ours), outer(theirs))
    assert cells.cell.tolist() == apart.argmin(1).tolist()
    np.testing.assert_allclose(cells.squared, apart.min(1) ** 2, rtol=1e-9)


def test_copies_of_a_center_have_one_cell():
    rows, centers = gaussian(300, 6), gaussian(5, 6, seed=1)
    cells = Cells(points(rows), points(centers.repeat(40, 1)))
    assert cells.number == 5
    assert cells.cell.tolist() == reference(rows, centers).argmin(1).tolist()


def test_the_largest_cell_has_the_largest_sum_of_squares():
    rows = torch.tensor([[0.5], [-0.5], [0.4], [9.8], [10.9]])
    cells = Cells(points(rows), points(torch.tensor([[0.0], [10.0]])))
    assert cells.largest().tolist() == [False, False, False, True, True]


def test_equal_points_are_kept_once_in_their_order():
    rows = torch.tensor([[2.0, 1], [1, 0], [2, 1], [0, 0], [1, 0]])
    assert distinct(points(rows)).factors[0].tolist() == [[2, 1], [1, 0], [0, 0]]
    twice = Points((rows, rows.flip(1)))
    assert [len(factor) for factor in distinct(twice).factors] == [3, 3]


class Largest(TorchDispatchMode):
    values = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for part in result if isinstance(result, tuple | list) else (result,):
            if isinstance(part, torch.Tensor):
                self.values = max(self.values, part.numel())
        return result


def test_no_table_of_all_pairs_is_made():
    rows, known = gaussian(6000, 16), gaussian(900, 16, seed=1)
    with Largest() as largest:
        farthest_in_largest(points(rows), points(known), 5, torch.Generator().manual_seed(0))
    assert largest.values <= 2**19  # all pairs would be 5.4 million
