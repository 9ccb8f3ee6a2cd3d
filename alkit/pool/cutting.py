"""Parts of images and masks, whatever holds them: tensors, arrays, PIL or dicts of these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor
from torch.utils.data import TensorDataset

from alkit.errors import ConfigurationError

Size = tuple[int, int]
OTHER_LABELS = (int, float, str, list, tuple, Mapping, np.generic, np.ndarray, Tensor)  # no masks


class Place(NamedTuple):
    """Place of a tile: the number of its image, its first row and column, and its size."""

    image: int
    top: int
    left: int
    height: int
    width: int


def sizes_of(dataset: Any, given: Any = None) -> list[Size]:
    """Height and width of each image of a dataset, as given, else as read.

    Raises:
        ConfigurationError: what is given is not one size, or one per image; or an item has no
            image.
    """
    count = len(dataset)
    if given is not None:
        sizes = list(given)
        sizes = [sizes] * count if sizes and not hasattr(sizes[0], "__len__") else sizes
        if len(sizes) != count or any(len(size) != 2 for size in sizes):
            raise ConfigurationError(
                f"sizes must be (height, width) of all images, or of each of the {count}, got "
                f"{str(given)[:60]}."
            )
        return [(int(height), int(width)) for height, width in sizes]
    if type(dataset) is TensorDataset:
        return [_needed_size(dataset.tensors[0][0], 0)] * count
    return [_needed_size(_image(dataset[index]), index) for index in range(count)]


def cut(item: Any, size: Size, place: Place) -> Any:
    """The part of an item that belongs to a tile, in the form of the item.

    Other values of a dict stay, and a label that is None or of an unknown type: no value of a label
    is looked at.

    Args:
        item: ``(image, mask)``, an image, or a dict.
        size: height and width of the image.
        place: place of the tile.

    Raises:
        ConfigurationError: the image has another size, its label is not a mask, or something else
            has a height and width that are not those of the image.
    """
    found = size_of(_image(item))
    if found is not None and found != size:
        raise ConfigurationError(
            f"image {place.image} has {found[0]} x {found[1]} pixels, and {size[0]} x {size[1]} "
            "at first: draw random sizes after the tiles, in transform= of the pool."
        )
    if isinstance(item, Mapping):
        for key, value in item.items():
            held = size_of(value)
            if key == "label":
                _check_mask(value, size, place.image)
            elif held is not None and held != size:
                raise ConfigurationError(
                    f"{key!r} of image {place.image} has {held[0]} x {held[1]} values, and the "
                    f"image {size[0]} x {size[1]} pixels: a tile has no part of it."
                )
        return {key: _part(value, place) for key, value in item.items()}
    if not isinstance(item, tuple | list):
        return _part(item, place)
    for label in item[1:]:
        _check_mask(label, size, place.image)
    return tuple(_part(value, place) for value in item)


def _check_mask(label: Any, size: Size, image: int) -> None:
    """Raise a ConfigurationError for a label that is known not to be a mask of an image."""
    found, form = size_of(label), type(label)
    if found != size and (found is not None or issubclass(form, OTHER_LABELS)):
        got = form.__name__ if found is None else f"{found[0]} x {found[1]}"
        raise ConfigurationError(
            f"the label of image {image} must be a mask of its {size[0]} x {size[1]} pixels, of "
            f"which a tile gets a part: a tensor, an array or an image of PIL; got {got}."
        )


def size_of(value: Any) -> Size | None:
    """Height and width of an image or a mask; None for anything else.

    Only the type is looked at first: a label that was not paid for may raise on use.
    """
    if hasattr(type(value), "getbands"):  # an image of PIL
        return value.height, value.width
    if not issubclass(type(value), Tensor | np.ndarray) or value.ndim < 2:
        return None
    height, width = value.shape[:2] if _channels_last(value) else value.shape[-2:]
    return height, width


def _image(item: Any) -> Any:
    if isinstance(item, Mapping):
        return next((value for value in item.values() if size_of(value)), None)
    return item[0] if isinstance(item, tuple | list) and len(item) else item


def _needed_size(image: Any, index: int) -> Size:
    size = size_of(image)
    if size is None:
        raise ConfigurationError(
            "Regions needs images: tensors or arrays (..., H, W), arrays (H, W, channels) or "
            f"images of PIL; image {index} is of {type(image).__name__}."
        )
    return size


def _channels_last(value: Tensor | np.ndarray) -> bool:
    shape = value.shape
    return len(shape) == 3 and shape[2] in (1, 3, 4) and shape[0] not in (1, 3)


def _part(value: Any, place: Place) -> Any:
    """A copy of a part, so that it does not keep the whole image."""
    _, top, left, height, width = place
    if hasattr(type(value), "getbands"):
        return value.crop((left, top, left + width, top + height))
    if size_of(value) is None:
        return value
    rows, columns = slice(top, top + height), slice(left, left + width)
    part = value[rows, columns] if _channels_last(value) else value[..., rows, columns]
    return part.clone() if isinstance(part, Tensor) else part.copy()
