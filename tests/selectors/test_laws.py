"""The laws over every leaf of the family, collected from its ``__all__``."""

import pytest

from alkit import selectors
from alkit.testing import check_selector

EXAMPLES = {}  # name -> instances, of what needs arguments
ABSTRACT = {"Selector"}


def _leaves():
    for name in selectors.__all__:
        value = getattr(selectors, name)
        if isinstance(value, type) and name not in ABSTRACT:
            for example in EXAMPLES.get(name) or [value()]:
                yield pytest.param(example, id=name)


@pytest.mark.parametrize("selector", list(_leaves()))
def test_every_selector_keeps_the_laws(selector):
    check_selector(selector)


@pytest.mark.parametrize("selector", list(_leaves()))
def test_every_selector_states_its_cost(selector):
    assert "O(" in type(selector).__doc__
