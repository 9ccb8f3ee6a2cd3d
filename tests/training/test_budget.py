import pytest

from alkit.errors import ConfigurationError
from alkit.training.budget import check_budget, check_counts, limits_of


def test_counts_are_integers_of_at_least_one_or_not_given():
    check_counts(batch_size=1, steps=None)
    for wrong in (0, -1, 1.0, True, "8"):
        with pytest.raises(ConfigurationError, match="batch_size must be an integer"):
            check_counts(steps=3, batch_size=wrong)


def test_a_budget_has_at_least_one_limit():
    check_budget(3, None)
    check_budget(None, 2)
    check_budget(3, 2)
    with pytest.raises(ConfigurationError, match=r"max_steps=.*max_epochs="):
        check_budget(None, None)
    with pytest.raises(ConfigurationError, match="max_epochs must be"):
        check_budget(3, 0)


def test_limits_are_those_of_the_budget_or_of_one_step():
    assert limits_of(object(), 3, None) == {"max_steps": 3, "max_epochs": None}
    assert limits_of(object(), None, 2) == {"max_steps": -1, "max_epochs": 2}
    with pytest.raises(ConfigurationError, match="training needs a budget"):
        limits_of(object(), None, None)

    class AtOnce:
        at_once = True

    for budget in ((None, None), (3, 5)):
        assert limits_of(AtOnce(), *budget) == {"max_steps": -1, "max_epochs": 1}
    with pytest.raises(ConfigurationError, match="max_steps must be"):
        limits_of(AtOnce(), 0, None)
