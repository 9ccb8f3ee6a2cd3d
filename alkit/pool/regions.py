"""Regions of images as samples, so that a tile is what one labels and trains on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from alkit.arguments import check_integers
from alkit.errors import ConfigurationError, SampleIndexError
from alkit.pool.cutting import Place, Size, cut, sizes_of
from alkit.pool.names import Names
from alkit.pool.sources import check_dataset


class Regions:
    """Division of images into tiles of one size, each of which is a sample.

        tiles = Regions(32)(images, names=files)
        pool = al.ActiveLearningDataset(tiles, names=tiles.names)

    A query is then of tiles, and a label is the mask of a tile. Mackowiak et al. 2018, "CEREALS:
    Cost-effective region-based active learning for semantic segmentation", and Colling et al. 2020,
    "MetaBox+: A new region based active learning method for semantic segmentation using priority
    maps", query such regions.

    The network is also trained on tiles, not on whole images whose other pixels are ignored. So a
    step costs what its labeled pixels cost, and a tile is a sample like any other for pools,
    ledgers, oracles and trainings. In return, the network does not see the surroundings of a tile,
    and it must be fully convolutional if it is to predict whole images. ``Tiles.whole`` makes the
    masks for the other way.

    Args:
        size: height and width of a tile in pixels, or one number for both.

    Raises:
        ConfigurationError: ``size`` is neither.
    """

    def __init__(self, size: int | Size) -> None:
        both = check_integers("size", size if isinstance(size, tuple | list) else [size], [32, 32])
        if len(both) not in (1, 2):
            raise ConfigurationError(f"size must be one number or (height, width), got {size!r}.")
        self.size: Size = both[0], both[-1]

    def __call__(
        self,
        dataset: Any,
        *,
        names: Sequence[str] | None = None,
        sizes: Size | Iterable[Size] | None = None,
    ) -> Tiles:
        """The tiles of all images of a dataset.

        Args:
            dataset: map-style dataset of items ``(image, mask)``, ``image``, or dicts. Images are
                tensors or arrays ``(..., H, W)``, arrays ``(H, W, 1 | 3 | 4)``, or of PIL; masks
                have their height and width. An item is the same at each read: random flips and the
                like come after the tiles.
            names: ``(M,)`` names of the images. Default: their numbers.
            sizes: height and width of all images, or of each. Default: each image is read once,
                unless the dataset is a TensorDataset.

        Raises:
            ConfigurationError: an argument is wrong, or an image is smaller than a tile.
        """
        return Tiles(dataset, self.size, names, sizes)

    def __repr__(self) -> str:
        height, width = self.size
        return f"Regions({height if height == width else self.size})"


class Tiles(Dataset):
    """Tiles of images as the samples of a dataset, image by image and row by row; see ``Regions``.

    Where the height or width of an image is not a multiple of that of a tile, the last tiles begin
    earlier and overlap those before them, so all tiles have the same size. An item has the form of
    those of the dataset. Cost: a read of the image per tile; one for all tiles of it in a batch.

    Attributes:
        names: ``(N,)`` names, such as ``"image.png#2,3"`` for the tile in row 2 and column 3.
        images: ``(N,)`` numbers of the images, int64. Tiles of one image are alike: never split
            them over training and test.
    """

    def __init__(self, dataset: Any, size: Size, names: Any = None, sizes: Any = None) -> None:
        check_dataset(dataset, "Regions")
        self.dataset = dataset
        self.size = size
        self._sizes = sizes_of(dataset, sizes)
        known = Names(names, len(self._sizes))
        self.names: list[str] = []
        corners = []
        for image, (height, width) in enumerate(self._sizes):
            if height < size[0] or width < size[1]:
                raise ConfigurationError(
                    f"image {image} has {height} x {width} pixels, less than a tile of "
                    f"{size[0]} x {size[1]}: take smaller tiles, or pad the image."
                )
            name = known[image] or str(image)
            for row, top in enumerate(_starts(height, size[0])):
                for column, left in enumerate(_starts(width, size[1])):
                    self.names.append(f"{name}#{row},{column}")
                    corners.append((image, top, left))
        self.images, *self._corners = np.array(corners, dtype=np.int64).T.copy()

    def __len__(self) -> int:
        return len(self.images)

    def place(self, index: int) -> Place:
        """The place of a tile: its image, ``top`` and ``left``, ``height`` and ``width``.

        Raises:
            SampleIndexError: no tile has this index.
        """
        if not 0 <= index < len(self):
            raise SampleIndexError(f"tiles have the indices 0 to {len(self) - 1}, got {index}.")
        top, left = (int(corner[index]) for corner in self._corners)
        return Place(int(self.images[index]), top, left, *self.size)

    def __getitem__(self, index: int) -> Any:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Iterable[int]) -> list[Any]:
        """Several tiles; each image is read once."""
        places = [self.place(index) for index in indices]
        items = {image: self.dataset[image] for image in {place.image: 0 for place in places}}
        return [cut(items[place.image], self._sizes[place.image], place) for place in places]

    def whole(self, image: int, parts: Mapping[int, Any], fill: float = -100) -> Tensor:
        """Values of an image ``(..., H, W)`` from those of its tiles, such as masks.

        Args:
            image: number of the image.
            parts: values ``(..., height, width)`` of tiles of this image, by index. Where tiles
                overlap, the later one counts.
            fill: value elsewhere. The default is what ``CrossEntropyLoss`` ignores.

        Raises:
            SampleIndexError: no image has this number, or a tile belongs to another image.
            ConfigurationError: the values of a tile do not have its size.
        """
        if not 0 <= image < len(self._sizes):
            raise SampleIndexError(
                f"images have the numbers 0 to {len(self._sizes) - 1}, got {image}."
            )
        height, width = self.size
        values = {index: torch.as_tensor(part) for index, part in parts.items()}
        first = next(iter(values.values()), torch.zeros(self.size, dtype=torch.long))
        dtype = reduce(torch.promote_types, (part.dtype for part in values.values()), torch.long)
        whole = torch.full((*first.shape[:-2], *self._sizes[image]), fill, dtype=dtype)
        for index, part in values.items():
            of, top, left, *_ = self.place(index)
            if of != image:
                raise SampleIndexError(f"tile {index} is of image {of}, not of image {image}.")
            if part.shape != first.shape or part.shape[-2:] != self.size:
                raise ConfigurationError(
                    f"the values of tile {index} have the shape {tuple(part.shape)}, and tiles "
                    f"have {height} x {width} pixels."
                )
            whole[..., top : top + height, left : left + width] = part
        return whole

    def __repr__(self) -> str:
        height, width = self.size
        of = f"{len(self._sizes)} images of {type(self.dataset).__name__}"
        return f"Tiles({len(self)} of {height} x {width} pixels, {of})"


def _starts(length: int, size: int) -> list[int]:
    return [min(start, length - size) for start in range(0, length, size)]
