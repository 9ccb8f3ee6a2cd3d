from collections import Counter
from itertools import permutations

import pytest
import scipy.stats
import torch

import alkit as al
from alkit.selectors import Candidates


def test_every_ordered_pick_is_equally_likely_whatever_the_scores():
    candidates, counts = Candidates(torch.tensor([0.0, 100, 5, -7])), Counter()
    for seed in range(1200):
        picks = al.Random()(candidates, 2, torch.Generator().manual_seed(seed))
        counts[tuple(picks.positions.tolist())] += 1
    assert set(counts) == set(permutations(range(4), 2))
    assert scipy.stats.chisquare(list(counts.values())).pvalue > 1e-4


def test_the_probability_of_each_pick_is_that_among_what_is_left():
    picks = al.Random()(Candidates(ids=torch.arange(5)), 5, torch.Generator())
    assert picks.probabilities.tolist() == pytest.approx([1 / 5, 1 / 4, 1 / 3, 1 / 2, 1])


def test_random_needs_nothing_and_topk_the_scores():
    assert al.Random().needs == set()
    assert al.TopK().needs == {"scores"}
