"""Objects that a copy of a recipe shares with its source, and objects that it must not share."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def keep_shared(value: object, memo: dict[int, Any]) -> dict[int, Any]:
    """Add to a deepcopy memo the objects within `value` that need special treatment; return it.

    Data sets and loaders are shared; a `torch.Generator` is cloned in the same state.
    Cost: one walk over the attributes of `value`, its children and its containers.
    """
    stack: list[object] = [value]
    seen: set[int] = set()
    while stack:
        item = stack.pop()
        if isinstance(item, (Dataset, DataLoader)):
            memo[id(item)] = item
        elif isinstance(item, torch.Generator):
            memo[id(item)] = item.clone_state()
        elif isinstance(item, (nn.Module, dict, list, tuple, set)) and id(item) not in seen:
            seen.add(id(item))
            if isinstance(item, nn.Module):
                stack.append(item.__dict__)
            else:
                stack.extend(item.values() if isinstance(item, dict) else item)
    return memo
