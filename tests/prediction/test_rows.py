"""Rows with owners: whatever their order, a sample has its own rows, and no others."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import alkit as al
from alkit.errors import NonFiniteError, PredictionError


@st.composite
def owned(draw):
    """Rows of up to 6 samples, in any order, some of which have none."""
    n = draw(st.integers(1, 6))
    owners = draw(st.lists(st.integers(0, n - 1), max_size=12))
    k, c = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    z = torch.randn(len(owners), k, c, generator=torch.Generator().manual_seed(len(owners)))
    ids = torch.tensor(draw(st.permutations(range(10, 10 + n))))
    owners = torch.tensor(owners, dtype=torch.long)
    return z, owners, al.Prediction(z, ids, "logits", owners=owners)


@given(owned(), st.data())
def test_a_part_has_the_rows_of_its_samples_in_their_order(case, data):
    z, owners, prediction = case
    n = len(prediction)
    picks = data.draw(st.lists(st.integers(0, n - 1), unique=True, min_size=1))
    mask = torch.zeros(n, dtype=torch.bool)
    mask[picks] = True
    low = data.draw(st.integers(0, n))
    cases = [
        (torch.tensor(picks), picks),
        (mask, sorted(picks)),
        (slice(low, n), range(low, n)),
        (slice(None, None, 2), range(0, n, 2)),
    ]
    for samples, positions in cases:
        part = prediction[samples]
        assert part.ids.tolist() == [int(prediction.ids[i]) for i in positions]
        expected = [z[owners == i] for i in positions]
        assert part.outputs.equal(torch.cat([*expected, z[:0]]))
        assert part.sizes.tolist() == [len(rows) for rows in expected]
        assert part.rows().ids.equal(part.ids.repeat_interleave(part.sizes))


@given(owned())
def test_chunks_hold_all_rows_once(case):
    _, _, prediction = case
    parts = list(prediction.chunks())
    assert torch.cat([part.outputs for part in parts]).equal(prediction.outputs)
    assert torch.cat([part.ids for part in parts]).equal(prediction.ids)


def test_large_samples_come_one_by_one(monkeypatch):
    monkeypatch.setattr("alkit.prediction.chunks.CACHE", 8)
    prediction = al.Prediction.segmentation(torch.randn(5, 3, 4, 4))
    assert [len(part) for part in prediction.chunks()] == [1] * 5
    assert [len(part.owners) for part in prediction.chunks()] == [16] * 5


def test_rows_are_candidates_of_their_own_and_have_no_unit():
    prediction = al.Prediction(torch.randn(3, 2), range(4), owners=[3, 0, 3])
    assert (prediction.unit, prediction.sizes.tolist()) == ("rows", [1, 0, 0, 2])
    rows = prediction.rows()
    assert (rows.unit, len(rows), rows.ids.tolist()) == ("", 3, [0, 3, 3])
    assert rows.rows() is rows
    assert prediction.guesses.equal(rows.probabilities[:, 0].argmax(1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"owners": [0, 1]}, "need the ids"),
        ({"owners": [0, 2], "ids": [7, 9]}, "not their ids; got 0 to 2"),
        ({"owners": [0, -1], "ids": [7, 9]}, "got -1 to 0"),
        ({"owners": [0], "ids": [7, 9]}, r"2 owners, one for each row, got shape \(1,\)"),
        ({"owners": [0.0, 1.0], "ids": [7, 9]}, "integers, got torch.float"),
        ({"owners": [0, 1], "ids": [7, 9], "task": "multiclass"}, "has one row per sample"),
        ({"task": "segmentation"}, "rows with owners"),
    ],
)
def test_owners_that_do_not_fit_are_refused(options, message):
    with pytest.raises(PredictionError, match=message):
        al.Prediction(torch.zeros(2, 3), kind="logits", **options)


def test_a_row_that_is_not_finite_is_reported_by_the_id_of_its_sample():
    z = torch.zeros(4, 2)
    z[2] = torch.nan
    with pytest.raises(NonFiniteError, match=r"1 of 3 samples \(the first: sample 8\)"):
        al.Prediction(z, [5, 8, 9], "logits", owners=[0, 2, 1, 2])


def test_undeclared_probabilities_of_rows_are_refused():
    p = torch.rand(6, 3).softmax(1)
    with pytest.raises(PredictionError, match='kind="probabilities"'):
        al.Prediction(p, range(2), owners=[0, 0, 0, 0, 1, 1])


def test_probabilities_of_samples_with_several_rows_do_not_exist():
    with pytest.raises(PredictionError, match=r"outputs are rows.* Each\(criterion"):
        _ = al.Prediction(torch.randn(3, 2), range(2), owners=[0, 0, 1]).mean_probabilities


def test_two_columns_are_not_binary():
    assert al.Prediction(torch.randn(3, 1), task="binary").task == "multiclass"
    with pytest.raises(PredictionError, match=r"binary.* one column, got 2"):
        al.Prediction(torch.randn(3, 2), task="binary")
