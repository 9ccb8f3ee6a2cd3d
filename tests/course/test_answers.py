from __future__ import annotations

import numpy as np
import pytest
import torch

from alkit.course.answers import numbers
from alkit.errors import AnswerError


@pytest.mark.parametrize(
    "found", [[1, 2], (1.0, 2.0), np.array([1, 2]), torch.tensor([1.0, 2.0], requires_grad=True)]
)
def test_lists_arrays_and_tensors_are_numbers(found):
    assert numbers(found, (2,)).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (None, "is None: is a return statement missing"),
        ("two", "should be numeric, not str"),
        ([[1, 2], [3]], "should be numeric, not list"),
        ([1, 2, 3], r"should have shape \(2,\); it has \(3,\)"),
        ([1, float("nan")], "should be finite"),
    ],
)
def test_anything_but_finite_numbers_of_the_shape_is_an_error(found, message):
    with pytest.raises(AnswerError, match=f"^the gain.*{message}"):
        numbers(found, (2,), "the gain")
