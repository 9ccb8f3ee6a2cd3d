from itertools import combinations

import numpy as np
import pytest
import scipy.stats
import torch
from scipy.spatial.distance import cdist
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

import alkit as al
from alkit.errors import ConfigurationError, PredictionError
from alkit.selectors.candidates import Candidates
from alkit.selectors.geometry.farthest import farthest_first
from alkit.selectors.geometry.points import Points
from alkit.selectors.kcenter import KCenter
from alkit.selectors.spaces import Features, GradientEmbedding
from alkit.testing import check_selector


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def gaussian(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed))


def embeddings(n, seed=0):
    low = gaussian(n, 12, seed=seed) @ gaussian(12, 64, seed=99)
    return (low + 0.3 * gaussian(n, 64, seed=seed + 1)).relu()


def textbook(rows, known, n, first=None, metric="euclidean"):
    """Reference: every candidate against every center, in float64; ``first`` without centers."""
    rows = rows.double().numpy()
    if known is None:
        picks, distances = [first], cdist(rows, rows[first : first + 1], metric)[:, 0]
    else:
        picks, distances = [], cdist(rows, known.double().numpy(), metric).min(1)
    while len(picks) < n:
        picks.append(int(distances.argmax()))
        distances = np.minimum(distances, cdist(rows, rows[picks[-1:]], metric)[:, 0])
    return picks


def select(rows, known, n, selector=None, seed=0):
    annotated = None if known is None else al.Prediction(features=known)
    candidates = Candidates(prediction=al.Prediction(features=rows), annotated=annotated)
    return (selector or KCenter())(candidates, n, generator(seed)).positions.tolist()


def test_it_keeps_the_laws():
    check_selector(KCenter())
    check_selector(KCenter(space=GradientEmbedding()))


@pytest.mark.parametrize(
    ("n", "known", "candidates"), [(60, 40, 1500), (200, 150, 2000), (100, 0, 2000), (1, 1, 1)]
)
@pytest.mark.parametrize("block", [7, 500, 1024])
def test_the_picks_are_those_of_the_textbook(n, known, candidates, block):
    rows, centers = embeddings(candidates), embeddings(known, seed=5) if known else None
    ours = Points((rows,)), None if centers is None else Points((centers,))
    picks = farthest_first(*ours, n, generator(), block=block).tolist()
    assert picks == textbook(rows, centers, n, picks[0])


@pytest.mark.parametrize("metric", ["cosine", "manhattan"])
def test_the_picks_are_those_of_the_textbook_in_other_metrics(metric):
    rows, known = embeddings(800), embeddings(50, seed=5)
    expected = textbook(rows, known, 60, metric={"manhattan": "cityblock"}.get(metric, metric))
    assert select(rows, known, 60, KCenter(Features(metric))) == expected


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_tight_groups_and_a_common_offset_cost_no_exactness(offset):
    middles = 10 * gaussian(6, 16)
    rows = middles.repeat(100, 1) + 1e-2 * gaussian(600, 16, seed=1) + offset
    known = middles[:3] + offset
    assert select(rows, known, 60) == textbook(rows, known, 60)


def test_no_more_than_twice_the_best_radius():
    for seed in range(8):
        rows, known = gaussian(9, 2, seed=seed), gaussian(1, 2, seed=seed + 50)
        apart, taken = cdist(rows, rows), cdist(rows, known).min(1)

        def radius(picks, apart=apart, taken=taken):
            return np.minimum(apart[:, list(picks)].min(1), taken).max()

        for n in (1, 2, 3, 4):
            best = min(radius(picks) for picks in combinations(range(9), n))
            assert radius(select(rows, known, n)) <= 2 * best + 1e-6


def test_with_nothing_annotated_the_first_pick_is_uniform():
    rows = gaussian(5, 3)
    firsts = [select(rows, None, 1, seed=seed)[0] for seed in range(300)]
    assert scipy.stats.chisquare(np.bincount(firsts, minlength=5)).pvalue > 1e-4


