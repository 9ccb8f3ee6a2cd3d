from collections import Counter
from itertools import permutations

import numpy as np
import pytest
import scipy.stats
import torch
from scipy.spatial.distance import cdist
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

import alkit as al
from alkit.errors import ConfigurationError
from alkit.selectors.candidates import Candidates
from alkit.selectors.geometry.points import Points
from alkit.selectors.kmeanspp import KMeansPlusPlus, d2_sampling
from alkit.selectors.spaces import Features, GradientEmbedding
from alkit.testing import check_selector

POINTS = torch.tensor([[0.0, 0], [1, 0], [1, 0], [0, 2], [3, 1], [-1, -1]])  # one comes twice


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def gaussian(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed))


def law(rows, n, origin=False):
    """Probability of every order of n picks, from the definition."""
    squares = cdist(rows, rows, "sqeuclidean")
    start = (rows.double() ** 2).sum(1).numpy() if origin else None
    orders = {}
    for order in permutations(range(len(rows)), n):
        chance, nearest = 1.0, start
        for position, pick in enumerate(order):
            left = np.ones(len(rows)) if nearest is None else nearest
            if left.sum() == 0:
                left = np.ones(len(rows))
                left[list(order[:position])] = 0
            chance *= left[pick] / left.sum()
            nearest = squares[pick] if nearest is None else np.minimum(nearest, squares[pick])
        orders[order] = chance
    assert sum(orders.values()) == pytest.approx(1)
    return orders


def check_law(counts, expected):
    runs = sum(counts.values())
    assert set(counts) <= {order for order, chance in expected.items() if chance > 0}
    likely = [order for order, chance in expected.items() if chance * runs >= 5]
    seen = [counts[order] for order in likely] + [runs - sum(counts[order] for order in likely)]
    wanted = [expected[order] * runs for order in likely]
    wanted.append(max(runs - sum(wanted), 1e-9))
    if wanted[-1] < 5:
        seen, wanted = seen[:-1], wanted[:-1]
        wanted = [value * sum(seen) / sum(wanted) for value in wanted]
    assert scipy.stats.chisquare(seen, wanted).pvalue > 1e-4


def select(prediction, n, selector=None, seed=0):
    candidates = Candidates(prediction=prediction)
    return (selector or KMeansPlusPlus())(candidates, n, generator(seed)).positions.tolist()


def test_it_keeps_the_laws():
    check_selector(KMeansPlusPlus())
    check_selector(KMeansPlusPlus(space=GradientEmbedding()))


@pytest.mark.parametrize(("n", "batch", "runs"), [(3, 256, 1200), (2, 1, 400)])
@pytest.mark.parametrize("origin", [False, True])
def test_picks_follow_the_law_of_k_means_plus_plus(n, batch, runs, origin):
    points, random, counts = Points((POINTS,)), generator(17), Counter()
    for _ in range(runs):
        counts[tuple(d2_sampling(points, n, random, origin, batch).tolist())] += 1
    check_law(counts, law(POINTS, n, origin))


