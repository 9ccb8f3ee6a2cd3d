"""Checks of the values of a prediction, at once or chunk by chunk."""

from __future__ import annotations

import pytest
import torch

import alkit as al
from alkit.errors import NonFiniteError, PredictionError
from alkit.prediction import Prediction, are_finite, chunks, read_in_chunks

BAD = {"nan": torch.nan, "infinity": torch.inf, "negative": -0.1, "sum": 5.0}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(chunks, "CACHE", 40)


def probabilities(rows=30, columns=4):
    return torch.rand(rows, columns, generator=torch.Generator().manual_seed(0)).softmax(-1)


@pytest.mark.parametrize("columns", [4, 200])
@pytest.mark.parametrize("value", BAD.values(), ids=BAD)
@pytest.mark.parametrize("row", [0, 29])
def test_an_error_is_that_of_the_constructor_whichever_chunk_is_bad(value, row, columns):
    p = probabilities(columns=columns)
    p[row, 1] = value
    with pytest.raises((PredictionError, NonFiniteError)) as now:
        Prediction(p, kind="probabilities")
    for score in (
        al.LeastConfidence(),
        al.Entropy(),
        lambda prediction: prediction.outputs[:, 0, 0],
    ):
        with pytest.raises(type(now.value)) as later:
            al.select(3, probabilities=p, criterion=score)
        assert str(later.value) == str(now.value)


def test_a_bad_last_chunk_is_named_before_an_error_of_the_criterion():
    p = probabilities()
    p[29] = torch.nan
    with pytest.raises(NonFiniteError, match="sample 29"):
        al.select(3, probabilities=p, criterion=al.BALD())  # K = 1


def test_chunks_are_checked_before_they_are_read_and_once_alone():
    p = probabilities()
    prediction = read_in_chunks(p, torch.arange(30), "probabilities")
    assert prediction.unread
    assert torch.cat([chunk.probabilities[:, 0] for chunk in prediction.chunks()]).equal(p)
    assert not prediction.unread
    p[20] = torch.nan
    prediction.check()
    read = []
    with pytest.raises(NonFiniteError, match="sample 20"):
        read.extend(read_in_chunks(p, torch.arange(30), "probabilities").chunks())
    assert sum(map(len, read)) <= 20


def test_a_sum_that_overflows_does_not_make_finite_values_infinite():
    large = torch.full((100,), 3e38)
    assert are_finite(large)
    assert not are_finite(torch.cat([large, -large, torch.tensor([torch.nan])]))
    assert not are_finite(torch.tensor([torch.inf, -torch.inf]))
    assert are_finite(torch.full((100,), 6e4, dtype=torch.float16))
