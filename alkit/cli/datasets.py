"""Data sets of ``alkit compare``: the digits of scikit-learn, and those of torchvision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from alkit.errors import DatasetMissingError

_TORCHVISION = {"mnist": "MNIST", "fashionmnist": "FashionMNIST", "cifar10": "CIFAR10"}


class Images(Dataset):
    """Images in memory as uint8, returned as float tensors ``(C, H, W)`` in [0, 1].

    Args:
        images: ``(N, H, W)`` or ``(N, H, W, C)``, 0 to ``brightest``.
        labels: ``(N,)`` class numbers.
        brightest: the value that becomes 1.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, brightest: int = 255) -> None:
        pixels = torch.as_tensor(np.asarray(images), dtype=torch.uint8)
        pixels = pixels[:, None] if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)
        self.images = pixels.contiguous()
        self.labels = [int(label) for label in labels]
        self.brightest = brightest

    def __len__(self) -> int:
        return len(self.images)

    @property
    def num_classes(self) -> int:
        """Number of classes: the largest class number and one."""
        return max(self.labels) + 1

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.images[index].float() / self.brightest, self.labels[index]


def load(
    name: str, data_dir: str | Path = "data", *, download: bool = False
) -> tuple[Images, Images]:
    """Load the training and test images of a data set.

    Args:
        name: ``"digits"`` (8 x 8, 1,797 images, the last 500 for testing), which comes with
            scikit-learn and needs no folder; or ``"mnist"``, ``"fashionmnist"``, ``"cifar10"``.
        data_dir: torchvision's data folder.
        download: True to let torchvision download missing data.

    Raises:
        DatasetMissingError: the data set is not in ``data_dir``.
    """
    if name == "digits":
        from sklearn.datasets import load_digits

        images, labels = (np.asarray(part) for part in load_digits(return_X_y=True))
        images = images.astype(np.uint8).reshape(-1, 8, 8)
        return Images(images[:-500], labels[:-500], 16), Images(images[-500:], labels[-500:], 16)

    import torchvision

    source = getattr(torchvision.datasets, _TORCHVISION[name])
    try:
        parts = [source(data_dir, train=train, download=download) for train in (True, False)]
    except RuntimeError as error:
        raise DatasetMissingError(
            f"{_TORCHVISION[name]} was not found in {Path(data_dir).resolve()}. "
            "With a network, --download fetches it; or in Python: "
            f"torchvision.datasets.{_TORCHVISION[name]}({str(data_dir)!r}, download=True). "
            "Or give the folder that has it with --data-dir."
        ) from error
    train, test = (Images(np.asarray(part.data), np.asarray(part.targets)) for part in parts)
    return train, test
