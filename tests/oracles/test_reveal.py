"""The labels of a dataset, whatever its items are."""

import numpy as np
import pytest

from alkit.errors import LabelError
from alkit.oracles import Reveal


def test_it_answers_with_the_labels_of_the_dataset(dataset, labels):
    assert Reveal(dataset)([7, 599, 0]) == labels[[7, 599, 0]].tolist()
    assert Reveal([{"x": 1.0, "grade": "good"}], label_key="grade")([0]) == ["good"]
    assert Reveal([(0.0, np.array([1, 0])), (0.0, np.array([0, 1]))])([1]) == [[0, 1]]


def test_a_sample_without_a_label_is_an_error():
    with pytest.raises(LabelError, match="sample 1"):
        Reveal([(0.0, 1), (0.0, None)])([0, 1])
