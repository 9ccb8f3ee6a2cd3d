"""Missing answers at the stated rates."""

import numpy as np
import pytest

from alkit.errors import ConfigurationError, SampleIndexError
from alkit.oracles import Abstaining, Reveal


def test_a_share_of_the_samples_has_no_answer(dataset, labels):
    answers = Abstaining(Reveal(dataset), 0.25, seed=0)(range(600))
    assert answers.count(None) / 600 == pytest.approx(0.25, abs=0.05)
    assert all(y in (None, true) for y, true in zip(answers, labels.tolist(), strict=True))


def test_samples_below_a_confidence_are_not_asked(dataset, labels):
    confidence, asked = np.linspace(0, 1, 600), []

    def oracle(ids):
        asked.extend(ids.tolist())
        return Reveal(dataset)(ids)

    answers = Abstaining(oracle, confidence < 0.6)(range(600))
    expected = [y if c >= 0.6 else None for y, c in zip(labels.tolist(), confidence, strict=True)]
    assert answers == expected
    assert asked == np.flatnonzero(confidence >= 0.6).tolist()
    assert Abstaining(oracle, confidence < 2)([1, 2]) == [None, None]


def test_probabilities_that_are_none_are_refused(dataset):
    for wrong in -0.1, 1.1, "0.1", None, [[0.1]], [0.1, np.nan]:
        with pytest.raises(ConfigurationError, match="probability must be"):
            Abstaining(Reveal(dataset), wrong)
    for wrong in [3], [-1]:
        with pytest.raises(SampleIndexError, match="samples 0 to 2"):
            Abstaining(Reveal(dataset), [0, 0, 1])(wrong)