def test_picks_follow_the_law_where_distances_stay_out_of_date():
    places = torch.tensor([[0.0, 0], [4, 0], [0, 7], [9, 5]])
    points, random, counts = Points((places.repeat_interleave(60, 0),)), generator(23), Counter()
    for _ in range(350):
        picks = d2_sampling(points, 3, random, batch=1)
        counts[tuple((picks // 60).tolist())] += 1
    check_law(counts, law(places, 3))


def test_in_the_space_of_gradients_it_is_badge():
    logits, features = gaussian(5, 3) * 2, gaussian(5, 2, seed=1)
    residual = logits.softmax(1) - torch.nn.functional.one_hot(logits.argmax(1), 3)
    gradients = torch.einsum("nc,nd->ncd", residual, features).flatten(1)
    prediction, counts = al.Prediction(logits, features=features), Counter()
    badge = KMeansPlusPlus(GradientEmbedding())
    for seed in range(700):
        counts[tuple(select(prediction, 2, badge, seed))] += 1
    check_law(counts, law(gradients, 2, origin=True))


def test_badge_starts_in_proportion_to_the_squared_norm_not_at_the_largest():
    logits = torch.tensor([[0.0, 0], [0, 0], [50, 0], [0, 0]])  # one is certain
    features = torch.tensor([[1.0], [2.0], [9.0], [0.5]])
    prediction, badge = (
        al.Prediction(logits, features=features),
        KMeansPlusPlus(GradientEmbedding()),
    )
    firsts = [select(prediction, 1, badge, seed)[0] for seed in range(400)]
    counts = np.bincount(firsts, minlength=4)
    assert counts[2] == 0
    expected = np.array([1, 4, 0.25]) / 5.25 * 400
    assert scipy.stats.chisquare(counts[[0, 1, 3]], expected).pvalue > 1e-4


def test_duplicates_are_not_picked_while_others_remain():
    rows = gaussian(30, 5).repeat(4, 1) + 50
    for seed in range(5):
        picks = select(al.Prediction(features=rows), 120, seed=seed)
        assert sorted(pick % 30 for pick in picks[:30]) == list(range(30))
        assert sorted(picks) == list(range(120))


def test_what_equals_a_pick_is_picked_uniformly():
    rows = torch.tensor([[0.0], [5], [5], [5]])
    thirds = [select(al.Prediction(features=rows), 3, seed=seed)[2] for seed in range(300)]
    counts = np.bincount(thirds, minlength=4)
    assert counts[0] == 0
    assert scipy.stats.chisquare(counts[1:]).pvalue > 1e-4


def test_tight_groups_far_apart_are_all_found():
    rows = (1e3 * gaussian(20, 4)).repeat(200, 1) + 1e-2 * gaussian(4000, 4, seed=1)
    picks = select(al.Prediction(features=rows), 60)
    assert sorted(pick % 20 for pick in picks[:20]) == list(range(20))
    assert len(set(picks)) == 60


def test_annotated_samples_are_not_looked_at():
    rows = gaussian(50, 6)
    prediction = al.Prediction(features=rows)
    known = al.Prediction(features=gaussian(9, 6, seed=1))
    selector = KMeansPlusPlus(Features(pca=2))
    beside = Candidates(prediction=prediction, annotated=known)
    picks = selector(beside, 10, generator()).positions.tolist()
    assert picks == select(prediction, 10, selector)


def test_other_metrics_are_drawn_by_their_squares():
    rows, counts = torch.tensor([[0.0, 0], [1, 1], [3, 0]]), Counter()
    squares = cdist(rows, rows, "cityblock") ** 2
    selector, prediction = KMeansPlusPlus(Features("manhattan")), al.Prediction(features=rows)
    for seed in range(400):
        counts[tuple(select(prediction, 2, selector, seed))] += 1
    law = squares / squares.sum(1, keepdims=True) / 3
    check_law(counts, {(i, j): law[i, j] for i, j in permutations(range(3), 2)})


class Largest(TorchDispatchMode):
    """Largest number of values that any operation returned."""

    values = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for part in result if isinstance(result, tuple | list) else (result,):
            if isinstance(part, torch.Tensor):
                self.values = max(self.values, part.numel())
        return result


def test_few_pairs_are_compared_and_gradients_are_never_formed():
    features = gaussian(20_000, 32)
    logits = gaussian(20_000, 50, seed=1) * 3
    residual = logits.softmax(1) - torch.nn.functional.one_hot(logits.argmax(1), 50)
    points = Points((residual, features))
    with Largest() as largest, FlopCounterMode(display=False) as flops:
        picks = d2_sampling(points, 300, generator(), origin=True)
    assert len(picks.unique()) == 300
    assert largest.values <= 2**18  # below the 20,000 x 50 that came in
    assert flops.get_total_flops() < 0.2 * (2 * 20_000 * 300 * (50 + 32))


def test_it_reads_as_it_is_made_and_says_what_it_needs():
    assert repr(KMeansPlusPlus()) == "KMeansPlusPlus()"
    badge = KMeansPlusPlus(space=GradientEmbedding())
    assert repr(badge) == "KMeansPlusPlus(space=GradientEmbedding())"
    assert badge.needs == {"features", "outputs"}
    with pytest.raises(ConfigurationError, match="space must be a Space"):
        KMeansPlusPlus("cosine")
