"""Calls of the parts of a module, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count

from torch import nn


class Calls:
    """The calls of the parts of a module, in order.

    Args:
        module: the module.
        run: function that calls the module once.
    """

    def __init__(self, module: nn.Module, run: Callable[[], object]) -> None:
        self.parts = dict(module.named_modules())
        self._starts: dict[str, list[int]] = {}
        self._ends: dict[str, list[int]] = {}
        self._times = count()
        with ExitStack() as stack:
            for name, part in self.parts.items():
                stack.enter_context(self._recorded(name, part))
            run()

    @contextmanager
    def _recorded(self, name: str, part: nn.Module) -> Iterator[None]:
        before = part.register_forward_pre_hook(lambda *_: self._note(self._starts, name))
        after = part.register_forward_hook(lambda *_: self._note(self._ends, name))
        try:
            yield
        finally:
            before.remove()
            after.remove()

    def _note(self, events: dict[str, list[int]], name: str) -> None:
        events.setdefault(name, []).append(next(self._times))

    def once(self, name: str) -> bool:
        """True for a part that was called once."""
        return len(self._ends.get(name, ())) == 1

    def start(self, name: str) -> int:
        """Time of the first call of a part; a very late one if it was not called."""
        return self._starts.get(name, [2**62])[0]

    def end(self, name: str) -> int:
        """Time when the last call of a part had ended."""
        return self._ends[name][-1]

    def before(self, time: int) -> list[str]:
        """Parts whose calls had all ended by a time, in order, without the parts inside these."""
        ended = [name for name, ends in self._ends.items() if ends[-1] <= time and name]
        names = [name for name in ended if not any(inside(name, other) for other in ended)]
        return sorted(names, key=self.end)

    def around(self, name: str) -> list[str]:
        """Called parts that contain a part, the innermost first."""
        found = [other for other in self._ends if inside(name, other)]
        return sorted(found, key=len, reverse=True)

    def trained(self) -> list[str]:
        """Called parts that hold trained parameters themselves, in the order of calls."""
        found = [name for name in self._ends if _own(self.parts[name])]
        return sorted(found, key=self.start)


def inside(name: str, other: str) -> bool:
    """True if the first path is that of a part inside the second."""
    return name != other and (not other or name.startswith(f"{other}."))


def _own(part: nn.Module) -> bool:
    return any(p.requires_grad for p in part.parameters(recurse=False))
