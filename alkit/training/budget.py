"""Training budgets: gradient steps, and passes over the annotated samples."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from alkit.errors import ConfigurationError


def check_counts(**counts: int | None) -> None:
    """Raise a ConfigurationError for a number that is neither None nor an integer above 0."""
    for name, n in counts.items():
        if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 1):
            raise ConfigurationError(f"{name} must be an integer of at least 1, got {n!r}.")


def check_budget(max_steps: int | None, max_epochs: int | None) -> None:
    """Raise a ConfigurationError unless at least one limit is given, and each is at least 1."""
    if max_steps is None and max_epochs is None:
        raise ConfigurationError(
            "training needs a budget: max_steps= (gradient steps) or max_epochs= (passes over the "
            "annotated samples)."
        )
    check_counts(max_steps=max_steps, max_epochs=max_epochs)


def limits_of(module: object, max_steps: int | None, max_epochs: int | None) -> dict[str, Any]:
    """Limits of a Trainer for a fit of a module within a budget.

    A module with ``at_once = True`` fits in one step, whatever the budget, and needs none.
    """
    if getattr(module, "at_once", False):
        check_counts(max_steps=max_steps, max_epochs=max_epochs)
        return {"max_steps": -1, "max_epochs": 1}
    check_budget(max_steps, max_epochs)
    return {"max_steps": -1 if max_steps is None else max_steps, "max_epochs": max_epochs}


LIMITS = ("max_epochs", "min_epochs", "max_steps", "min_steps")


def check_limits(**limits: object) -> None:
    """Raise a ConfigurationError for a limit of a Trainer that is neither None nor an integer."""
    for name, n in limits.items():
        if n is not None and (isinstance(n, bool) or not isinstance(n, Integral)):
            raise ConfigurationError(f"{name} must be an integer (-1 for no limit), got {n!r}.")
