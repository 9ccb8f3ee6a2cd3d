"""Computed rows are those of the whole matrix, whatever is taken of it."""

import weakref

import torch
from hypothesis import given
from hypothesis import strategies as st

from alkit.selectors.geometry import lazy
from alkit.selectors.geometry.lazy import Lazy, filled, part_of, pieces, whole


def doubled(n, width=3):
    rows = torch.randn(n, width, generator=torch.Generator().manual_seed(n)).half()
    return Lazy(lambda some: 2 * rows[some].float(), (n, width), torch.float32, rows.device), rows


@given(n=st.integers(1, 40), size=st.integers(1, 50), seed=st.integers(0, 99))
def test_rows_blocks_and_parts_are_those_of_the_whole(n, size, seed):
    matrix, rows = doubled(n)
    expected = 2 * rows.float()
    assert len(matrix) == n
    assert matrix.nbytes == expected.nbytes
    assert torch.equal(whole(matrix), expected)
    assert torch.equal(torch.cat([*matrix.split(size)]), expected)
    assert max(map(len, matrix.split(size))) <= size
    places = torch.randint(n, (size,), generator=torch.Generator().manual_seed(seed))
    assert torch.equal(matrix[places], expected[places])
    assert torch.equal(matrix[:: size + 1], expected[:: size + 1])


def test_a_tensor_is_one_piece_and_computed_rows_are_many(monkeypatch):
    matrix, rows = doubled(10)
    monkeypatch.setattr(lazy, "BLOCK", 9)
    assert [len(piece) for piece in pieces(matrix)] == [3, 3, 3, 1]
    assert [piece is rows for piece in pieces(rows)] == [True]
    assert whole(rows) is rows


def test_a_large_part_is_not_copied_and_a_part_of_it_neither(monkeypatch):
    matrix, rows = doubled(10)
    places = torch.tensor([7, 2, 2, 9])
    assert isinstance(part_of(matrix, places), torch.Tensor)
    monkeypatch.setattr(lazy, "LARGE", 0)
    for held in (matrix, rows.float() * 2):
        part = part_of(part_of(held, places), torch.tensor([3, 0]))
        assert isinstance(part, Lazy)
        assert part.shape == (2, 3)
        assert torch.equal(whole(part), 2 * rows[[9, 7]].float())


def test_parts_are_filled_in_and_each_is_freed_before_the_next_is_made():
    alive = []

    def parts():
        for size in (3, 1, 4):
            assert not any(ref() is not None for ref in alive)
            rows = torch.full((size, 2), size)
            alive.append(weakref.ref(rows))
            yield rows
            del rows

    assert filled(parts(), 8)[:, 1].tolist() == [3] * 3 + [1] + [4] * 4
