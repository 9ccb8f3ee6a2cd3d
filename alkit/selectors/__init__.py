"""Selectors: which n candidates together? Positions, most wanted first."""

from __future__ import annotations

from alkit.selectors.random import Random
from alkit.selectors.selector import Selector, as_selector
from alkit.selectors.topk import TopK

__all__ = ["Random", "Selector", "TopK", "as_selector"]
