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


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@given(
    hnp.arrays(
        np.float32,
        st.integers(1, 15),
        elements=st.sampled_from([-1, 0, -0.0, 2]) | st.floats(-9, 9, width=32),
    ),
    st.integers(1, 20),
    st.integers(0, 3),
)
def test_the_highest_scores_come_in_descending_order(values, n, seed):
    scores = torch.tensor(values)
    picks = al.TopK()(scores, n, generator(seed))
    assert scores[picks].tolist() == np.sort(values)[::-1][:n].tolist()
    assert len(set(picks.tolist())) == min(n, len(values))


def test_tied_candidates_at_the_threshold_are_all_equally_likely_and_so_are_their_orders():
    scores, counts = torch.tensor([0.0, 1, 5, 1, 1]), Counter()
    for seed in range(1200):
        first, *rest = al.TopK()(scores, 3, generator(seed)).tolist()
        assert first == 2
        counts[tuple(rest)] += 1
    assert set(counts) == set(permutations([1, 3, 4], 2))
    assert scipy.stats.chisquare(list(counts.values())).pvalue > 1e-4


def test_ties_above_the_threshold_come_in_random_order():
    scores = torch.tensor([2.0, 2, 1, 0])
    orders = Counter(tuple(al.TopK()(scores, 3, generator(s)).tolist()) for s in range(200))
    assert set(orders) == {(0, 1, 2), (1, 0, 2)}
    assert min(orders.values()) > 60


def test_scores_without_ties_do_not_depend_on_the_generator():
    scores = torch.tensor([0.1, 0.7, 0.3, 0.9])
    assert {tuple(al.TopK()(scores, 2, generator(s)).tolist()) for s in range(20)} == {(3, 1)}


@pytest.mark.parametrize("n", [1, 500, 1000])
def test_at_most_n_random_numbers_are_drawn(n):
    tied = generator(4)
    al.TopK()(torch.ones(1000), n, tied)
    reference = generator(4)
    torch.randperm(0, generator=reference)
    torch.randperm(1000, generator=reference)
    assert tied.get_state().equal(reference.get_state())
