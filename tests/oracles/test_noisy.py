"""Errors at the stated rates."""

import numpy as np
import pytest

from alkit.errors import ConfigurationError, LabelError
from alkit.oracles import Abstaining, Noisy, Reveal


def confusion(oracle, labels):
    """Share of each answer by true class."""
    counts = np.zeros((3, 3))
    np.add.at(counts, (labels.numpy(), oracle(range(len(labels)))), 1)
    return counts / counts.sum(1, keepdims=True)


def test_a_rate_changes_labels_to_each_other_class_alike(dataset, labels):
    found = confusion(Noisy(Reveal(dataset), 0.3, classes=3, seed=0), labels)
    assert found == pytest.approx(np.full((3, 3), 0.15) + 0.55 * np.eye(3), abs=0.08)
    assert confusion(Noisy(Reveal(dataset), 0, classes=3), labels) == pytest.approx(np.eye(3))
    assert confusion(Noisy(Reveal(dataset), 1, classes=3), labels).diagonal().max() == 0


def test_a_matrix_has_the_rates_of_each_class(dataset, labels):
    rates = [[1, 0, 0], [0.2, 0.8, 0], [0, 0.5, 0.5]]
    found = confusion(Noisy(Reveal(dataset), rates, seed=3), labels)
    assert found == pytest.approx(np.array(rates), abs=0.1)
    assert (found[np.array(rates) == 0] == 0).all()


def test_seeds_err_on_different_samples(dataset, labels):
    one, other = (Noisy(Reveal(dataset), 0.5, classes=3, seed=k)(range(600)) for k in (0, 1))
    wrong = [np.array(answers) != labels.numpy() for answers in (one, other)]
    assert abs(np.corrcoef(*wrong)[0, 1]) < 0.15


def test_a_missing_answer_stays_missing(dataset):
    assert Noisy(Abstaining(Reveal(dataset), 1), 0.5, classes=3)([0, 1]) == [None, None]


@pytest.mark.parametrize(
    ("noise", "classes", "message"),
    [
        (1.5, 3, "rate from 0 to 1"),
        ("0.2", 3, "rate from 0 to 1"),
        (0.2, None, "classes=10"),
        (0.2, 1, "classes must be"),
        ([[0.5, 0.4], [0, 1]], None, "sum to 1"),
        ([[1.5, -0.5], [0, 1]], None, "sum to 1"),
        ([[1, 0]], None, "sum to 1"),
        ([[1, 0], [0, 1]], 3, "for 2 classes"),
    ],
)
def test_noise_that_is_not_probabilities_is_refused(dataset, noise, classes, message):
    with pytest.raises(ConfigurationError, match=message):
        Noisy(Reveal(dataset), noise, classes=classes)


@pytest.mark.parametrize("label", [3, -1, "a", 0.5])
def test_a_label_that_is_not_a_class_number_is_refused(label):
    with pytest.raises(LabelError, match="sample 1: expected a class number from 0 to 2"):
        Noisy(lambda ids: [0, label], 0.1, classes=3)([0, 1])
