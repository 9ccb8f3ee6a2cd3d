"""Plain functions as selectors, which see what their ``needs`` name."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Any

from torch import Generator, Tensor

from alkit.arguments import meant
from alkit.errors import ConfigurationError, PredictionError
from alkit.selectors.candidates import Candidates, Picks
from alkit.selectors.selector import Selector, check_names

# attribute of Candidates -> the needs that provide it
PROVIDED_BY = {
    "scores": ("scores",),
    "prediction": ("outputs", "features"),
    "features": ("features",),
    "probabilities": ("outputs",),
    "annotated": ("annotated",),
    "num_annotated": ("annotated", "labels"),
    "labels": ("labels",),
    "head": ("head",),
}


class _Function(Selector):
    """A plain function as a selector; it may use anything that the candidates hold."""

    def __init__(self, function: Callable[..., Tensor | Picks], needs: frozenset[str]) -> None:
        self.function = function
        self.needs = needs

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor | Picks:
        return self.function(Declared(candidates, repr(self), self.needs), n, generator)

    def __repr__(self) -> str:
        function = getattr(self.function, "func", self.function)  # inside a functools.partial
        return getattr(function, "__name__", None) or repr(function)


class Declared(Candidates):
    """Candidates as a function sees them: an error instead of None for what it does not declare.

    What was computed for others may be read without being declared, as after ``al.select``.

    Args:
        held: the candidates.
        function: name of the function, for the message.
        needs: what the function declares.
    """

    def __init__(self, held: Candidates, function: str, needs: Set[str]) -> None:
        object.__setattr__(self, "_seen", (held, function, needs))

    def __getattribute__(self, name: str) -> Any:
        held, function, needs = object.__getattribute__(self, "_seen")
        if name == "__dataclass_fields__":  # dataclasses.replace copies what may be read
            fields = held.__dataclass_fields__
            return {k: v for k, v in fields.items() if not _undeclared(held, k, needs)}
        if missing := _undeclared(held, name, needs):
            wanted = ", ".join(f'"{need}"' for need in sorted({*map(str, needs), missing[0]}))
            instead = f' (or "{missing[1]}")' if len(missing) > 1 else ""
            raise PredictionError(
                f"{function} reads candidates.{name}, which its needs do not name, so it was not "
                f"computed: set {function}.needs = {{{wanted}}}{instead}."
            )
        return getattr(held, name)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, positions: Tensor) -> Candidates:
        held, function, needs = object.__getattribute__(self, "_seen")
        return Declared(held[positions], function, needs)


def _undeclared(held: Candidates, name: str, needs: Set[str]) -> tuple[str, ...]:
    """The needs that provide an attribute, if none of them is declared and it is missing."""
    provided_by = PROVIDED_BY.get(name, ())
    if not provided_by or needs & set(provided_by):
        return ()
    if name in ("features", "probabilities"):
        part = "features" if name == "features" else "outputs"
        missing = held.prediction is None or getattr(held.prediction, part) is None
    else:
        missing = (
            not getattr(held, name) if name == "num_annotated" else getattr(held, name) is None
        )
    return provided_by if missing else ()


def as_selector(
    selector: Selector | Callable[..., Any], needs: frozenset[str] | set[str] = Selector.needs
) -> Selector:
    """Return a selector unchanged; wrap a function ``(candidates, n, generator)`` as a selector.

    Args:
        selector: a selector or a function. A function that uses more than the scores lists its
            inputs in an attribute, ``function.needs = {"scores", "features"}``.
        needs: see ``Selector.needs``; for a function without this attribute.

    Raises:
        ConfigurationError: it is neither of these, it is a class instead of an instance, or its
            ``needs`` are unknown.
    """
    if isinstance(selector, Selector):
        return selector
    if callable(selector) and not isinstance(selector, type):
        needs = getattr(getattr(selector, "func", None), "needs", needs)  # functools.partial
        needs = getattr(selector, "needs", needs)
        needs = frozenset(needs) if isinstance(needs, list | tuple) else needs
        check_names(needs)
        return _Function(selector, frozenset(needs))
    raise ConfigurationError(
        "expected a Selector, or a function (candidates, n, generator) that returns positions, "
        f"got {selector!r}.{meant(selector, Selector)}"
    )
