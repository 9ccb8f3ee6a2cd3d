"""Configurations of labels against sums over all of them."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from alkit.selectors.geometry.joint import Joint, thinned


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(N, K, C, seed=0, scale=2.0):
    z = scale * torch.randn(N, K, C, dtype=torch.float64, generator=generator(seed))
    return z.softmax(-1)


def joint_of(p, most=10**6, seed=0):
    joint = Joint.empty(p.shape[1], p.device)
    for row in p:
        joint = joint.extended(row, most, generator(seed))
    return joint


def gains_of(joint, p):
    return joint.gains(p, torch.special.entr(p).sum(-1)).numpy()


def information(p):
    """Mutual information of all labels (m, K, C) and the K samples, by their joint distribution."""
    p = p.numpy()
    labels = [
        np.prod([row[:, y] for row, y in zip(p, ys)], axis=0)
        for ys in np.ndindex(*[p.shape[2]] * len(p))
    ]
    table = np.stack(labels) / p.shape[1]  # (C^m, K)
    return entropy(table.ravel(), np.outer(table.sum(1), table.sum(0)).ravel())


@pytest.mark.parametrize(("m", "K", "C"), [(1, 3, 4), (2, 5, 3), (3, 4, 2), (3, 1, 3), (4, 3, 3)])
def test_a_gain_is_what_one_more_label_adds_to_the_mutual_information(m, K, C):
    p, others = rows(m, K, C), rows(6, K, C, seed=1)
    gains = gains_of(joint_of(p), others)
    expected = [information(torch.cat([p, other[None]])) - information(p) for other in others]
    np.testing.assert_allclose(gains, expected, atol=1e-12)


def test_weights_and_posteriors_are_those_of_bayes_rule():
    p = rows(3, 4, 2)
    joint = joint_of(p)
    for number, ys in enumerate(product(range(2), repeat=3)):
        likelihood = np.prod([row[:, y] for row, y in zip(p.numpy(), ys)], axis=0)
        assert float(joint.weights[number]) == pytest.approx(likelihood.mean())
        np.testing.assert_allclose(joint.posteriors[number], likelihood / likelihood.sum())


def test_impossible_labels_form_no_configuration():
    one_hot = torch.eye(3, dtype=torch.float64)[None]  # each sample is certain of a different class
    joint = joint_of(one_hot.repeat(3, 1, 1))
    assert joint.weights.tolist() == pytest.approx([1 / 3] * 3)
    assert joint.posteriors.equal(torch.eye(3, dtype=torch.float64))
    np.testing.assert_allclose(gains_of(joint, rows(5, 3, 3)), 0, atol=1e-15)


def test_many_labels_of_tiny_chances_do_not_underflow():
    p = rows(200, 5, 10, scale=30)
    joint = joint_of(p, most=500)
    assert float(joint.weights.sum()) == pytest.approx(1)
    assert torch.isfinite(gains_of(joint, p).sum() * joint.posteriors).all()


@pytest.mark.parametrize("number", [1, 3, 20, 80])
def test_groups_bound_every_gain_from_above_and_no_higher_than_without_labels(number):
    joint, others = joint_of(rows(4, 6, 3)), rows(50, 6, 3, seed=1)
    merged = joint.merged(number)
    assert len(merged) <= number
    assert float(merged.weights.sum()) == pytest.approx(1)
    gains, bounds = gains_of(joint, others), gains_of(merged, others)
    before = gains_of(Joint.empty(6, others.device), others)
    assert (bounds >= gains - 1e-12).all()
    assert (bounds <= before + 1e-12).all()


def test_more_groups_bound_more_tightly():
    joint, others = joint_of(rows(5, 6, 4)), rows(50, 6, 4, seed=1)
    loose = [(gains_of(joint.merged(k), others) - gains_of(joint, others)).mean() for k in (4, 64)]
    assert loose[1] < loose[0] / 4


@given(st.lists(st.floats(1e-6, 1), min_size=2, max_size=40), st.data())
def test_thinning_keeps_the_heavy_ones_and_the_total(weights, data):
    number = data.draw(st.integers(1, len(weights) - 1))
    before = torch.tensor(weights, dtype=torch.float64)
    positions, after = thinned(before, number, generator(data.draw(st.integers(0, 99))))
    assert number - 1 <= len(positions) == len(after) <= number
    assert float(after.sum()) == pytest.approx(float(before.sum()))
    kept = set(positions.tolist())
    share = float(after.min())
    assert {i for i, weight in enumerate(weights) if weight > share * (1 + 1e-9)} <= kept
    assert positions.equal(positions.sort().values)


def test_thinning_is_unbiased():
    weights = torch.tensor([0.4, 0.02, 0.1, 0.03, 0.15, 0.01, 0.05, 0.24], dtype=torch.float64)
    total, draws = torch.zeros(8, dtype=torch.float64), 4000
    for seed in range(draws):
        positions, left = thinned(weights, 4, generator(seed))
        total.index_add_(0, positions, left)
    np.testing.assert_allclose(total / draws, weights, atol=0.01)


def test_drawn_configurations_give_about_the_gains_of_all():
    p, others = rows(6, 10, 4), rows(40, 10, 4, seed=1)
    exact = gains_of(joint_of(p), others)
    drawn = np.stack([gains_of(joint_of(p, 400, seed), others) for seed in range(20)])
    assert np.abs(drawn.mean(0) - exact).max() < 0.01
    assert drawn.std(0).max() < 0.02


@pytest.mark.parametrize("C", [2, 300])
def test_blocks_do_not_change_a_gain(C):
    joint, p = (
        joint_of(rows(2, 4, C)[:, :, :30] if C == 300 else rows(9, 4, C)),
        rows(700, 4, C, seed=1),
    )
    together = gains_of(joint, p)
    alone = np.concatenate([gains_of(joint, p[i : i + 1]) for i in range(0, 700, 50)])
    np.testing.assert_allclose(together[::50], alone, atol=1e-13)
