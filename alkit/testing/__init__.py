"""The laws as checks, for alkit's own parts and for yours.

In a test: ``al.testing.check_criterion(MyCriterion())``. Each check raises ``LawError``, an
AssertionError that says which law was broken, on what input, what came and what it means.
"""

from __future__ import annotations

from alkit.testing.criteria import check_criterion
from alkit.testing.laws import LawError
from alkit.testing.selectors import check_selector
from alkit.testing.strategies import check_strategy

__all__ = ["LawError", "check_criterion", "check_selector", "check_strategy"]
