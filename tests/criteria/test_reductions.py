import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from alkit.criteria.reductions import FEW_COLUMNS, entropy, entropy_of_rows, largest, top_two

tied = st.sampled_from([0.0, -0.0, 0.1, 0.25, 0.5, 1.0, 1e-40])
rows = hnp.arrays(
    np.float32,
    st.tuples(st.integers(0, 5), st.integers(2, 3 * FEW_COLUMNS)),
    elements=tied | st.floats(0, 1, width=32),
)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(p=rows)
def test_the_top_two_agree_with_a_sort(p, dtype):
    p = p.astype(dtype)
    first, second = top_two(torch.tensor(p))
    expected = np.sort(p, axis=1)
    assert first.tolist() == expected[:, -1].tolist()
    assert second.tolist() == expected[:, -2].tolist()
    assert largest(torch.tensor(p)).tolist() == expected[:, -1].tolist()
    assert first.dtype == second.dtype == torch.tensor(p).dtype


@pytest.mark.parametrize("columns", [3, FEW_COLUMNS + 1, 100])
def test_zeros_of_either_sign_are_the_least(columns):
    p = torch.full((1, columns), -0.0)
    p[0, 1] = 1
    first, second = top_two(p)
    assert (first.item(), second.item(), largest(p).item()) == (1, 0, 1)


@pytest.mark.parametrize("columns", [2, 3, 10, FEW_COLUMNS, FEW_COLUMNS + 1, 37, 100, 999, 1000])
def test_the_top_two_are_found_at_any_position(columns):
    for best in range(0, columns, max(columns // 25, 1)):
        others = torch.randperm(columns, generator=torch.Generator().manual_seed(best))
        p = torch.rand(len(others), columns, generator=torch.Generator().manual_seed(columns))
        p[torch.arange(columns), others] = 2  # the second largest is in each column once
        p[:, best] = 3
        p[others == best, (best + 1) % columns] = 2
        first, second = top_two(p)
        assert (first == 3).all()
        assert (second == 2).all()


@pytest.mark.parametrize("columns", [5, 50])
def test_the_top_two_of_rows_with_gaps_in_memory_leave_them_as_they_were(columns):
    p = torch.rand(2 * columns, 40, generator=torch.Generator().manual_seed(1)).t()[::3, ::2]
    before = p.clone()
    expected = p.topk(2, dim=1).values
    assert torch.stack(top_two(p), dim=1).equal(expected)
    assert p.equal(before)


@given(rows)
def test_entropy_agrees_with_scipy(p):
    p = (p + 1e-3) / (p + 1e-3).sum(1, keepdims=True)
    expected = scipy.stats.entropy(p.astype(np.float64), axis=1)
    np.testing.assert_allclose(entropy(torch.tensor(p)).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_entropy_is_exact_for_zeros_ones_and_subnormal_numbers(dtype):
    tiny = torch.finfo(dtype).tiny
    p = torch.tensor([[0, 1, 0], [tiny / 8, 1, 0], [0.5, 0.5, 0]], dtype=dtype)
    before = p.clone()
    assert entropy(p).abs()[:2].max() < 1e-35
    assert entropy(p)[2].item() == pytest.approx(np.log(2))
    assert p.equal(before)


@pytest.mark.parametrize("columns", [2, 10, 129, 1000])
def test_entropies_of_rows_are_exact_to_rounding_with_zeros_and_ones(columns):
    p = (8 * torch.randn(500, columns, generator=torch.Generator().manual_seed(0))).softmax(1)
    p[0], p[1], p[2] = 0, 1 / columns, 0
    p[0, 0], p[2, -1] = 1, 1 - 1e-42
    p[2, 0] = 1e-42
    exact = torch.special.entr(p.double()).sum(1)
    assert torch.allclose(entropy_of_rows(p).double(), exact, rtol=1e-6, atol=1e-6)
    assert entropy_of_rows(p[:7]).equal(entropy_of_rows(p)[:7])
    assert entropy_of_rows(p.double()).equal(entropy(p.double()))
