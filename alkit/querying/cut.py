"""Cuts of a network behind its frozen part, whose output is the same in each round."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from alkit.blocks import MCDropout
from alkit.errors import FeaturesError
from alkit.features.weights import fingerprint
from alkit.querying.called import Calls, inside


@dataclass(frozen=True, eq=False)
class Cut:
    """Place in a network from which it can continue, given the features there.

    Attributes:
        name: path of a layer, and the side of it.
        layer: the layer, whose output is kept, or its input.
        of_input: True if it is the input.
        skipped: parts that are not called behind the cut.
        around: modules that contain the cut.
        forwards: functions that are called in place of the ``forward`` of some modules.
    """

    name: str
    layer: nn.Module
    of_input: bool
    skipped: tuple[nn.Module, ...]
    around: tuple[nn.Module, ...]
    forwards: Mapping[nn.Module, Callable[..., Any]]

    @property
    def saves(self) -> bool:
        """True if parts with weights are not called behind the cut."""
        return any(True for part in self.skipped for _ in part.parameters())

    def rest(self) -> Any:
        """Context in which the network takes features in place of its input."""
        return replaced(self.forwards)

    @contextmanager
    def captured(self) -> Iterator[list[Any]]:
        """Context in which the features of each call are put into the list."""
        found: list[Any] = []
        if self.of_input:
            handle = self.layer.register_forward_pre_hook(
                lambda _, inputs: found.append(inputs[0] if len(inputs) == 1 else inputs)
            )
        else:
            handle = self.layer.register_forward_hook(lambda *call: found.append(call[2]))
        try:
            yield found
        finally:
            handle.remove()

    def weights(self) -> str:
        """Hash of the weights, buffers and settings of all that is before the cut."""
        digest = blake2b(self.name.encode(), digest_size=8)
        for part in self.skipped:
            digest.update(fingerprint(part).encode())
        for part in self.around:  # their own tensors, such as a class token
            own = nn.Module()
            own._parameters, own._buffers = dict(part._parameters), dict(part._buffers)
            digest.update(fingerprint(own).encode())
        return digest.hexdigest()


@contextmanager
def replaced(forwards: Mapping[nn.Module, Callable[..., Any]]) -> Iterator[None]:
    """Call functions in place of the ``forward`` of some modules."""
    with ExitStack() as stack:
        for module, forward in forwards.items():
            before = module.__dict__.get("forward")
            module.__dict__["forward"] = forward
            if before is None:
                stack.callback(module.__dict__.pop, "forward")
            else:
                stack.callback(module.__dict__.__setitem__, "forward", before)
        yield


def plainly(module: nn.Module) -> Any:
    """Context in which the MCDropout blocks of a module call their models once, as they are."""
    sampled = [part for part in module.modules() if isinstance(part, MCDropout)]
    return replaced({part: part.model.__call__ for part in sampled})


def cuts(calls: Calls, features: str | None, named: tuple[str | None, str | None]) -> Iterator[Cut]:
    """Yield cuts that may be right, the best ones first; the caller tries them.

    Args:
        calls: the calls of the module.
        features: path of the layer of the features of predictions, which must be called.
        named: paths of the last layer before the cut and of the first one behind it, as far as the
            user names them.
    """
    last, first = named
    if last is not None:
        yield from _behind(calls, last)
    if first is not None:
        yield from _in_front(calls, first, features)
    if last is not None or first is not None:
        return
    trained = calls.trained()
    if not trained:
        return
    start = calls.start(trained[0])
    for tail in reversed(_containers(calls, trained)):
        if tail:
            yield from _in_front(calls, tail, features)
        frozen = [name for name in calls.before(start) if inside(name, tail)]
        while frozen and isinstance(calls.parts[frozen[-1]], _DropoutNd):
            frozen.pop()  # it is part of what draws posterior samples
        if frozen:
            yield from _behind(calls, frozen[-1])
        weighed = [name for name in frozen if any(True for _ in calls.parts[name].parameters())]
        if weighed and weighed[-1] != frozen[-1]:
            yield from _behind(calls, weighed[-1])


def _containers(calls: Calls, names: list[str]) -> list[str]:
    """Parts that are called once and contain all of the named ones, the outermost first."""
    every = [name for name in calls.parts if calls.once(name)]
    return [name for name in every if all(one == name or inside(one, name) for one in names)]


def _behind(calls: Calls, name: str) -> Iterator[Cut]:
    """Cuts behind a part, which returns the input of a module around it."""
    if not calls.once(name):
        return
    end = calls.end(name)
    skipped = [part for part in calls.before(end) if not inside(name, part)]
    parts = tuple(calls.parts[part] for part in skipped)
    around = tuple(calls.parts[part] for part in calls.around(name))
    for module in around:
        given = _Given(module)
        forwards = dict.fromkeys(parts, _same) | {module: given.take, calls.parts[name]: given.give}
        yield Cut(name, calls.parts[name], False, parts, around, forwards)


def _in_front(calls: Calls, name: str, features: str | None) -> Iterator[Cut]:
    """Cuts in front of a part, which is called in place of a module around it."""
    if not calls.once(name):
        return
    skipped = tuple(calls.parts[part] for part in calls.before(calls.start(name)))
    around = tuple(calls.parts[part] for part in calls.around(name))
    tail = calls.parts[name]
    for module in around:
        forwards: dict[nn.Module, Callable[..., Any]] = {module: tail}
        if features is not None and features != name and not inside(features, name):
            layer = calls.parts[features]  # its output is the features of the prediction
            forwards = {module: lambda x, layer=layer: tail(layer(x)), layer: _same}
        yield Cut(f"input of {name}", tail, True, skipped, around, forwards)


class _Given:
    """The input of the latest call of a module."""

    def __init__(self, module: nn.Module) -> None:
        self._forward = module.forward

    def take(self, x: Any) -> Any:
        self._x = x
        return self._forward(x)

    def give(self, *_: object, **__: object) -> Any:
        return self._x


def _same(x: Any, *_: object, **__: object) -> Any:
    return x


def one_tensor(found: list[Any], count: int, name: str) -> Tensor:
    """The features ``(count, ...)`` of one call.

    Raises:
        FeaturesError: the layer returned anything else.
    """
    if len(found) == 1 and isinstance(found[0], Tensor) and len(found[0]) == count:
        return found[0]
    raise FeaturesError(
        f"{name} is not a single tensor with one row per sample, as cache_features= needs: name a "
        "layer that returns one, features= of the strategy."
    )
