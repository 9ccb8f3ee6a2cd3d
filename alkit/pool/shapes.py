"""Shapes of labels, compared with those of the other labels and with those of the inputs."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from torch import Tensor

from alkit.pool.boxes import fit_as_boxes

_ARRAY = "array of shape "
LIKE_THE_INPUT = "array in the shape of its input"
InputOf = Callable[[int], Any]  # input of a sample; None if it cannot be read
_NOTHING = ({f"{_ARRAY}(0,)", "dicts"}, {"array", "dicts"})  # [], without boxes
OTHER_NUMBERS = {("int", "float")}  # kinds that fit, and what they become


def expected_kinds(
    kinds: Sequence[str],
    expected: str,
    ids: Sequence[int] = (),
    input_of: InputOf | None = None,
    dense: bool | None = None,
) -> list[str]:
    """The kind that each label should have; its own one, if it fits the others.

    Arrays of one value per pixel or token have the shape of their input. Other arrays of several
    axes are rows, such as one per box: any number of rows of one shape. Others are all of one
    shape, such as a label per class.

    Args:
        kinds: kinds of the labels.
        expected: kind of the others.
        ids: ``(n,)`` dataset indices of their samples.
        input_of: input of a sample, read where a shape may follow from it. Default: none does.
        dense: whether the others have the shape of their input. Default: most labels decide.
    """
    shape = _shape(expected)
    shapes = [_shape(kind) for kind in kinds]
    first = len(shape or ()) == 1 and set(kinds) == {expected} != {f"{_ARRAY}(0,)"}
    if shape is None or first:
        return [kind if fits(kind, expected) else expected for kind in kinds]
    inputs = [None if input_of is None else input_of(index) for index in ids]
    alike = [s if s is not None and len(s) == len(shape) else None for s in shapes]
    like = [s is not None and follows(x, s) for x, s in zip(inputs, alike)]
    if dense is None:
        dense = sum(like) * 2 > len(like)
    if not dense or input_of is None:
        return [
            kind if fits(kind, expected) or _rows(s, shape) else expected
            for kind, s in zip(kinds, shapes)
        ]
    return [
        kind if same or x is None else LIKE_THE_INPUT for kind, same, x in zip(kinds, like, inputs)
    ]


def follows(x: object, shape: tuple[int, ...]) -> bool:
    """True if a label has the shape of its input: a value for each pixel, token or step."""
    return any(shape == place for place in _places(x))


def in_shape_for(label: Any, own: object, x: object) -> Any:
    """A label as one of another input, whose first value is repeated; itself unless it is dense.

    Args:
        label: label of a sample.
        own: its input, which has the shape of the label if there is a value per pixel or token.
        x: the other input.
    """
    kind, shape = type(label), shape_of(label)
    pairs = zip(_places(own), _places(x))
    wanted = next((there for here, there in pairs if here == shape), shape)
    if wanted == shape or 0 in shape:
        return label  # also if it is not an array
    if issubclass(kind, list):
        return np.full(wanted, np.ravel(label)[0]).tolist()
    first = label.reshape(-1)[0]
    return np.full(wanted, first) if issubclass(kind, np.ndarray) else label.new_full(wanted, first)


def shape_of(label: Any) -> tuple[int, ...]:
    """Shape of a label that is an array or nested lists; ``()`` for any other."""
    try:
        return tuple(np.shape(label)) if isinstance(label, Tensor | np.ndarray | list) else ()
    except ValueError:  # rows of different lengths
        return ()


def size_of(x: object) -> tuple[int, int] | None:
    """Height and width of the image in an input; None if it has none."""
    parts = x.values() if isinstance(x, Mapping) else x if isinstance(x, list | tuple) else (x,)
    part: Any
    for part in parts:
        if hasattr(part, "getbands"):  # a PIL image
            return part.size[::-1]
        if isinstance(part, Tensor | np.ndarray) and part.ndim >= 2:
            height, width = part.shape[:2] if _channels_last(part) else part.shape[-2:]
            return int(height), int(width)
    return None


def is_resized(x: object, other: object) -> bool:
    """True if an image has another height or width than before; its axes may change places."""
    before, after = size_of(x), size_of(other)
    shape: tuple[int, ...] = tuple(getattr(x, "shape", ()))
    same = None in (before, after) or before == after
    return not same and not any(after == pair for pair in pairwise(shape))


def _places(x: Any) -> Iterator[tuple[int, ...]]:
    """Shapes of the places of an input: of pixels, tokens, words."""
    if isinstance(x, Mapping):
        for part in x.values():
            yield from _places(part)
    elif hasattr(x, "getbands"):
        yield x.size[::-1]
    elif isinstance(x, Tensor | np.ndarray):
        shape = tuple(x.shape)
        if _channels_last(x):
            yield shape[:2]
        else:
            yield from (shape[axis:] for axis in range(len(shape)))
            if len(shape) == 2:  # tokens with their features
                yield shape[:1]
    elif isinstance(x, str):
        yield (len(x.split()),)
    elif isinstance(x, list | tuple):
        yield (len(x),)
        for part in x:
            if not isinstance(part, str | list | tuple):
                yield from _places(part)


def _channels_last(x: Tensor | np.ndarray) -> bool:
    return isinstance(x, np.ndarray) and x.ndim == 3 and x.shape[-1] in (1, 3, 4)


def _shape(kind: str) -> tuple[int, ...] | None:
    """Shape in the kind of an array; None for anything else."""
    return ast.literal_eval(kind.removeprefix(_ARRAY)) if kind.startswith(_ARRAY) else None


def fits(kind: str, expected: str) -> bool:
    same = kind == expected or (kind, expected) in OTHER_NUMBERS
    return same or {kind, expected} in _NOTHING or fit_as_boxes(kind, expected)


def _rows(shape: tuple[int, ...] | None, other: tuple[int, ...]) -> bool:
    """True for two arrays of rows alike; ``[]`` has none."""
    if shape is None or shape == other:
        return shape is not None
    if (0,) in (shape, other):
        return max(len(shape), len(other)) > 1
    return len(shape) > 1 and shape[1:] == other[1:]