def test_annotated_samples_are_centers():
    rows = torch.tensor([[0.0], [1.0], [10.0]])
    assert select(rows, torch.tensor([[10.5]]), 1) == [0]
    assert select(rows, torch.tensor([[-0.5]]), 1) == [2]
    assert select(rows, torch.tensor([[-0.5], [10.5]]), 1) == [1]


def test_many_annotated_samples_are_all_looked_at():
    rows = torch.arange(200.0)[:, None]
    known = torch.cat([torch.full((100, 1), -1.0), rows[1:198]])
    assert select(rows, known, 2) == [199, 0]


def test_duplicates_are_not_picked_while_others_remain():
    rows = gaussian(40, 8).repeat(3, 1) + 100
    known = rows[:10]
    picks = select(rows, known, 120)
    assert sorted(pick % 40 for pick in picks[:30]) == list(range(10, 40))
    assert sorted(picks) == list(range(120))


def test_equally_far_candidates_have_equal_chances():
    rows = torch.tensor([[0.0, 0], [3, 0], [0, 3], [-3, 0], [0, -3], [3, 0]])
    counts = np.zeros(6)
    for seed in range(300):
        counts[select(rows, torch.zeros(1, 2), 1, seed=seed)] += 1
    assert counts[0] == 0
    assert scipy.stats.chisquare(counts[1:]).pvalue > 1e-4


def test_what_equals_a_center_comes_last_in_random_order():
    rows = torch.tensor([[1.0], [1], [1], [2]])
    orders = {tuple(select(rows, torch.tensor([[1.0]]), 4, seed=seed)) for seed in range(60)}
    assert {order[0] for order in orders} == {3}
    assert len(orders) == 6


def test_the_number_of_threads_does_not_matter():
    rows, known, threads = embeddings(3000), embeddings(50, seed=5), torch.get_num_threads()
    picks = []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            picks.append(select(rows, known, 80))
    finally:
        torch.set_num_threads(threads)
    assert picks[0] == picks[1]


class Largest(TorchDispatchMode):
    """Largest number of values that any operation returned."""

    values = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for part in result if isinstance(result, tuple | list) else (result,):
            if isinstance(part, torch.Tensor):
                self.values = max(self.values, part.numel())
        return result


def test_few_pairs_are_compared_and_nothing_grows_with_their_number():
    rows, known = embeddings(8000), embeddings(400, seed=5)
    with Largest() as largest, FlopCounterMode(display=False) as flops:
        farthest_first(Points((rows,)), Points((known,)), 200, generator())
    assert largest.values <= 2**19  # the features alone; all pairs would be 4.8 million
    every_pair = 2 * 8000 * (400 + 200) * 64
    assert flops.get_total_flops() < 0.6 * every_pair


class Gathered(TorchDispatchMode):
    """Number of values copied to be contiguous."""

    values = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func is torch.ops.aten.index.Tensor:
            self.values += result.numel()
        return result


def test_from_nothing_annotated_candidates_are_compared_where_they_stand():
    rows = embeddings(8000)
    with Gathered() as gathered:
        farthest_first(Points((rows,)), None, 100, generator())
    assert gathered.values < 2 * rows.numel()


def test_it_reads_as_it_is_made_and_says_what_it_needs():
    assert repr(KCenter()) == "KCenter()"
    assert repr(KCenter(Features("cosine"))) == "KCenter(space=Features('cosine'))"
    assert KCenter().needs == {"features", "annotated"}
    assert KCenter(GradientEmbedding()).needs == {"features", "outputs", "annotated"}
    with pytest.raises(ConfigurationError, match="space must be a Space"):
        KCenter("cosine")
    with pytest.raises(PredictionError, match="the layer that computes them"):
        KCenter()(Candidates(prediction=al.Prediction(gaussian(3, 2))), 1, generator())
