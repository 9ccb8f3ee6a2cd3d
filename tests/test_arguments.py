"""Checks of arguments, and of the generator that every selector takes."""

import numpy as np
import pytest
import torch

import alkit as al
from alkit import selectors
from alkit.arguments import as_integer, check_integer, check_integers, check_number, meant
from alkit.criteria import Criterion
from alkit.errors import ConfigurationError
from alkit.selectors import Selector

CANDIDATES = al.Candidates(
    torch.rand(20), al.Prediction(torch.randn(20, 3), features=torch.randn(20, 5))
)


def _selectors():
    made = {
        "FacilityLocationMutualInformation": lambda: selectors.FacilityLocationMutualInformation(
            [0]
        ),
        "Mix": lambda: selectors.Mix((1, al.Random())),
        "PerGroup": lambda: al.PerGroup([0] * 20),
        "Prefilter": lambda: al.Prefilter(2, al.Random()),
    }
    for name in selectors.__all__:
        kind = getattr(selectors, name)
        if isinstance(kind, type) and issubclass(kind, Selector) and kind is not Selector:
            yield pytest.param(made.get(name, kind), id=name)


@pytest.mark.parametrize("make", list(_selectors()))
@pytest.mark.parametrize("generator", [None, 7, np.random.default_rng(0), "a"])
def test_every_selector_refuses_what_is_no_torch_generator(make, generator):
    before = torch.get_rng_state()
    hint = "manual_seed(7)" if generator == 7 else "manual_seed(0)"
    with pytest.raises(
        ConfigurationError, match=r"draws from a torch\.Generator on the CPU"
    ) as caught:
        make()(CANDIDATES, 3, generator)
    assert hint in str(caught.value)
    assert torch.get_rng_state().equal(before)


def test_a_running_selection_refuses_what_is_no_torch_generator():
    with pytest.raises(ConfigurationError, match=r"torch\.Generator"):
        selectors.RunningTopK(3, 7)


@pytest.mark.parametrize("value", [3, np.int64(3), torch.tensor(3)])
def test_an_integer_may_be_of_any_type(value):
    number = check_integer("n", value)
    assert type(number) is int
    assert number == 3
    assert check_integers("n", [value, 4], [1]) == [3, 4]
    assert check_integers("n", (), [1]) == []


@pytest.mark.parametrize("value", [True, 3.0, "3", None, np.float64(3), [3], torch.tensor(3.0)])
def test_a_number_that_is_no_integer_is_refused(value):
    assert as_integer(value) is None
    with pytest.raises(ConfigurationError, match=r"n must be an integer of at least 1, got"):
        check_integer("n", value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1", None, True, 1j, -1])
def test_a_number_that_does_not_fit_is_refused(value):
    with pytest.raises(ConfigurationError, match=r"beta must be above 0, got"):
        check_number("beta", value, "above 0", lambda beta: beta > 0)


def test_the_likely_member_of_a_family_is_named():
    assert meant("margin", Criterion) == " Did you mean Margin()?"
    assert meant("least-confidence", Criterion) == " Did you mean LeastConfidence()?"
    assert meant(al.TopK, Selector) == " Did you mean TopK()?"
    assert meant("zzz", Selector) == meant(3, Selector) == meant(None, Selector) == ""
