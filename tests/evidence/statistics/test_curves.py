"""One number a curve, against scikit-learn and what a hand computes."""

import math

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import auc

from alkit.evidence.statistics import areas, improves, monotone

LABELS = np.array([10, 20, 60])
VALUES = np.array([[0.2, 0.4, 0.9], [0.1, 0.5, 0.5]])


def test_the_area_is_the_mean_over_the_labels_spent():
    assert areas(LABELS, VALUES) == pytest.approx([auc(LABELS, row) / 50 for row in VALUES])


def test_the_area_over_log_labels_weighs_a_doubling_as_much_wherever_it_is():
    # over ln 10, ln 20, ln 40 the steps are equal: the mean of two trapezoids
    found = areas(np.array([10, 20, 40]), np.array([[0.2, 0.4, 0.8]]), log=True)
    assert found == pytest.approx([(0.3 + 0.6) / 2])
    expected = [auc(np.log(LABELS), row) / np.log(6) for row in VALUES]
    assert areas(LABELS, VALUES, log=True) == pytest.approx(expected)


def test_a_curve_that_starts_at_no_label_has_no_area_over_log_labels():
    assert math.isnan(areas(np.array([0, 10]), np.array([[0.1, 0.5]]), log=True)[0])


def test_the_area_of_a_single_point_is_its_value():
    assert areas(np.array([10]), VALUES[:, :1]).tolist() == [0.2, 0.1]


@pytest.mark.parametrize("rising", [True, False])
def test_monotone_curves_are_those_of_isotonic_regression(rising):
    values = np.random.default_rng(0).normal(size=(5, 12)).cumsum(1)
    expected = [
        IsotonicRegression(increasing=rising).fit_transform(np.arange(12), row) for row in values
    ]
    assert monotone(values, rising=rising) == pytest.approx(np.array(expected))


@pytest.mark.parametrize("trials", [2, 5, 10])
def test_flat_curves_are_rarely_said_to_improve_however_rounds_hang_together(trials):
    draws = np.random.default_rng(0)
    found = []
    for _ in range(400):
        steps = draws.normal(size=(trials, 12))
        values = steps if len(found) % 2 else steps.cumsum(1)  # or walks
        found.append(improves(values))
    assert np.mean(found) == pytest.approx(0.05, abs=0.03)


@pytest.mark.parametrize("rounds", [2, 3, 4, 5, 6, 12])
def test_a_single_flat_curve_is_rarely_said_to_improve_also_if_it_is_short(rounds):
    draws = np.random.default_rng(1)
    assert np.mean([improves(draws.normal(size=(1, rounds))) for _ in range(200)]) < 0.09


def test_a_single_curve_improves_if_it_rises_with_its_rounds():
    assert improves(np.array([[0.3, 0.5, 0.6, 0.65]]))
    assert improves(np.array([[0.9, 0.97, 1.0, 1.0, 1.0, 1.0, 1.0]]))
    assert not improves(np.array([[0.5, 0.6]]))
    assert not improves(np.array([[0.9, 0.8, 0.7, 0.6]]))
    assert not improves(np.array([[1.0, 1.0, 1.0, 1.0]]))
    assert not improves(np.array([[0.5, 0.5, 0.5]]))
    assert not improves(np.array([[0.5]]))


@pytest.mark.parametrize("trials", [1, 2, 5])
def test_curves_that_rise_beyond_their_noise_improve_and_losses_that_fall(trials):
    noise = np.random.default_rng(2).normal(0, 0.01, size=(trials, 8))
    values = np.linspace(0.5, 0.8, 8) + noise
    assert improves(values)
    assert not improves(-values)
    assert improves(-values, rising=False)


def test_trials_that_are_equal_improve_if_their_curve_does():
    assert improves(np.array([[0.2, 0.4, 0.6]] * 2))
    assert not improves(np.array([[0.6, 0.6, 0.6]] * 2))
