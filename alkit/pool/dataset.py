"""The pool: a dataset and its annotations."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from functools import partial
from os import PathLike
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from alkit.errors import AnnotationError, ConfigurationError, LabelError, SampleIndexError
from alkit.pool.annotations import Annotations, Indices, check_query_size, check_round
from alkit.pool.csv_labels import read_labels
from alkit.pool.labels import fitting_labels, label_kind, plain
from alkit.pool.query import Query
from alkit.pool.samples import PoolView, Samples, Transform
from alkit.seeds import fresh_seed


class ActiveLearningDataset(Dataset):
    """A dataset whose samples have a label only once they are annotated.

    All indices in arguments and results are indices of ``dataset``. ``pool[i]`` is ``(x, y)`` if
    sample ``i`` is annotated, and ``x`` alone if it is not, so labels that were not paid for cannot
    be read from the pool. The dataset is not copied. Cost: O(1) per item, whatever the size of the
    pool.

    Args:
        dataset: any map-style dataset. Its items are ``(x, y)``, ``x`` alone (tensor, array,
            image, ...) or a dict.
        transform: function applied to ``x`` (or to the dict without its label) for training, after
            the dataset's own transform.
        scoring_transform: function applied instead of ``transform`` to score or validate a
            sample, so that the pool is never scored under augmentation. Default: ``transform``.
        cache: True to keep decoded items of ``dataset`` in memory after the first read: up to
            ``cache_nbytes`` bytes, as shown by ``repr(pool)``. Each loader worker has its own.
        names: ``(N,)`` names of the samples for human readers; they appear in a saved query.
        label_key: the key of the label in dict items; None if dict items have no label.

    Raises:
        ConfigurationError: the dataset is empty or not map-style, or the number of names is wrong.
    """

    def __init__(
        self,
        dataset: object,
        *,
        transform: Transform | None = None,
        scoring_transform: Transform | None = None,
        cache: bool = False,
        names: Sequence[str] | None = None,
        label_key: str | None = "label",
    ) -> None:
        self._samples = Samples(dataset, cache=cache, label_key=label_key)
        self._known = Annotations(len(self._samples))
        self._transform = transform
        self._scoring_transform = transform if scoring_transform is None else scoring_transform
        if names is not None and len(names) != len(self):
            raise ConfigurationError(f"expected {len(self)} names, got {len(names)}.")
        self.names = names

    # --- annotations --------------------------------------------------------------------------

    @property
    def annotated_indices(self) -> np.ndarray:
        """Dataset indices of the annotated samples, ascending, int64."""
        return self._known.annotated.copy()

    @property
    def unannotated_indices(self) -> np.ndarray:
        """Dataset indices of the unannotated samples, ascending, int64."""
        return self._known.unannotated.copy()

    @property
    def rounds(self) -> np.ndarray:
        """``(N,)`` round in which each sample was annotated; -1 for unannotated samples."""
        return self._known.rounds.copy()

    @property
    def next_round(self) -> int:
        """Round that the next annotations belong to; 0 while nothing is annotated."""
        return self._known.next_round

    @property
    def cache_nbytes(self) -> int:
        """Bytes of all inputs in a full cache, estimated from the first one; 0 without a cache."""
        return self._samples.cache_nbytes

    def get_num_annotated(self) -> int:
        """Return the number of annotated samples."""
        return len(self._known.annotated)

    def labels_of(self, indices: Indices) -> list[Any]:
        """The labels of annotated samples as plain values; reads one item of the dataset each.

        Raises:
            SampleIndexError: indices are out of range, not integers, or repeated.
            AnnotationError: a sample is not annotated.
        """
        ids = self._known.check(indices, annotated=True)
        return [plain(self._label(index)) for index in ids.tolist()]

    # --- samples ------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._known)

    def __getitem__(self, index: int) -> Any:
        try:
            index = operator.index(index)
        except TypeError:
            raise SampleIndexError(f"expected one dataset index, got {index!r}.") from None
        if not 0 <= index < len(self):
            raise SampleIndexError(f"dataset indices run from 0 to {len(self) - 1}, got {index}.")
        return self._read(self._transform, self._known.is_annotated(index), index)

    @property
    def annotated(self) -> PoolView:
        """The annotated samples as they are now, with their labels, for training. O(1)."""
        return self._view(self._known.annotated, self._transform, True)

    @property
    def unannotated(self) -> PoolView:
        """The unannotated samples as they are now, without a label. O(1)."""
        return self._view(self._known.unannotated, self._transform, False)

    def view(self, indices: Indices, *, labels: bool, scoring: bool = False) -> PoolView:
        """The given samples, read lazily, with labels (all must be annotated) or without.

        ``scoring=True`` applies ``scoring_transform`` instead of the training transform.
        """
        ids = self._known.check(indices, annotated=True if labels else None)
        transform = self._scoring_transform if scoring else self._transform
        return self._view(ids, transform, labels)

    def _view(self, ids: np.ndarray, transform: Transform | None, labels: bool) -> PoolView:
        read, stack = (partial(how, transform, labels) for how in (self._read, self._stack))
        return PoolView(ids, read, stack)

    def _read(self, transform: Transform | None, labels: bool, index: int) -> object:
        if labels and not self._known.is_annotated(index):
            raise AnnotationError(f"sample {index} of this view is no longer annotated.")
        x, label = self._samples[index]
        x = x if transform is None else transform(x)
        if not labels:
            return x
        return self._samples.join(x, self._known.label(index, label))

    def _stack(self, transform: Transform | None, labels: bool, indices: np.ndarray) -> object:
        """A batch as a loader would collate it, if one read is enough; else None."""
        one_by_one = transform is not None or (labels and self._known.labels)
        if one_by_one or (labels and (self._known.rounds[indices] < 0).any()):
            return None  # reading one by one reports a sample that is no longer annotated
        return self._samples.stacked(indices, labels)

    # --- annotating ---------------------------------------------------------------------------

    def annotate(
        self, indices: Indices | PathLike[str], labels: object = None, *, round: int | None = None
    ) -> np.ndarray:
        """Mark samples as annotated, and return their dataset indices; changes all or none.

        Args:
            indices: dataset indices (list, array, tensor, Query), or the path of a CSV file that
                ``Query.save`` wrote and people filled in. Rows without a label, and rows that
                repeat annotations of the pool, are skipped.
            labels: one label per index. Default: those of the dataset, each read once as a check.
            round: the round that these annotations belong to. Default: that of the query or the
                file, else ``next_round``.

        Raises:
            SampleIndexError: indices are out of range, not integers, or repeated.
            AnnotationError: a sample is annotated already (use ``relabel`` to change its label).
            LabelError: labels have the wrong number or type, or neither the call nor the dataset
                provides them.
        """
        if isinstance(indices, str | PathLike):
            if labels is not None:
                raise LabelError("pass a file of labels, or indices and labels, not both.")
            indices, labels, file_round = read_labels(indices)
            indices, labels = self._news(indices, labels)
            round = file_round if round is None else round
        elif isinstance(indices, Query) and round is None:
            round = indices.round
        ids = self._known.check(indices, annotated=False)
        round = self.next_round if round is None else check_round(round)
        if labels is not None:
            labels = fitting_labels(labels, ids, self._kind)
        else:
            for index in ids.tolist():
                self._label(index)
        self._known.change(ids, round, labels)
        return ids

    def annotate_random(self, n: int, seed: int | np.random.Generator | None = None) -> np.ndarray:
        """Annotate ``n`` unannotated samples, drawn uniformly, with the dataset's labels.

        Without a seed, each call draws differently. Returns the dataset indices.

        Raises:
            QuerySizeError: ``n`` is not a positive integer, or there are fewer unannotated samples.
        """
        n = check_query_size(n, len(self._known.unannotated))
        rng = np.random.default_rng(fresh_seed() if seed is None else seed)
        return self.annotate(rng.choice(self._known.unannotated, size=n, replace=False))

    def relabel(self, indices: Indices, labels: object) -> np.ndarray:
        """Change the labels of annotated samples, not their rounds, and return the indices."""
        ids = self._known.check(indices, annotated=True)
        labels = fitting_labels(labels, ids, self._kind)
        self._known.change(ids, self._known.rounds[ids], labels)
        return ids

    def undo(self) -> np.ndarray:
        """Undo the last annotation or relabeling, and return the indices that it had changed."""
        return self._known.undo()

    def _label(self, index: int) -> object:
        return self._known.label(index, self._samples[index][1])

    @property
    def _kind(self) -> str | None:
        """The kind of the labels so far; None if there are none."""
        first = self._known.annotated[:1].tolist()
        return label_kind(self._label(first[0])) if first else None

    def _news(self, ids: list[int], labels: list[Any]) -> tuple[list[int], list[Any]]:
        """The rows of a file that do not merely repeat annotations of the pool."""
        known = set(self._known.annotated.tolist())
        rows = zip(ids, labels, strict=True)
        news = [(i, y) for i, y in rows if i not in known or plain(self._label(i)) != y]
        return [i for i, _ in news], [y for _, y in news]

    def state_dict(self) -> dict[str, Any]:
        """The annotated samples, their rounds and labels from outside, as plain values."""
        return self._known.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the result of ``state_dict``; earlier changes can no longer be undone."""
        self._known.load_state_dict(state)

    def __repr__(self) -> str:
        nbytes = self.cache_nbytes
        cache = f", caches up to {nbytes / 1e6:.1f} MB" if nbytes else ""
        return (
            f"ActiveLearningDataset({len(self)} samples of {type(self._samples.dataset).__name__}"
            f", {self.get_num_annotated()} annotated, next round {self.next_round}{cache})"
        )
