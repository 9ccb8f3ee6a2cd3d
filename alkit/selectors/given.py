"""Given features: one row of numbers per sample."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from alkit.errors import FeaturesError
from alkit.selectors.fixed import Fixed
from alkit.selectors.geometry.points import Metric


class Given(Fixed):
    """Features that are given: one row of numbers per sample of the dataset, in its order.

        al.selectors.KCenter(space=Given(embeddings))
        al.selectors.KCenter(space=Given("embeddings.npy"))

    Also for ``al.select``. Cost: a copy of 4 N D bytes, and a checksum of rows in memory at each
    query, about 0.02 s per 100 MB; a ``.npy`` file is read by parts.

    Args:
        rows: ``(N, D)``: an array, a tensor, nested lists, or the path of a ``.npy`` file.
        names: ``(N,)`` names of the rows, or the path of a text file with one per line, which are
            compared with those of the samples. Default: the file beside a ``.npy`` file with the
            suffix ``.txt``, if there is one.
        metric, normalize: see ``Fixed``.

    Raises:
        FeaturesError: the rows are not numbers ``(N, D)``, or there is no such file; at a query,
            their number or names are not those of the samples, a row of a sample is NaN or
            infinite, or all rows are the same.
    """

    def __init__(
        self,
        rows: ArrayLike | Tensor | str | os.PathLike[str],
        names: Sequence[str] | str | os.PathLike[str] | None = None,
        *,
        metric: Metric = "euclidean",
        normalize: bool = True,
    ) -> None:
        super().__init__(metric, normalize)
        self.array: Any = None
        self.path = Path(rows).absolute() if isinstance(rows, str | os.PathLike) else None
        if self.path is None:
            self.array = _numbers(rows)
        elif not self.path.exists():
            raise FeaturesError(f"there is no file {self.path}: write it with numpy.save.")
        self.names: Any = names
        if isinstance(names, str | os.PathLike):
            self.names = Path(names).absolute()
        elif names is not None:
            self.names = list(names)

    @property
    def words(self) -> str:
        return f"as given, {self!r}"

    def __repr__(self) -> str:
        what = repr(self.path.name) if self.path is not None else str(tuple(self.array.shape))
        return self._shown(what)


def _numbers(rows: Any) -> Any:
    """Rows as an array or tensor of numbers ``(N, D)``, not copied; what is masked is NaN."""
    if isinstance(rows, np.ma.MaskedArray) and rows.dtype.kind in "fiu":
        rows = np.ma.filled(rows.astype(np.float64), np.nan)
    try:
        array = rows.detach() if isinstance(rows, Tensor) else np.asarray(rows)
    except (TypeError, ValueError) as error:
        raise FeaturesError(f"features must be numbers (N, D), got lists: {error}.") from error
    real = array.dtype.kind in "fiu" if isinstance(array, np.ndarray) else not array.is_complex()
    sparse = isinstance(array, Tensor) and array.layout != torch.strided
    if not real or sparse or array.ndim != 2 or 0 in array.shape:
        raise FeaturesError(
            f"features must be numbers (N, D), one row per sample, got {array.dtype} of shape "
            f"{tuple(array.shape)}{', sparse' if sparse else ''}."
        )
    return array
