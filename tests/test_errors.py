import builtins
import inspect

import pytest

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
