"""State of a strategy, to compare before and after."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from torch import Tensor

from alkit.strategies.learner import ActiveLearner


def state_of(strategy: ActiveLearner) -> dict[str, Any]:
    """All that a query must leave alone, copied, by kind."""
    parameters = dict(strategy.named_parameters())
    return {
        "weights and buffers": {k: v.cpu().clone() for k, v in strategy.state_dict().items()},
        "modes": {name: module.training for name, module in strategy.named_modules()},
        "gradients": {
            k: None if p.grad is None else p.grad.cpu().clone() for k, p in parameters.items()
        },
        "trainable": {k: p.requires_grad for k, p in parameters.items()},
        "pool": copy.deepcopy(strategy.train_pool.state_dict()),
    }


def same(a: object, b: object) -> bool:
    """Return whether two values are equal bit for bit, within dicts and lists too."""
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        same_type = isinstance(b, list | tuple)
        return same_type and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, Tensor | np.ndarray):
        return bool(np.array_equal(np.asarray(a), np.asarray(b), equal_nan=False))
    return a == b or (a != a and b != b)
