"""Scores and guesses of a stream are those of the whole, joined by id."""

import weakref
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import alkit as al
from alkit.errors import ScoreError
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
