"""Norms and scaled rows do not depend on where the rows are, or in what blocks they are taken."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alkit.errors import NonFiniteError
from alkit.selectors.geometry import lazy
from alkit.selectors.geometry.lazy import Lazy, whole
from alkit.selectors.geometry.norms import squared_norms, unit_rows


@given(n=st.integers(1, 300), width=st.integers(1, 70), seed=st.integers(0, 99))
def test_scaled_rows_are_bit_for_bit_the_same(n, width, seed):
    rows = torch.randn(n, width, generator=torch.Generator().manual_seed(seed))
    rows[0] = 0
    ours = Lazy(rows.__getitem__, (n, width), rows.dtype, rows.device)
    expected = unit_rows(rows)
    torch.testing.assert_close(expected, torch.nn.functional.normalize(rows, dim=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lazy, "LARGE", 0)
        patch.setattr(lazy, "BLOCK", 50 * width)
        assert torch.equal(squared_norms((ours, ours)), squared_norms((rows, rows)))
        for matrix in (rows, ours):
            scaled = unit_rows(matrix)
            assert isinstance(scaled, Lazy)
            assert torch.equal(whole(scaled), expected)
            assert torch.equal(scaled[5:7], expected[5:7])


def test_rows_of_norm_one_stay_what_they_are():
    rows = torch.eye(5)
    assert unit_rows(rows) is rows


def test_norms_that_overflow_are_an_error():
    with pytest.raises(NonFiniteError, match="overflow torch"):
        unit_rows(torch.full((2, 3), 3e38))
    with pytest.raises(NonFiniteError, match="squared norms"):
        squared_norms((torch.full((2, 3), 1e30),))
