"""Dataset of the strategies' laws, whose labels are poisoned until they are paid for."""

from __future__ import annotations

from typing import Any, NoReturn

import torch
from torch import Tensor
from torch.utils.data import Dataset

from alkit.pool import ActiveLearningDataset


class Clusters(Dataset):
    """Items ``(x, y)`` from three clusters in the plane.

    Once ``pool`` is set, the labels of its unannotated samples are poisoned: those of items raise
    when they are used, and those of the attributes ``targets``, ``labels`` and ``y`` are wrong.
    """

    def __init__(self, n: int, *, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self._true = torch.arange(n) % 3
        centers = torch.tensor([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])
        self.x = centers[self._true] + torch.randn(n, 2, generator=generator)
        self.pool: ActiveLearningDataset | None = None

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> tuple[Tensor, Any]:
        unpaid = self.pool is not None and self.pool.rounds[index] < 0
        return self.x[index], Poisoned() if unpaid else int(self._true[index])

    @property
    def targets(self) -> Tensor:
        """Class numbers ``(N,)``, under the names that data sets usually have for them."""
        if self.pool is None:
            return self._true.clone()
        unpaid = torch.from_numpy(self.pool.rounds < 0)
        return torch.where(unpaid, (self._true + 1) % 3, self._true)

    labels = y = targets


class Poisoned:
    """Label that can be passed on, but raises when it is used."""

    def _raise(self, *_: object) -> NoReturn:
        raise RuntimeError("the label of an unannotated sample was used.")

    __bool__ = __int__ = __index__ = __float__ = __eq__ = __hash__ = __repr__ = _raise
    __lt__ = __gt__ = __add__ = __sub__ = __mul__ = __len__ = __iter__ = __getitem__ = _raise
