"""The pool: a dataset, and what is known of its labels."""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from alkit.errors import AnnotationError, ConfigurationError, LabelError, SampleIndexError
from alkit.pool.annotations import Annotations, check_query_size, check_round
from alkit.pool.csv_labels import read_labels
from alkit.pool.labels import fitting_labels, label_kind, plain
from alkit.pool.query import Query
from alkit.pool.samples import PoolView, Samples, Transform


class ActiveLearningDataset(Dataset):
    """A dataset of which some samples are annotated, and only those have a label.

    Every index that goes in or comes out is an index of ``dataset``. ``pool[i]`` is ``(x, y)``
    when sample ``i`` is annotated and ``x`` alone when it is not: a label that nobody paid for
    cannot be read from here. Nothing of the dataset is copied; an item costs O(1) whatever the
    size of the pool.

    Args:
        dataset: any map-style dataset. Its items are ``(x, y)``, ``x`` alone (tensor, array,
            image, ...) or a dict.
        transform: applied to ``x`` (or to the dict without its label) for training, after the
            dataset's own transform.
        scoring_transform: applied instead of ``transform`` when a sample is scored or validated,
            so that the pool is never scored under augmentation. Default: ``transform``.
        cache: keep decoded items of ``dataset`` in memory once they were read: up to
            ``cache_nbytes`` bytes, as ``repr(pool)`` states. Loader workers have one each.
        names: ``(N,)`` names of the samples, for people; they appear in a saved query.
        label_key: the key of the label in dict items; None says that dict items have no label.

    Raises:
        ConfigurationError: no map-style dataset, an empty one, or a wrong number of names.
    """

    def __init__(
        self,
        dataset: Any,
        *,
        transform: Transform | None = None,
        scoring_transform: Transform | None = None,
        cache: bool = False,
        names: Sequence[str] | None = None,
        label_key: str | None = "label",
    ) -> None:
        self._samples = Samples(dataset, cache=cache, label_key=label_key)
        self._known = Annotations(len(dataset))
        self._transform = transform
        self._scoring_transform = transform if scoring_transform is None else scoring_transform
        if names is not None and len(names) != len(self):
            raise ConfigurationError(f"expected {len(self)} names, got {len(names)}.")
        self.names = names

    # --- what is known ------------------------------------------------------------------------

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
        """``(N,)`` the round in which each sample was annotated; -1 for the unannotated."""
        return self._known.rounds.copy()

    @property
    def next_round(self) -> int:
        """The round that the next annotations belong to; 0 while nothing is annotated."""
        return self._known.next_round

    @property
    def cache_nbytes(self) -> int:
        """Bytes of all inputs in a full cache, estimated from the first one; 0 without a cache."""
        return self._samples.cache_nbytes

    def get_num_annotated(self) -> int:
        """How many samples are annotated."""
        return len(self._known.annotated)

    def labels_of(self, indices: Any) -> list[Any]:
        """The labels of annotated samples, as plain values; reads one item of the dataset each.

        Raises:
            SampleIndexError: out of range, no integers, or repeated.
            AnnotationError: one of them is not annotated.
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

    def view(self, indices: Any, *, labels: bool, scoring: bool = False) -> PoolView:
        """Chosen samples, read lazily: with labels (all must be annotated) or without.

        ``scoring`` takes ``scoring_transform`` in place of the training transform.
        """
        ids = self._known.check(indices, annotated=True if labels else None)
        transform = self._scoring_transform if scoring else self._transform
        return self._view(ids, transform, labels)

    def _view(self, ids: np.ndarray, transform: Transform | None, labels: bool) -> PoolView:
        read, stack = (partial(how, transform, labels) for how in (self._read, self._stack))
        return PoolView(ids, read, stack)

    def _read(self, transform: Transform | None, labels: bool, index: int) -> Any:
        if labels and not self._known.is_annotated(index):
            raise AnnotationError(f"sample {index} of this view is not annotated any more.")
        x, label = self._samples[index]
        x = x if transform is None else transform(x)
        if not labels:
            return x
        return self._samples.join(x, self._known.label(index, label))

    def _stack(self, transform: Transform | None, labels: bool, indices: np.ndarray) -> Any:
        """A batch as a loader would collate it, where that takes one read; else None."""
        one_by_one = transform is not None or (labels and self._known.labels)
        if one_by_one or (labels and (self._known.rounds[indices] < 0).any()):
            return None  # what is not annotated any more is named when it is read
        return self._samples.stacked(indices, labels)

    # --- annotating ---------------------------------------------------------------------------

    def annotate(self, indices: Any, labels: Any = None, *, round: int | None = None) -> np.ndarray:
        """Mark samples as annotated, and return their dataset indices; all or none of them.

        Args:
            indices: dataset indices (list, array, tensor, a Query), or the path of a CSV file
                that ``Query.save`` wrote and people filled in. Its rows without a label wait, and
                those that the pool knows already are passed over.
            labels: one label an index. Default: those of the dataset, read once to see them.
            round: the round that these annotations belong to. Default: that of the query or the
                file, else ``next_round``.

        Raises:
            SampleIndexError: out of range, no integers, or repeated.
            AnnotationError: annotated already (``relabel`` changes a label).
            LabelError: a wrong number or type of labels, or none where the dataset has none.
        """
        if isinstance(indices, str | os.PathLike):
            if labels is not None:
                raise LabelError("give a file of labels, or indices and labels, not both.")
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
        """Annotate ``n`` of the unannotated samples, drawn uniformly, with the dataset's labels.

        Without a seed the draw differs from call to call. Returns their dataset indices.

        Raises:
            QuerySizeError: ``n`` is no positive integer, or more than is left.
        """
        n = check_query_size(n, len(self._known.unannotated))
        rng = np.random.default_rng(seed)
        return self.annotate(rng.choice(self._known.unannotated, size=n, replace=False))

    def relabel(self, indices: Any, labels: Any) -> np.ndarray:
        """Change the labels of annotated samples; their rounds stay. Returns the indices."""
        ids = self._known.check(indices, annotated=True)
        labels = fitting_labels(labels, ids, self._kind)
        self._known.change(ids, self._known.rounds[ids], labels)
        return ids

    def undo(self) -> np.ndarray:
        """Take back the last annotation or relabeling; returns the indices that it had changed."""
        return self._known.undo()

    def _label(self, index: int) -> Any:
        return self._known.label(index, self._samples[index][1])

    @property
    def _kind(self) -> str | None:
        """The kind of the labels so far."""
        first = self._known.annotated[:1].tolist()
        return label_kind(self._label(first[0])) if first else None

    def _news(self, ids: list[int], labels: list[Any]) -> tuple[list[int], list[Any]]:
        """The rows of a file that do not just repeat what the pool knows already."""
        known = set(self._known.annotated.tolist())
        rows = zip(ids, labels, strict=True)
        news = [(i, y) for i, y in rows if i not in known or plain(self._label(i)) != y]
        return [i for i, _ in news], [y for _, y in news]

    # --- state --------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """What is annotated, since when, and the labels from outside: plain values, no data."""
        return self._known.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take on what ``state_dict`` gave; ``undo`` cannot go back behind it."""
        self._known.load_state_dict(state)

    def __repr__(self) -> str:
        nbytes = self.cache_nbytes
        cache = f", caches up to {nbytes / 1e6:.1f} MB" if nbytes else ""
        return (
            f"ActiveLearningDataset({len(self)} samples of {type(self._samples.dataset).__name__}"
            f", {self.get_num_annotated()} annotated, next round {self.next_round}{cache})"
        )
