"""Checks of the laws that criteria, selectors and strategies must satisfy, for tests.

For example: ``al.testing.check_criterion(MyCriterion())``. Each check raises ``LawError``, an
AssertionError that states the broken law, the input, the result and its consequence.
"""

from __future__ import annotations

from alkit.testing.criteria import check_criterion
from alkit.testing.laws import LawError
from alkit.testing.selectors import check_selector
from alkit.testing.strategies import check_strategy

__all__ = ["LawError", "check_criterion", "check_selector", "check_strategy"]
