"""Gathering of a stream of predictions, joined to samples by their ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from alkit.criteria import Criterion, scores_of
from alkit.errors import NonFiniteError, PredictionError
from alkit.pool.trace import Seen, Watch
from alkit.prediction import Prediction, needs_one_row
from alkit.progress import Bar
from alkit.storage import DEFAULT, DTYPES, Storage

TOGETHER = 8  # batches whose scores are copied at a time


@dataclass(frozen=True, eq=False)
class Gathered:
    """Kept parts of a stream of predictions, in the order of the ids.

    Attributes:
        ids: ``(N,)`` dataset indices, ascending.
        scores: ``(N,)`` scores of each term of the criterion.
        prediction: outputs and features of all samples, where they are kept.
        guesses: ``(N,)`` predicted label of each sample, on the CPU; empty where not kept, as of
            samples with several rows.
        watched: rows of the watched samples.
        bare: ``(N,)`` True for a sample without rows, on the CPU; None for one row per sample.
    """

    ids: Tensor
    scores: list[Tensor] = field(default_factory=list)
    prediction: Prediction | None = None
    guesses: Tensor = field(default_factory=lambda: torch.empty(0))
    watched: Seen | None = None
    bare: Tensor | None = None

    @property
    def kept(self) -> frozenset[str]:
        """Names of the parts that are kept of all samples."""
        names = ("outputs", "features")
        return frozenset(n for n in names if getattr(self.prediction, n, None) is not None)

    @property
    def columns(self) -> list[Tensor]:
        """Scores of the terms, then the outputs and features that are kept."""
        return [*self.scores, *(getattr(self.prediction, name) for name in sorted(self.kept))]

    def guesses_of(self, ids: Tensor) -> np.ndarray | None:
        """Predicted labels of some of the samples, in their order; None where not kept."""
        if not len(self.guesses):
            return None
        return self.guesses[torch.searchsorted(self.ids, ids)].numpy()


def gather(
    predictions: Iterable[Prediction],
    total: int,
    *,
    terms: Iterable[Criterion] = (),
    keep: Set[str] = frozenset(),
    guesses: bool = False,
    watch: Tensor | None = None,
    storage: Storage = DEFAULT,
) -> Gathered:
    """Read a stream of predictions once, and keep scores, outputs, features or guesses.

    Each term is computed chunk by chunk, and stays on the model's device, unless what is kept of
    all samples does not fit there. Memory: O(N) per term; ``N K C`` outputs and ``N D`` features
    only where they are kept.

    Args:
        predictions: predictions of distinct samples, in any order.
        total: the number of samples.
        terms: terms of a criterion to compute.
        keep: ``"outputs"``, ``"features"`` or both, to keep for all samples.
        guesses: True to keep the predicted labels.
        watch: ids of samples of which a bounded number of rows is kept for the trace.
        storage: place of the outputs and features.

    Raises:
        NotEnoughMemoryError: what is to be kept does not fit; raised after the first chunk.
        NonFiniteError: features overflow the type in which they are kept.
    """
    terms = tuple(terms)
    ids = _Column(total)
    columns = [_Column(total) for _ in terms]
    kept: dict[str, Tensor] = {}
    first: Prediction | None = None
    filled = 0
    guessed = _Column(total)
    bare: list[Tensor] = []
    witness = None if watch is None else Watch(watch)
    for prediction in _shown(predictions, total):
        ids.append(prediction.ids.cpu())
        for column, term in zip(columns, terms, strict=True):
            column.append(scores_of(term, prediction))
        if keep and not kept:
            kept, first = _room(prediction, total, keep, storage), prediction
        for name, rows in kept.items():
            part = getattr(prediction, name)
            _check_range(part, rows.dtype)
            rows[filled : filled + len(prediction)] = part
        filled += len(prediction)
        if prediction.owners is not None:
            bare.append((prediction.sizes == 0).cpu())
        elif guesses:
            guessed.append(prediction.guesses.cpu())
        if witness is not None:
            witness.look(prediction)
        del prediction  # its rows are freed before the next batch is predicted
    joined = ids.rows
    whole = None
    if first is not None:
        parts = {name: kept.get(name) for name in ("outputs", "features")}
        whole = replace(first, ids=joined, **parts)
    scores = [column.rows for column in columns]
    held = next(iter(kept.values()), None)
    seen = Gathered(
        joined,
        scores if held is None else [column.to(held.device) for column in scores],
        whole,
        guessed.rows,
        None if witness is None else witness.seen,
        torch.cat(bare) if bare else None,
    )
    ascending = bool((joined[1:] > joined[:-1]).all())
    return seen if ascending else in_order(seen, joined.argsort())


class _Column:
    """Values of all samples, copied into place: kept parts would scatter between freed batches."""

    def __init__(self, total: int) -> None:
        self._total, self._filled = total, 0
        self._rows = torch.empty(0)
        self._parts: list[Tensor] = []  # not copied yet

    def append(self, part: Tensor) -> None:
        self._parts.append(part)
        if len(self._parts) == TOGETHER:
            self._copy()

    def _copy(self) -> None:
        part, self._parts = torch.cat(self._parts), []
        end = self._filled + len(part)
        if not self._filled or end > len(self._rows):
            rows = part.new_empty(max(self._total, 2 * end), *part.shape[1:])
            if self._filled:
                rows[: self._filled] = self._rows[: self._filled]
            self._rows = rows
        self._rows[self._filled : end] = part
        self._filled = end

    @property
    def rows(self) -> Tensor:
        """``(N, ...)`` values so far; a vector without values before the first."""
        if self._parts:
            self._copy()
        return self._rows[: self._filled]


def _shown(predictions: Iterable[Prediction], total: int) -> Iterator[Prediction]:
    with Bar(total, "scoring") as bar:
        for prediction in predictions:
            count = len(prediction)
            yield prediction
            del prediction  # before the next batch is predicted
            bar.update(count)


def in_order(seen: Gathered, order: Tensor) -> Gathered:
    """The same samples in another order."""
    return replace(
        seen,
        ids=seen.ids[order],
        scores=[column[order.to(column.device)] for column in seen.scores],
        prediction=None if seen.prediction is None else seen.prediction[order],
        guesses=seen.guesses[order] if len(seen.guesses) else seen.guesses,
        bare=None if seen.bare is None else seen.bare[order],
    )


def _room(first: Prediction, total: int, keep: Set[str], storage: Storage) -> dict[str, Tensor]:
    """Allocate what is kept of all candidates, in the shape of the first chunk, on one device."""
    if "outputs" in keep and first.owners is not None:
        raise PredictionError(needs_one_row(first))
    rows = {name: getattr(first, name) for name in ("outputs", "features") if name in keep}
    rows = {name: value for name, value in rows.items() if value is not None}
    nbytes = sum(total * value[:1].nbytes for value in rows.values())
    kept = {}
    for name, value in rows.items():
        device = value.device if storage.holds(nbytes, value.device) else torch.device("cpu")
        dtype, held = value.dtype, storage.holds(nbytes, device)
        if name == "features" and storage.dtype is not None and not held:
            dtype = DTYPES[storage.dtype]
        place = storage if held else replace(storage, share=0)
        what = f"the {name} of {total:,} candidates"
        kept[name] = place.empty((total, *value.shape[1:]), dtype, device, what)
    return kept


def _check_range(rows: Tensor, dtype: torch.dtype) -> None:
    """Raise a NonFiniteError if rows overflow another type."""
    if dtype == rows.dtype or not rows.numel():
        return
    largest = float(rows.abs().amax())
    if largest > torch.finfo(dtype).max:
        raise NonFiniteError(
            f"features as large as {largest:.3g} overflow float16: keep them in another type, "
            'strategy.storage = Storage("float32"), or scale them down. Nothing was selected.'
        )
