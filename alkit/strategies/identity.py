"""Identity of a strategy in words, to refuse the state of another one and name what differs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import lightning as L
from torch import nn
from torchmetrics import Metric

from alkit.querying import Acquisition

if TYPE_CHECKING:
    from alkit.strategies.asking import Asks

OPTIONS = ("batch_size", "steps_per_epoch", "val_share")  # those that change picks or weights


def identity(strategy: Asks) -> dict[str, Any]:
    """Printable parts of a strategy that stay as they are while it learns, without metrics.

    The class, the query, the training, the network as it is printed, layer by layer, the loss, the
    optimizer and the options of the strategy.
    """
    module = strategy.module
    return {
        "class": plainly(type(strategy)),
        "query": plainly(asking(strategy.acquisition)),
        "training": plainly(type(module)),
        "network": {name: _printed(part) for name, part in _layers(module)},
        "loss": plainly(getattr(module, "loss", None)),
        "optimizer": plainly(getattr(module, "optimizer", None)),
        "options": {name: getattr(strategy, name) for name in OPTIONS},
    }


def settings(strategy: Asks) -> dict[str, Any]:
    """Plain attributes of the module and its layers that are not printed, as a label smoothing.

    Training may change them, so they are compared between strategies that have not been trained.
    """
    known = vars(L.LightningModule())
    found = {
        f"{path}.{name}".strip("."): value
        for path, part in _layers(strategy.module, itself=True)
        for name, value in vars(part).items()
        if not name.startswith("_") and name not in known
        if isinstance(value, bool | int | float | str) and f"{name}={value}" not in _printed(part)
    }
    loss = getattr(strategy.module, "loss", None)
    buffers = loss.named_buffers() if isinstance(loss, nn.Module) else ()
    return {**found, **{f"loss.{name}": str(values.tolist()) for name, values in buffers}}


def asking(acquisition: Acquisition) -> str:
    """The criterion and selector of an acquisition, in words."""
    plain = type(acquisition) is Acquisition
    return f"{acquisition.selector!r} of {acquisition.criterion!r}" if plain else repr(acquisition)


def plainly(part: object) -> str:
    """Text of a part, without addresses in memory."""
    if isinstance(part, type) or (callable(part) and hasattr(part, "__qualname__")):
        return f"{part.__module__}.{part.__qualname__}"
    return re.sub(r" at 0x[0-9a-fA-F]+", "", part if isinstance(part, str) else repr(part))


def differences(before: Any, now: Any, name: str = "") -> list[str]:
    """Differences between two identities or protocols, in words, each of them once.

    Mappings are compared entry by entry, and sentences part by part. Of hashes, which begin with
    ``#``, only the name is given.
    """
    if before == now:
        return []
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        return [
            text
            for key in dict.fromkeys([*before, *now])
            for text in differences(before.get(key), now.get(key), f"{name} {key}".strip())
        ]
    if all(text is None or str(text).startswith("#") for text in (before, now)):
        return [f"{name} differs"]
    if isinstance(before, str) and isinstance(now, str):
        before, now = _unlike(before, now)
    return [f"{name} was {before!r} and is {now!r}"]


def _unlike(before: str, now: str) -> tuple[str, str]:
    """The first parts that differ of two sentences of equally many parts."""
    one, other = before.split("; "), now.split("; ")
    if len(one) != len(other):
        return before, now
    return next((a, b) for a, b in zip(one, other, strict=True) if a != b)


def _layers(module: nn.Module, itself: bool = False) -> list[tuple[str, nn.Module]]:
    metrics = [part for part in module.modules() if isinstance(part, Metric)]
    within = {id(part) for metric in metrics for part in metric.modules()}
    return [
        (name, part)
        for name, part in module.named_modules()
        if (name or itself) and id(part) not in within and not isinstance(part, nn.ModuleDict)
    ]


def _printed(part: nn.Module) -> str:
    return plainly(f"{type(part).__name__}({part.extra_repr()})")
