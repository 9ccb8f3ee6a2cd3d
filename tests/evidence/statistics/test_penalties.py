"""Who beat whom: against a matrix made by hand with scipy's test."""

import numpy as np
import pytest
from scipy import stats

from alkit.evidence.statistics import checkpoints, penalties


def test_rounds_double_until_the_reference_is_done():
    slow = np.linspace(0.1, 0.9, 20)
    assert checkpoints(slow) == [1, 2, 4, 8, 16]
    done = np.array([0.2, 0.5, 0.7, 0.8, 0.895, 0.9, 0.9, 0.9, 0.9])
    assert checkpoints(done) == [1, 2, 4]


def test_round_zero_counts_only_where_there_is_no_other():
    assert checkpoints(np.array([0.4])) == [0]
    assert checkpoints(np.array([0.4, 0.5])) == [1]


def test_the_row_wins_and_the_column_loses():
    noise = np.random.default_rng(0).normal(0, 0.01, size=(2, 5, 3))
    values = 0.5 + noise
    values[1, :, 1:] += 0.2  # the second is ahead in rounds 1 and 2, even in round 0
    matrix = penalties(values, [0, 1, 2])
    assert matrix == pytest.approx(np.array([[0, 0], [2 / 3, 0]]))
    assert matrix.mean(0) == pytest.approx([1 / 3, 0])
    assert penalties(values, [0, 1, 2], rising=False) == pytest.approx(matrix.T)


def test_the_matrix_is_that_of_a_loop_over_scipys_paired_test():
    values = np.random.default_rng(1).normal(size=(4, 6, 8))
    values += np.linspace(0, 1, 4)[:, None, None]
    rounds = [1, 2, 4]
    expected = np.zeros((4, 4))
    for i in range(4):
        for j in range(4):
            for k in rounds:
                t, p = stats.ttest_rel(values[i, :, k], values[j, :, k]) if i != j else (0, 1)
                expected[i, j] += (t > 0 and p < 0.05) / 3
    assert expected.sum() > 0
    assert penalties(values, rounds) == pytest.approx(expected)


def test_one_trial_beats_nobody():
    values = np.array([[[0.1, 0.2]], [[0.8, 0.9]]])
    assert not penalties(values, [1]).any()
