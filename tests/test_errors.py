import builtins
import inspect

import pytest

from alkit import errors
from alkit.errors import close, likely

ALL = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if cls.__module__ == errors.__name__
]


@pytest.mark.parametrize("error", ALL)
def test_an_error_is_of_the_family_and_of_a_kind_that_python_has(error):
    assert issubclass(error, errors.AlkitError)
    assert error.__doc__
    if error is not errors.AlkitError:
        kinds = [cls for cls in error.__mro__ if cls.__module__ == builtins.__name__]
        assert set(kinds) - {object, BaseException, Exception}


def test_near_spellings_are_proposed_nearest_first():
    assert close("in_feature", ["out_features", "bias", "in_features"]) == [
        "in_features",
        "out_features",
    ]
    assert likely("biass", ["weight", "bias"]) == ". Did you mean 'bias'?"


def test_without_a_near_spelling_all_names_are_given():
    assert likely("zzz", ["weight", "bias", "bias"]) == "; there is weight, bias."
    assert likely("zzz", []) == "."
