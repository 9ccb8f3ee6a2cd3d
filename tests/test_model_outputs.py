"""What is taken of the things that models of other libraries return."""

from collections import OrderedDict, namedtuple
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from alkit.errors import ModelOutputError
from alkit.model_outputs import features_of, logits_of

WANTED, OTHER = torch.randn(2, 3), torch.randn(2, 5)
Inception = namedtuple("Inception", "aux logits")


@pytest.mark.parametrize(
    "output",
    [
        WANTED,
        {"hidden": OTHER, "logits": WANTED},
        OrderedDict(aux=OTHER, out=WANTED),
        SimpleNamespace(loss=None, logits=WANTED),
        Inception(OTHER, WANTED),
        (WANTED, OTHER),
        [WANTED],
    ],
)
def test_the_logits_are_found_by_name_or_first_in_a_tuple(output):
    assert logits_of(output) is WANTED


@pytest.mark.parametrize(
    ("output", "listed"),
    [
        ({"loss": OTHER, "hidden": OTHER}, "dict with 'loss', 'hidden'"),
        ({}, "dict with nothing in it"),
        ((torch.tensor(0.3), WANTED), r"tuple of Tensor \(\), Tensor \(2, 3\)"),
        (("a", WANTED), r"tuple of str, Tensor \(2, 3\)"),
        ((), "tuple of nothing"),
        (np.ones((2, 3)), "got ndarray"),
        (SimpleNamespace(logits=None), "got SimpleNamespace"),
        (None, "got NoneType"),
    ],
)
def test_anything_else_is_listed_in_the_error(output, listed):
    with pytest.raises(ModelOutputError, match=listed):
        logits_of(output)


def test_features_are_found_under_the_names_of_encoders():
    assert features_of(WANTED) is WANTED
    both = SimpleNamespace(last_hidden_state=OTHER, pooler_output=WANTED)
    assert features_of(both) is WANTED
    assert features_of({"last_hidden_state": OTHER, "pooler_output": None}) is OTHER
    assert features_of((WANTED, OTHER)) is WANTED
    with pytest.raises(ModelOutputError, match="name another layer"):
        features_of({"logits": OTHER})
