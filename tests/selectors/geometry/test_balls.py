"""Balls against a graph by scipy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from torch.utils.flop_counter import FlopCounterMode

from alkit.selectors.geometry.balls import Apart, Balls
from alkit.selectors.geometry.points import Points


def gaussian(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def graph(rows, radius):
    rows = rows.double().numpy()
    return cdist(rows, rows) < radius


@settings(deadline=None, max_examples=20)
@given(
    st.sampled_from([1, 7, 8, 9, 100, 511, 512, 513, 1030]),
    st.sampled_from([0.3, 1.0, 2.0, 9.0]),
    st.integers(0, 9),
)
def test_gains_are_what_each_ball_would_add(number, radius, seed):
    rows, left = gaussian(number, 3, seed=seed), gaussian(number, seed=seed + 1) > -1
    near, balls = graph(rows, radius), Balls(Points((rows,)), radius, left)
    left = left.numpy()
    for pick in range(min(number, 5)):
        expected = near[:, left].sum(1)
        assert balls.gains.tolist() == expected.tolist()
        highest = np.flatnonzero(expected == max(expected.max(), 1))
        assert balls.highest().tolist() == highest.tolist()
        balls.take(pick)
        left = left & ~near[pick]


def test_what_is_covered_already_is_left_as_it_was_given():
    left = torch.tensor([True, False, True])
    balls = Balls(Points((torch.zeros(3, 2),)), 1.0, left)
    balls.take(0)
    assert left.tolist() == [True, False, True]
    assert not len(balls.highest())


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
def test_every_metric_has_its_balls(metric):
    rows = torch.nn.functional.normalize(gaussian(600, 5), dim=1)
    name = {"manhattan": "cityblock"}.get(metric, metric)
    expected = (cdist(rows.double().numpy(), rows.double().numpy(), name) < 0.3).sum(1)
    found = Balls(Points((rows,), metric), 0.3, torch.ones(600, dtype=torch.bool)).gains
    assert found.tolist() == expected.tolist()


def test_each_pair_is_compared_once_and_takes_a_bit():
    rows = gaussian(4000, 32)
    with FlopCounterMode(display=False) as flops:
        balls = Balls(Points((rows,)), 1.0, torch.ones(4000, dtype=torch.bool))
    assert flops.get_total_flops() < 0.6 * 2 * 4096**2 * 32
    assert balls.bits.nbytes == Balls.nbytes(4000) == 4000 * 500


def test_balls_in_groups_hold_what_lies_in_their_group():
    rows, left = gaussian(300, 2), gaussian(300, seed=1) > -1
    group = torch.randint(4, (300,), generator=torch.Generator().manual_seed(2))
    groups = [(group == number).nonzero().flatten() for number in range(4)]
    found = Apart(groups, (Balls(Points((rows[each],)), 0.7, left[each]) for each in groups))
    near, left = graph(rows, 0.7) & (group[:, None] == group).numpy(), left.numpy()
    for pick in (5, 17, 250, 6):
        expected = near[:, left].sum(1)
        assert found.gains.tolist() == expected.tolist()
        assert found.highest().tolist() == np.flatnonzero(expected == expected.max()).tolist()
        found.take(pick)
        left = left & ~near[pick]
