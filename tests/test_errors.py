import builtins
import inspect

import pytest
import torch

import alkit as al
from alkit import errors
from alkit.errors import close, likely

ALL = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if cls.__module__ == errors.__name__ and not issubclass(cls, Warning)
]


@pytest.mark.parametrize("error", ALL)
def test_an_error_is_an_alkit_error_and_a_built_in_exception(error):
    assert issubclass(error, errors.AlkitError)
    assert error.__doc__
    if error is not errors.AlkitError:
        kinds = [cls for cls in error.__mro__ if cls.__module__ == builtins.__name__]
        assert set(kinds) - {object, BaseException, Exception}


def test_similar_names_are_suggested_nearest_first():
    assert close("in_feature", ["out_features", "bias", "in_features"]) == [
        "in_features",
        "out_features",
    ]
    assert likely("biass", ["weight", "bias"]) == ". Did you mean 'bias'?"


def test_without_a_similar_name_all_names_are_listed():
    assert likely("zzz", ["weight", "bias", "bias"]) == "; available: weight, bias."
    assert likely("zzz", []) == "."


def test_a_warning_names_the_line_of_the_user():
    x = torch.randn(9, 2, generator=torch.Generator().manual_seed(0))
    strategy = al.Strategy(torch.nn.Linear(2, 3), al.ActiveLearningDataset(list(x))).build()
    with pytest.warns(errors.SelectionWarning) as caught:
        strategy.query(2)
    assert caught[0].filename == __file__
