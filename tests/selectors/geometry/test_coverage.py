"""The greedy engine of coverage against plain loops, and laws of the selectors built on it."""

from functools import partial
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

import alkit as al
from alkit.selectors.geometry import coverage as engine
from alkit.selectors.geometry.coverage import Coverage, blocks, greedy, highest_value, sample
from alkit.selectors.geometry.points import Points
from alkit.selectors.herding import gaussian
from alkit.selectors.probcover import inside

KERNEL = partial(gaussian, 1.5)
LEAVES = [
    al.selectors.ProbCover(radius=0.5),
    al.selectors.MaxHerding(),
    al.UncertaintyHerding(),
    al.selectors.FacilityLocation(),
    al.selectors.FacilityLocationMutualInformation([0]),
]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def gaussians(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed))


def values(rows, others):
    return np.exp(-((cdist(rows.double().numpy(), others.double().numpy()) / 1.5) ** 2))


def gains(picks, rows, targets=None, weights=None, known=None, bonus=0.0):
    """The gains of all candidates before each pick, by the formula."""
    targets = rows if targets is None else targets
    weights = np.ones(len(targets)) if weights is None else weights.double().numpy()
    best = np.zeros(len(targets)) if known is None else values(targets, known).max(1)
    similar = values(rows, targets)
    for pick in picks:
        yield np.maximum(similar - best, 0) @ weights + bonus
        best = np.maximum(best, similar[pick])


def check_greedy(picks, *given, **more):
    taken = []
    for pick, now in zip(picks, gains(picks, *given, **more), strict=True):
        now[taken] = -np.inf
        assert now[pick] >= now.max() - 1e-4
        taken.append(pick)


def run(rows, n, known=None, **more):
    known = None if known is None else Points((known,))
    return greedy(Coverage(KERNEL, Points((rows,)), known=known, **more), known, n, generator())


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("many", [0, 5, 512])
@pytest.mark.parametrize("few", [1, 64])
def test_lazy_picks_are_those_of_the_formula(monkeypatch, keep, many, few):
    monkeypatch.setattr(engine, "MANY", many)
    monkeypatch.setattr(engine, "FEW", few)
    rows, known = gaussians(150, 4), gaussians(3, 4, seed=1)
    if not keep:
        monkeypatch.setattr(engine, "TABLE", 0)
    check_greedy(run(rows, 40).tolist(), rows)
    check_greedy(run(rows, 40, known).tolist(), rows, known=known)


@pytest.mark.parametrize("keep", [True, False])
def test_targets_weights_and_a_bonus_count_as_the_formula_says(monkeypatch, keep):
    if not keep:
        monkeypatch.setattr(engine, "TABLE", 0)
    rows, targets, weights = gaussians(90, 3), gaussians(40, 3, seed=1), gaussians(40, seed=2).abs()
    weights[::4] = 0
    bonus = gaussians(90, seed=3).abs()
    more = {"targets": Points((targets,)), "weights": weights, "bonus": bonus}
    picks = run(rows, 25, **more).tolist()
    check_greedy(picks, rows, targets, weights, bonus=bonus.double().numpy())


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 700), st.integers(0, 3), st.integers(0, 99))
def test_the_first_gains_are_exact_for_every_number_of_candidates(number, annotated, seed):
    rows = gaussians(number, 3, seed=seed)
    known = gaussians(annotated, 3, seed=seed + 1) if annotated else None
    theirs = None if known is None else Points((known,))
    found = Coverage(KERNEL, Points((rows,)), known=theirs).gains.numpy()
    np.testing.assert_allclose(found, next(gains([0], rows, known=known)), atol=2e-4)


def test_no_less_than_the_greedy_bound_of_what_any_picks_cover():
    for seed in range(6):
        rows = gaussians(9, 2, seed=seed)
        similar = values(rows, rows)
        for n in (1, 2, 3):
            best = max(similar[list(picks)].max(0).sum() for picks in combinations(range(9), n))
            found = similar[run(rows, n).tolist()].max(0).sum()
            assert found >= (1 - 1 / np.e) * best - 1e-6


@pytest.mark.parametrize("radius", [0.7, 1.5])
def test_what_is_left_once_all_is_covered_is_picked_farthest_first(radius):
    rows = gaussians(60, 2, seed=4)
    points = Points((rows,))
    picks = greedy(Coverage(partial(inside, radius), points), None, 60, generator()).tolist()
    apart = cdist(rows.numpy(), rows.numpy())
    covers = next(m for m in range(60) if (apart[picks[:m]] < radius).any(0).all())
    for m in range(covers, 59):
        nearest = apart[picks[:m]].min(0)
        assert nearest[picks[m]] >= nearest.max() - 1e-6
    assert sorted(picks) == list(range(60))


