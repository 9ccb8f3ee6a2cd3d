import builtins
import inspect

import pytest

from alkit import errors

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
