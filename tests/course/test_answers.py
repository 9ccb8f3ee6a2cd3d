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
    ("found", "said"),
    [
        (None, "is None: is there a return"),
        ("two", "should be numbers, not str"),
        ([[1, 2], [3]], "should be numbers, not list"),
        ([1, 2, 3], r"should have shape \(2,\); it has \(3,\)"),
        ([1, float("nan")], "not finite"),
    ],
)
def test_what_is_no_finite_numbers_of_the_shape_is_said(found, said):
    with pytest.raises(AnswerError, match=f"^the gain.*{said}"):
        numbers(found, (2,), "the gain")
