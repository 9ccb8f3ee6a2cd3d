"""Scores and guesses of a stream are those of the whole, joined by id."""

import weakref
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import alkit as al
from alkit.errors import ConfigurationError, NonFiniteError, ScoreError
from alkit.querying import Storage
from alkit.querying.gathered import gather

CRITERIA = [
    al.Margin(),
    al.Entropy() / 2 - al.Ratio(),
    al.Rank(al.Margin()),
    al.Rank(al.Margin())
    + 0.5 * al.criteria.ZScore(al.Entropy()) * al.criteria.MinMax(al.LeastConfidence()),
    al.criteria.Constant(2.0),
]


def stream_scores(criterion, predictions):
    return criterion.combine(*gather(predictions, 0, terms=criterion.terms).scores)


def cut(whole, sizes, order):
    """The rows of a prediction in another order, in chunks."""
    shuffled = whole[order]
    ends = np.cumsum([0, *sizes]).tolist()
    return [shuffled[slice(a, b)] for a, b in pairwise(ends)]


@given(
    criterion=st.sampled_from(CRITERIA),
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=5),
    seed=st.integers(0, 99),
)
def test_a_stream_of_chunks_in_any_order_is_scored_as_the_whole(criterion, sizes, seed):
    generator = torch.Generator().manual_seed(seed)
    n = sum(sizes)
    ids = torch.randperm(100, generator=generator)[:n].sort().values
    whole = al.Prediction(torch.randn(n, 4, generator=generator), ids)
    chunks = cut(whole, sizes, torch.randperm(n, generator=generator))
    torch.testing.assert_close(stream_scores(criterion, chunks), criterion(whole))

    seen = gather(chunks, n, guesses=True)
    assert seen.ids.tolist() == ids.tolist()
    assert seen.guesses.tolist() == whole.outputs[:, 0].argmax(1).tolist()


def test_a_chunk_with_a_wrong_number_of_scores_is_reported():
    chunks = cut(al.Prediction(torch.randn(6, 3)), [4, 2], torch.arange(6))
    with pytest.raises(ScoreError, match=r"\(2,\)"):
        stream_scores(al.criteria.as_criterion(lambda p: torch.zeros(4)), chunks)


def test_outputs_are_not_kept():
    alive = []

    def chunks():
        for k in range(4):
            outputs = torch.randn(3, 2)
            alive.append(weakref.ref(outputs))
            yield al.Prediction(outputs[:, None], torch.arange(3) + 3 * k)
            del outputs
            assert sum(ref() is not None for ref in alive) <= 1

    assert len(stream_scores(al.Margin(), chunks())) == 12


def test_of_what_is_watched_rows_are_kept_and_of_the_rest_none():
    whole = al.Prediction(torch.randn(9, 2, 3), torch.arange(9) * 2, features=torch.randn(9, 4))
    chunks = cut(whole, [4, 5], torch.tensor([8, 0, 7, 1, 6, 2, 5, 3, 4]))
    seen = gather(chunks, 9, watch=torch.tensor([6, 0, 16]))
    assert (seen.scores, seen.prediction, len(seen.guesses)) == ([], None, 0)
    kept = seen.watched.prediction
    assert kept.ids.tolist() == [0, 6, 16]
    torch.testing.assert_close(kept.features, whole.features[[0, 3, 8]])
    torch.testing.assert_close(kept.outputs[:, 0], whole.mean_probabilities[[0, 3, 8]])
    assert gather(chunks, 9).watched is None


@pytest.mark.parametrize("dtype", [None, "float32", "float16"])
def test_what_is_kept_in_a_file_is_what_was_predicted(dtype, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("alkit.storage.SMALL", 0)
    features = torch.randn(9, 4).half().float()  # numbers of float16
    whole = al.Prediction(torch.randn(9, 2, 3), torch.arange(9) * 2, features=features)
    chunks = cut(whole, [4, 5], torch.tensor([8, 0, 7, 1, 6, 2, 5, 3, 4]))
    keep, storage = {"outputs", "features"}, Storage(dtype, tmp_path, share=0)
    for order in (chunks, cut(whole, [4, 5], torch.arange(9))):
        seen = gather(order, 9, terms=al.Margin().terms, keep=keep, storage=storage)
        assert torch.equal(seen.prediction.ids, whole.ids)
        assert torch.equal(seen.prediction.outputs, whole.outputs)
        assert torch.equal(seen.prediction.features.float(), whole.features)
        assert seen.prediction.features.dtype == getattr(torch, dtype or "float32")
        torch.testing.assert_close(seen.scores[0], al.Margin()(whole))
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 4
    assert f"the features of 9 candidates, 0.0 GB of {dtype or 'float32'}, go to a temp" in said[1]


def test_features_that_float16_cannot_hold_are_an_error_and_memory_keeps_them(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("alkit.storage.SMALL", 0)
    whole = al.Prediction(ids=torch.arange(2), features=torch.tensor([[1.0], [7e4]]))
    with pytest.raises(NonFiniteError, match=r'7e\+04 overflow float16.*Storage\("float32"\)'):
        gather([whole], 2, keep={"features"}, storage=Storage("float16", tmp_path, share=0))
    seen = gather([whole], 2, keep={"features"}, storage=Storage("float16", tmp_path))
    assert seen.prediction.features.dtype == torch.float32


SELECTORS = [al.KMeansPlusPlus(), al.KMeansPlusPlus(space=al.GradientEmbedding()), al.KCenter()]


@pytest.mark.parametrize("selector", SELECTORS, ids=repr)
@pytest.mark.filterwarnings("ignore::alkit.errors.SelectionWarning")
def test_a_strategy_picks_from_a_file_what_it_picks_from_memory(
    net, pool, selector, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("alkit.storage.SMALL", 0)

    def query(storage=None):
        strategy = al.Strategy(net(), pool, selector=selector, seed=0).build()
        if storage is not None:
            strategy.storage = storage
        return strategy.query(9)

    expected = query()
    assert not capsys.readouterr().err
    assert list(query(Storage(folder=tmp_path, share=0))) == list(expected)
    said = capsys.readouterr().err
    assert f"the features of {len(pool.unannotated_indices)} candidates, 0.0 GB of flo" in said
    again = query(Storage("float16", tmp_path, share=0))
    assert again.trace.look_again().drift < 0.01
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrong", ["float16", None, Storage])
def test_what_is_not_a_storage_is_refused(net, pool, wrong):
    strategy = al.Strategy(net(), pool, seed=0).build()
    strategy.storage = wrong
    with pytest.raises(ConfigurationError, match=r'Storage\("float16"\), got'):
        strategy.query(9)


@pytest.mark.parametrize("total", [0, 9])
def test_guesses_of_several_targets_are_kept_whatever_total_is_stated(total):
    whole = al.Prediction(torch.randn(9, 2), kind="values")
    seen = gather(cut(whole, [4, 5], torch.arange(9)), total, guesses=True)
    assert torch.equal(seen.guesses, whole.outputs[:, 0])
    assert seen.ids.tolist() == list(range(9))
