"""Reports of broken laws, and the parts that all laws share."""

import random

import numpy as np
import pytest
import torch

import alkit as al
from alkit.testing import LawError
from alkit.testing.laws import broken, check_unchanged, contents, global_random_state_kept, run


def prediction():
    return al.Prediction(torch.tensor([[2.0, 1.0], [0.0, 3.0]]), features=torch.ones(2, 3))


def test_a_broken_law_states_the_law_the_input_and_the_consequence():
    told = "'Margin\\(\\) breaks a law: scores are finite\\n  on: zeros\\n  got: nan\\n  means: bad"
    with pytest.raises(LawError, match=told[1:]):
        broken("scores are finite", al.Margin(), "zeros", "nan", "bad")
    with pytest.raises(AssertionError, match=r"^mine breaks"):
        broken("a law", "mine", "a", "b", "c")


@pytest.mark.parametrize(
    ("draw", "name"),
    [
        (lambda: torch.rand(()), "torch"),
        (lambda: torch.manual_seed(0), "torch"),
        (lambda: np.random.random(), "numpy"),  # noqa: NPY002
        (lambda: random.random(), "random"),
        (lambda: random.seed(0), "random"),
    ],
)
def test_drawing_from_or_seeding_a_global_generator_is_detected(draw, name):
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(0)  # so that seeding with the caller's own seed must show as well
    with (
        pytest.raises(LawError, match=f"a changed state of {name}"),
        global_random_state_kept("a", "b"),
    ):
        draw()


def test_the_callers_random_state_is_restored_even_after_a_broken_law():
    def states():
        return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002

    before = states()
    with global_random_state_kept("a", "b"):
        torch.Generator().manual_seed(3)
    assert states() == before
    with pytest.raises(LawError), global_random_state_kept("a", "b"):
        torch.rand(3)
    assert states() == before


def test_an_error_on_valid_input_is_a_broken_law_and_a_broken_law_is_reported_once():
    def fails():
        raise ZeroDivisionError("by zero")

    with pytest.raises(LawError, match="got: ZeroDivisionError: by zero"):
        run("mine", "ones", fails)
    with pytest.raises(LawError, match=r"^inner breaks"):
        run("outer", "ones", lambda: broken("a law", "inner", "a", "b", "c"))
    assert run("mine", "ones", lambda: 3) == 3


def test_contents_are_copies():
    given = prediction()
    before = contents(given)
    given.outputs.zero_()
    assert before["outputs"].equal(prediction().outputs)
    assert not before["outputs"].equal(given.outputs)
    assert set(before) == {"outputs", "ids", "features", "probabilities", "mean_probabilities"}
    assert set(contents(al.Prediction(torch.ones(2, 1), kind="values"))) == {"outputs", "ids"}


def test_tensors_changed_in_place_are_named():
    given = prediction()
    before = contents(given)
    check_unchanged("mine", "ones", before, given)
    given.features.mul_(2)
    with pytest.raises(LawError, match="got: changed features"):
        check_unchanged("mine", "ones", before, given)
