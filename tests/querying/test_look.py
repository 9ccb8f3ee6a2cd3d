import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alkit.criteria import Margin
from alkit.errors import ProcessError
from alkit.pool.trace import drawn
from alkit.prediction import Prediction
from alkit.querying.gathered import gather
from alkit.querying.look import _stored, merged
from alkit.storage import Storage

KEPT = {"terms": [Margin()], "keep": {"outputs", "features"}, "guesses": True}


def prediction(ids):
    """Outputs and features that are functions of the ids."""
    rows = torch.Generator().manual_seed(0)
    outputs, features = (torch.randn(200, width, generator=rows) for width in (3, 4))
    return Prediction(outputs[ids], ids, "logits", features[ids])


@given(st.integers(1, 120), st.integers(1, 5), st.integers(1, 9))
def test_what_the_processes_gather_is_together_what_one_gathers(n, world, size):
    ids = torch.arange(40, 40 + n)
    batches = ids.split(size)
    watch = ids[drawn(n, 0)]
    parts = [
        gather(map(prediction, batches[rank::world]), len(torch.cat(batches[rank::world])),
               watch=watch, **KEPT)
        for rank in range(min(world, len(batches)))
    ]  # fmt: skip
    whole, alone = merged(parts, ids), gather(map(prediction, batches), n, watch=watch, **KEPT)
    for ours, theirs in [(whole, alone), (whole.watched, alone.watched)]:
        assert torch.equal(ours.prediction.ids, theirs.prediction.ids)
        assert torch.equal(ours.prediction.outputs, theirs.prediction.outputs)
        assert torch.equal(ours.prediction.features, theirs.prediction.features)
    assert torch.equal(whole.ids, ids)
    assert torch.equal(whole.scores[0], alone.scores[0])
    assert torch.equal(whole.guesses, alone.guesses)


def test_large_rows_of_several_processes_are_merged_in_a_file(monkeypatch, capsys):
    monkeypatch.setattr("alkit.storage.SMALL", 0)
    ids, batches = torch.arange(40, 90), torch.arange(40, 90).split(9)
    parts = [
        gather(map(prediction, batches[rank::2]), len(torch.cat(batches[rank::2])), **KEPT)
        for rank in range(2)
    ]
    storage = Storage(share=0)
    parts[1] = _stored(parts[1], storage)
    assert (
        "of another process, 0.0 GB of float32, go to a temporary file" in capsys.readouterr().err
    )
    whole, alone = merged(parts, ids, storage), gather(map(prediction, batches), 50, **KEPT)
    assert "of 50 candidates, 0.0 GB of float32, go to a temporary" in capsys.readouterr().err
    assert torch.equal(whole.prediction.outputs, alone.prediction.outputs)
    assert torch.equal(whole.prediction.features, alone.prediction.features)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ([0, 1, 2], [2, 3], "sample 2 was predicted twice"),
        ([0, 1], [3], "sample 2 was predicted in no process"),
        ([0, 1, 2], [3, 7], "sample 7 was predicted though it is not a candidate"),
    ],
)
def test_a_sample_that_is_missing_or_there_twice_is_an_error(first, second, words):
    parts = [gather([prediction(torch.tensor(ids))], len(ids)) for ids in (first, second)]
    with pytest.raises(ProcessError, match=words):
        merged(parts, torch.arange(4))
