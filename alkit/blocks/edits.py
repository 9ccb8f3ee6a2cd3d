"""Rerun a block's constructor and reapply the edits made to its children since.

A block does not record where its constructor ended. A second, untouched block is therefore
constructed from the same arguments; any further edits of the edited block are the user's.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch

from alkit.arguments import check_keywords
from alkit.blocks.construction import blocks_below
from alkit.errors import AlkitError, ConfigurationError

if TYPE_CHECKING:  # block.py imports this file
    from alkit.blocks.block import Block, Edit


def reconstruct(block: Block, changes: dict[str, Any]) -> dict[str, Any]:
    """The `__dict__` of `block` reconstructed with `changes`, with its edits reapplied."""
    with torch.random.fork_rng(devices=[]):  # the untouched block leaves the generator as it was
        untouched = _constructed(block, {})
    fresh = _constructed(block, changes)
    _put_back(block, untouched, fresh, "")
    notes = {k: v for k, v in block.__dict__.items() if k not in untouched.__dict__}
    return {**notes, **fresh.__dict__, "_changed": {**block._changed, **changes}}


def check_names(kind: type[Block], given: Iterable[str]) -> None:
    """Raise an ArgumentError if the constructor takes no keyword argument of one of these names."""
    if not given:
        return
    named, rest = _parameters(kind)
    if rest is None:
        check_keywords(kind.__name__, given, named)


def _parameters(kind: type[Block]) -> tuple[list[str], str | None]:
    """Names of the constructor's arguments, and that of its ``**kwargs`` if it has these."""
    _, *parameters = inspect.signature(kind.__init__).parameters.values()
    named = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return named, next((p.name for p in parameters if p.kind is p.VAR_KEYWORD), None)


def _constructed(block: Block, changes: dict[str, Any]) -> Block:
    check_names(type(block), changes)
    args, kwargs = block._arguments
    bound = inspect.signature(type(block).__init__).bind(block, *args, **kwargs)
    named, rest = _parameters(type(block))
    for name, value in changes.items():
        if name in named:
            bound.arguments[name] = value
        elif rest is not None:
            bound.arguments.setdefault(rest, {})
            bound.arguments[rest] = {**bound.arguments[rest], name: value}
    return type(block)(*bound.args[1:], **bound.kwargs)


def _put_back(edited: Block, untouched: Block, fresh: Block, path: str) -> None:
    """Repeat the edits of `edited` on `fresh`, child by child, and on `untouched` in step."""
    changed = {k: v for k, v in edited._changed.items() if untouched._changed.get(k) is not v}
    if changed and path:
        untouched.configure(**changed)
        fresh.configure(**changed)
    done = len(untouched._edits)
    if [e.method for e in edited._edits[:done]] != [e.method for e in untouched._edits]:
        raise ConfigurationError(_untold(path or type(edited).__name__))
    for edit in edited._edits[done:]:
        for block in (untouched, fresh):
            try:
                getattr(block, edit.method)(*edit.args, **edit.kwargs)
            except AlkitError as error:
                raise ConfigurationError(_misplaced(path, edit)) from error
    mates, places = dict(blocks_below(untouched)), dict(blocks_below(fresh))
    children = dict(blocks_below(edited))
    if children.keys() != mates.keys():
        raise ConfigurationError(_untold(path or type(edited).__name__))
    for name, child in children.items():
        mate, place = mates[name], places.get(name)
        if child is mate or child._built:
            continue  # passed in: all three hold the same object, edits included
        where = f"{path}.{name}" if path else name
        if place is not None and type(place) is type(child):
            _put_back(child, mate, place, where)
        elif orphan := _first_edit(child, mate, where):
            raise ConfigurationError(_misplaced(*orphan))


def _first_edit(edited: Block, untouched: Block, path: str) -> tuple[str, Edit] | None:
    if len(edited._edits) > len(untouched._edits):
        return path, edited._edits[len(untouched._edits)]
    mates = dict(blocks_below(untouched))
    for name, child in blocks_below(edited):
        if name in mates and (found := _first_edit(child, mates[name], f"{path}.{name}")):
            return found
    return None


def _untold(where: str) -> str:
    return (
        f"Cannot tell what was edited in {where} since it was constructed, so the edits cannot be "
        "reapplied. Change the arguments first, on a new block, then edit it."
    )


def _misplaced(path: str, edit: Edit) -> str:
    named = ", ".join(
        [*map(_short, edit.args), *(f"{k}={_short(v)}" for k, v in edit.kwargs.items())]
    )
    return (
        f"The edit {path or 'block'}.{edit.method}({named}) no longer applies after this "
        "change of arguments. Change the arguments first, on a new block, then edit it."
    )


def _short(value: object) -> str:
    return value.__name__ if isinstance(value, type) else repr(value).splitlines()[0]
