from collections import Counter
from itertools import permutations

import scipy.stats
import torch

import alkit as al


def test_every_ordered_pick_is_equally_likely_whatever_the_scores():
    scores, counts = torch.tensor([0.0, 100, 5, -7]), Counter()
    for seed in range(1200):
        picks = al.Random()(scores, 2, torch.Generator().manual_seed(seed))
        counts[tuple(picks.tolist())] += 1
    assert set(counts) == set(permutations(range(4), 2))
    assert scipy.stats.chisquare(list(counts.values())).pvalue > 1e-4


def test_random_needs_no_scores_and_topk_does():
    assert not al.Random().uses_scores
    assert al.TopK().uses_scores
