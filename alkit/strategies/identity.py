"""Identity of a strategy in words, to refuse the state of another one and name what differs."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any

from torch import nn
from torchmetrics import Metric

from alkit.criteria import Criterion
from alkit.querying import Acquisition
from alkit.selectors import Selector, Space
from alkit.strategies.description import attributes, described
from alkit.strategies.sources import sources

if TYPE_CHECKING:
    from alkit.strategies.asking import Asks

OPTIONS = ("batch_size", "steps_per_epoch", "val_share")  # those that change picks or weights
STATED = ("optimizer", "estimator_")  # stated elsewhere, or made by a fit
PLACE = (
    *("num_workers", "pin_memory", "persistent_workers", "prefetch_factor", "timeout"),
    *("multiprocessing_context", "pin_memory_device", "in_order"),
)  # arguments of a DataLoader that do not change a batch
OWN = frozenset(
    """train_pool val_pool val_share val_data test_data batch_size val_batch_size test_batch_size
    steps_per_epoch loader cache_features predictor posterior seed history fits initial_weights
    weights_from module _acquisition _acquisition_replaced _asked _optimizers_are_new _fit_device
    _ready_made _dtypes _made_with _labels_read _joined query on_error unreadable""".split()
)  # attributes of every strategy, which are described elsewhere, or its state


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
    """Attributes of the module and its layers that are not printed, as a label smoothing.

    Training may change them, so they are taken from strategies that have not been trained.
    """
    found = {
        f"{path}.{name}".strip("."): described(value)
        for path, part in _layers(strategy.module, itself=True)
        for name, value in attributes(part).items()
        if name not in STATED and f"{name}={value}" not in _printed(part)
    }
    for path, part in strategy.module.named_modules():
        if isinstance(part, Metric):
            found[path] = described(part)
    loss = getattr(strategy.module, "loss", None)
    buffers = loss.named_buffers() if isinstance(loss, nn.Module) else ()
    return {**found, **{f"loss.{name}": str(values.tolist()) for name, values in buffers}}


def arguments(strategy: Asks) -> dict[str, Any]:
    """Arguments of a strategy besides its module, described."""
    predictor, pool = strategy.predictor, strategy.train_pool
    meaning = predictor.meaning
    asked: Any = strategy.acquisition
    if type(asked) is Acquisition:
        asked = {"criterion": asked.criterion, "selector": asked.selector}
    given = {
        "asks": asked,
        "inputs": predictor.places.inputs,
        "outputs": meaning.read or meaning.kind,
        "task": meaning.task,
        "features": predictor.features,
        "head": predictor.head,
        "samples": strategy.posterior.samples,
        "loader": {name: value for name, value in strategy.loader.items() if name not in PLACE},
        "classes": pool.classes,
        **_transforms(strategy),
    }
    found = {name: described(value) for name, value in given.items()}
    return {name: value for name, value in found.items() if value not in (None, {})}


def own_attributes(strategy: Asks) -> dict[str, Any]:
    """Attributes that a strategy has besides those of every strategy, as a subclass sets them.

    Without methods that were replaced: the source of the factory shows these.
    """
    held = attributes(strategy)
    replaced = {name for name in held if callable(getattr(type(strategy), name, None))}
    return {name: described(held[name]) for name in held if name not in {*OWN, *replaced}}


def functions(strategy: Asks) -> dict[str, str]:
    """Short hashes of the source of the user's functions that a strategy was given, by name."""
    predictor, module = strategy.predictor, strategy.module
    given = [predictor.places.inputs, predictor.meaning.read, *_transforms(strategy).values()]
    given += [getattr(module, "loss", None), getattr(module, "optimizer", None)]
    held = [part for value in given for part in (value, *getattr(value, "__dict__", {}).values())]
    asked = _parts(strategy.acquisition, {})
    return sources(p for p in [*held, *asked] if isinstance(p, FunctionType | functools.partial))


def _parts(value: Any, seen: dict[int, Any]) -> Iterator[Any]:
    """Parts of an acquisition: criteria, selectors and spaces in each other, functions."""
    if id(value) in seen:
        return
    seen[id(value)] = value
    yield value
    if isinstance(value, Acquisition | Criterion | Selector | Space):
        value = vars(value)
    within = value.values() if isinstance(value, Mapping) else value
    if isinstance(value, Mapping | list | tuple):
        for part in within:
            yield from _parts(part, seen)


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


def _transforms(strategy: Asks) -> dict[str, Any]:
    pool = strategy.train_pool
    train, score = pool._transform, pool._scoring_transform
    return {"transform": train, "scoring_transform": None if score is train else score}


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
