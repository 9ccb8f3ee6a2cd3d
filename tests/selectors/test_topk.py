from collections import Counter
from itertools import permutations

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import alkit as al
from alkit.errors import EmptyPoolError, NonFiniteError, QuerySizeError, ScoreError
from alkit.selectors import Candidates
from alkit.selectors.topk import RunningTopK, _hashed

VALUES = hnp.arrays(
    np.float32,
    st.integers(1, 15),
    elements=st.sampled_from([-1, 0, -0.0, 2]) | st.floats(-9, 9, width=32),
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def topk(scores, n, seed=0, ids=None):
    return al.TopK()(Candidates(scores, ids=ids), n, generator(seed)).positions


@given(VALUES, st.integers(1, 20), st.integers(0, 3))
def test_the_highest_scores_come_in_descending_order(values, n, seed):
    scores = torch.tensor(values)
    picks = topk(scores, n, seed)
    assert scores[picks].tolist() == np.sort(values)[::-1][:n].tolist()
    assert len(set(picks.tolist())) == min(n, len(values))


@pytest.mark.parametrize("n", [1, 5, 40])
@pytest.mark.parametrize("N", [255, 256, 3001])
@pytest.mark.parametrize("levels", [1, 7, 10**6])
def test_the_highest_of_many_are_those_of_sorting_them(N, n, levels):
    scores = torch.randint(levels, (N,), generator=generator(N)).float()
    picks = topk(scores, n)
    assert scores[picks].tolist() == sorted(scores.tolist(), reverse=True)[:n]
    assert len(set(picks.tolist())) == n


def test_tied_candidates_at_the_threshold_are_all_equally_likely_and_so_are_their_orders():
    scores, counts = torch.tensor([0.0, 1, 5, 1, 1]), Counter()
    for seed in range(1200):
        first, *rest = topk(scores, 3, seed).tolist()
        assert first == 2
        counts[tuple(rest)] += 1
    assert set(counts) == set(permutations([1, 3, 4], 2))
    assert scipy.stats.chisquare(list(counts.values())).pvalue > 1e-4


def test_ties_above_the_threshold_come_in_random_order():
    scores = torch.tensor([2.0, 2, 1, 0])
    orders = Counter(tuple(topk(scores, 3, seed).tolist()) for seed in range(200))
    assert set(orders) == {(0, 1, 2), (1, 0, 2)}
    assert min(orders.values()) > 60


def test_ties_are_broken_alike_over_many_candidates_and_without_a_pattern_in_their_ids():
    ids = topk(torch.zeros(100_000), 20_000).double()
    assert scipy.stats.kstest(ids / 100_000, "uniform").pvalue > 1e-4
    for period in (2, 3, 10, 64):
        counts = torch.bincount(ids.long() % period, minlength=period)
        assert scipy.stats.chisquare(counts).pvalue > 1e-4
    assert abs(np.corrcoef(ids[1:], ids[:-1])[0, 1]) < 0.03


def test_keys_of_ties_are_those_of_splitmix64():
    def published(index, seed, mask=2**64 - 1):
        z = (seed + index * 0x9E3779B97F4A7C15) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    ids, seed = [*range(50), 2**40, 2**62], 2**62 + 12345
    keys = _hashed(torch.tensor(ids), seed).tolist()
    assert [key % 2**64 for key in keys] == [published(index, seed) for index in ids]


def test_scores_without_ties_do_not_depend_on_the_generator():
    scores = torch.tensor([0.1, 0.7, 0.3, 0.9])
    assert {tuple(topk(scores, 2, seed).tolist()) for seed in range(20)} == {(3, 1)}


def test_a_tie_depends_on_the_ids_and_not_on_other_candidates():
    ids = torch.tensor([3, 2**40, 17, 5, 0])
    for seed in range(20):
        order = ids[topk(torch.zeros(5), 5, seed, ids)].tolist()
        part = torch.tensor([0, 2, 3])
        among = ids[part][topk(torch.zeros(3), 3, seed, ids[part])].tolist()
        assert among == [sample for sample in order if sample in {3, 17, 5}]


def test_one_random_number_is_drawn_whatever_the_scores():
    states = []
    for scores in (torch.ones(1000), torch.arange(10.0)):
        rng = generator(4)
        al.TopK()(Candidates(scores), 5, rng)
        states.append(rng.get_state())
    assert states[0].equal(states[1])
    assert not states[0].equal(generator(4).get_state())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_scores_of_any_precision_are_compared_as_they_are(dtype):
    scores = torch.tensor([1.0, 3, 2], dtype=dtype)
    assert topk(scores, 2).tolist() == [1, 2]
    if dtype == torch.float64:
        assert topk(1 + torch.tensor([0.0, 2, 1]).double() * 1e-12, 2).tolist() == [1, 2]


@given(VALUES, st.integers(1, 20), st.integers(1, 7), st.integers(0, 3), st.booleans())
def test_chunks_in_any_order_give_the_picks_of_the_whole(values, n, size, seed, backwards):
    scores = torch.tensor(values)
    ids = torch.randperm(50, generator=generator(seed))[: len(values)]
    running = RunningTopK(n, generator(seed))
    chunks = list(zip(scores.split(size), ids.split(size)))
    for chunk in chunks[::-1] if backwards else chunks:
        running.add(*chunk)
    best, their_scores = running.best()
    positions = topk(scores, n, seed, ids)
    assert best.tolist() == ids[positions].tolist()
    assert their_scores.tolist() == scores[positions].tolist()


@pytest.mark.parametrize("rise", [-1, 0, 1])
def test_few_more_than_n_rows_are_held(rise):
    running = RunningTopK(10, generator())
    for start in range(0, 1000, 5):
        ids = torch.arange(start, start + 5)
        running.add(rise * ids.double(), ids)
        assert sum(len(held) for held, _ in running._held) < 20
    assert len(running.best()[0]) == 10


def test_the_best_so_far_may_be_looked_at_before_the_end():
    running = RunningTopK(2, generator())
    with pytest.raises(EmptyPoolError):
        running.best()
    running.add(torch.zeros(0), torch.zeros(0).long())
    running.add(torch.tensor([5.0]), torch.tensor([7]))
    assert running.best()[0].tolist() == [7]
    running.add(torch.tensor([6.0, 4]), torch.tensor([1, 2], dtype=torch.int32))
    assert running.best()[0].tolist() == [1, 7]


def test_chunks_that_are_not_scores_raise():
    with pytest.raises(QuerySizeError, match="at least 1"):
        RunningTopK(0, generator())
    running = RunningTopK(2, generator())
    for scores, ids in [(torch.zeros(3), torch.arange(2)), (torch.arange(2), torch.arange(2))]:
        with pytest.raises(ScoreError, match=r"float scores \(M,\) and one id per score"):
            running.add(scores, ids)
    for bad in (torch.nan, torch.inf, -torch.inf):
        with pytest.raises(NonFiniteError):
            running.add(torch.tensor([0.0, bad]), torch.arange(2))