def test_the_last_partial_block_of_rows_is_covered_too():
    rows = torch.cat([10 * torch.eye(512), 10 * torch.eye(512), torch.full((9, 512), 3.0)])
    points = Points((rows,))
    (pick,) = greedy(Coverage(partial(inside, 1.0), points), None, 1, generator()).tolist()
    assert pick >= 1024


class Largest(TorchDispatchMode):
    """Largest number of values that any operation returned."""

    values = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for part in result if isinstance(result, tuple | list) else (result,):
            if isinstance(part, torch.Tensor):
                self.values = max(self.values, part.numel())
        return result


def test_without_room_for_a_table_memory_is_linear_and_the_picks_are_the_same(monkeypatch):
    rows = gaussians(2000, 8)
    kept = run(rows, 10).tolist()
    monkeypatch.setattr(engine, "TABLE", 4 * 2000**2 - 1)
    with Largest() as largest:
        assert run(rows, 10).tolist() == kept
    assert largest.values <= 2**18


def test_a_table_may_be_denied_room():
    points = Points((gaussians(50, 3),))
    assert Coverage(KERNEL, points, room=4 * 50**2).table is not None
    assert Coverage(KERNEL, points, room=4 * 50**2 - 1).table is None


def test_each_pair_of_candidates_is_compared_once():
    rows = gaussians(4000, 32)
    with FlopCounterMode(display=False) as flops:
        coverage = Coverage(KERNEL, Points((rows,)))
    assert flops.get_total_flops() < 0.6 * 2 * 4000**2 * 32 + 4 * 4000**2
    similar = coverage.table
    assert similar[3000, 100] == similar[100, 3000] > 0  # type: ignore[index]


def test_the_number_of_threads_does_not_matter():
    rows, threads, picks = gaussians(900, 16), torch.get_num_threads(), []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            picks.append(run(rows, 20).tolist())
    finally:
        torch.set_num_threads(threads)
    assert picks[0] == picks[1]


def test_the_highest_value_is_that_of_the_most_alike():
    rows, others = gaussians(600, 3), gaussians(530, 3, seed=1)
    found = highest_value(KERNEL, Points((rows,)), Points((others,)))
    np.testing.assert_allclose(found, values(rows, others).max(1), atol=1e-5)


def test_a_sample_is_uniform_ascending_and_none_where_it_is_all():
    points, counts = Points((gaussians(20, 2),)), np.zeros(20)
    for seed in range(400):
        rows = sample(points, 5, generator(seed))
        assert rows.tolist() == sorted(set(rows.tolist()))
        counts[rows] += 1
    # 400 draws of 5 in 20: 100 each, with a deviation of 8.7
    assert abs(counts - 100).max() < 45
    assert sample(points, 20, generator()) is sample(points, None, generator()) is None


def test_blocks_cover_all_rows_once():
    for number in (0, 1, 511, 512, 513, 1500):
        parts = [list(range(number))[part] for part in blocks(torch.zeros(number))]
        assert [row for part in parts for row in part] == list(range(number))


def candidates(rows, known=None, outputs=None):
    outputs = rows[:, :3] if outputs is None else outputs
    annotated, labels = None, None
    if known is not None:
        annotated = al.Prediction(known[:, :3], features=known)
        labels = torch.arange(len(known)) % 2
    scores = rows[:, 0].sigmoid()
    return al.Candidates(scores, al.Prediction(outputs, features=rows), annotated, labels)


@pytest.mark.parametrize("selector", [*LEAVES, al.selectors.ProbCover()], ids=repr)
@pytest.mark.parametrize("annotated", [0, 10])
def test_duplicates_are_not_picked_while_others_remain(selector, annotated):
    distinct = gaussians(30, 5)
    known = distinct[:annotated] if annotated else None
    left = 30 - annotated
    picks = selector(candidates(distinct.repeat(3, 1), known), 90, generator()).positions.tolist()
    assert sorted(pick % 30 for pick in picks[:left]) == list(range(annotated, 30))
    assert sorted(picks) == list(range(90))


@pytest.mark.parametrize("selector", LEAVES, ids=repr)
def test_a_duplicate_far_from_the_origin_is_still_one(selector):
    distinct = gaussians(20, 5) + 300
    picks = selector(candidates(distinct.repeat(2, 1), distinct[:4]), 16, generator()).positions
    assert sorted((picks % 20).tolist()) == list(range(4, 20))


@pytest.mark.parametrize("selector", LEAVES, ids=repr)
def test_one_candidate_and_all_candidates(selector):
    rows = gaussians(12, 4)
    assert selector(candidates(rows[:1]), 1, generator()).positions.tolist() == [0]
    assert sorted(selector(candidates(rows), 12, generator()).positions.tolist()) == list(range(12))
