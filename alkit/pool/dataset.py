"""The pool: a dataset and its annotations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from alkit.pool.annotations import Annotations, Indices
from alkit.pool.book import Book
from alkit.pool.checks import check_round
from alkit.pool.corrections import Corrections
from alkit.pool.gate import Gate
from alkit.pool.identity import Identity
from alkit.pool.kept import kept_of
from alkit.pool.labeling import Labeling
from alkit.pool.labels import plain
from alkit.pool.ledger import Ledger
from alkit.pool.query import Query
from alkit.pool.reading import Reader
from alkit.pool.samples import PoolView, Samples, Transform, check_transform
from alkit.pool.state import parsed


class ActiveLearningDataset(Corrections, Dataset):
    """A dataset whose samples have a label only once they are annotated.

    All indices in arguments and results are indices of ``dataset``. ``pool[i]`` is ``(x, y)`` if
    sample ``i`` is annotated, and ``x`` alone if it is not, so labels that were not paid for cannot
    be read from the pool. The dataset is not copied. Cost: O(1) per item.

    Args:
        dataset: any map-style dataset of items ``(x, y)``, ``x`` alone (tensor, image) or dicts.
        transform: function applied to ``x`` (or to the dict without its label) for training, after
            the dataset's own transform. Flip masks and boxes there, together with their image.
        scoring_transform: function applied instead of ``transform`` to score or validate a
            sample, so that the pool is never scored under augmentation. Default: ``transform``.
        cache: True to keep decoded items of ``dataset`` in memory after the first read: up to
            ``cache_nbytes`` bytes, as shown by ``repr(pool)``. Each loader worker has its own.
        names: ``(N,)`` names of the samples. They are written to saved queries and states, and
            compared when these are read again.
        label_key: the key of the label in dict items; None if dict items have no label.
        input_key: the key of the model's input in dict items. Default: its arguments' names.
        classes: ``(C,)`` names of the classes in the order of their numbers 0 to C - 1. Labels are
            then one of these names, and become its number, or such a number.
        missing: the label, or a list of labels, that means "not annotated" in the dataset, such as
            -1 or NaN. Otherwise negative class numbers and NaN are refused.
        among: dataset indices, or names, of the samples of the pool. Default: all. The others are
            neither annotated nor unannotated; indices and ``len(pool)`` stay those of the dataset.
        ledger: a Ledger or its path, to keep annotations on disk, under names or indices. Those in
            it are restored.

    Raises:
        ConfigurationError: the dataset is empty or not map-style, or another argument is wrong.
        SampleIndexError: ``among`` is not a list of distinct dataset indices.
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
        classes: Sequence[str] | None = None,
        missing: object = None,
        among: Indices | None = None,
        input_key: str | None = None,
        ledger: Ledger | str | PathLike[str] | None = None,
    ) -> None:
        self._samples = Samples(dataset, cache=cache, label_key=label_key, input_key=input_key)
        self.input_key, self.label_key = input_key, label_key
        self._names = self._samples.named(names)
        inside = self._names.indices(among)
        self._known = Annotations(len(self._samples), inside, self._names.describe)
        gate = Gate(classes, missing)
        self._labels = Labeling(self._samples, self._known, self._names, gate)
        self._identity = Identity(self._samples, self._names, self._known, gate.classes)
        self._book = Book(ledger, self._known, self._labels, self._names, self._identity)
        self._reader = Reader(self._samples, self._known, self._labels)
        check_transform(transform=transform, scoring_transform=scoring_transform)
        self._transform = transform
        self._scoring_transform = transform if scoring_transform is None else scoring_transform
        self.classes = gate.classes
        self.features = kept_of(self._samples.dataset)

    @property
    def names(self) -> list[str] | None:
        """``(N,)`` names of the samples; None if they have none."""
        return self._names.texts

    @property
    def indices(self) -> np.ndarray:
        """Dataset indices of the samples of the pool, ascending, int64, without excluded ones."""
        return self._known.inside

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
        """``(N,)`` round of each sample; -1 if unannotated, -2 if not in ``among``, -3 excluded."""
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
        ids = self._checked(indices, annotated=True)
        return [plain(self._labels.read(index)) for index in ids.tolist()]

    # --- samples ------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._known)

    def __getitem__(self, index: int) -> Any:
        index = self._known.check_one(index)
        return self._reader.read(self._transform, self._known.is_annotated(index), index)

    @property
    def annotated(self) -> PoolView:
        """The annotated samples as they are now, with their labels, for training. O(1)."""
        return self._reader.view(self._known.annotated, self._transform, True)

    @property
    def unannotated(self) -> PoolView:
        """The unannotated samples as they are now, without a label. O(1)."""
        return self._reader.view(self._known.unannotated, self._transform, False)

    def view(self, indices: Indices, *, labels: bool, scoring: bool = False) -> PoolView:
        """The given samples, read lazily, with labels (all must be annotated) or without.

        ``scoring=True`` applies ``scoring_transform`` instead of the training transform.
        """
        ids = self._checked(indices, annotated=True if labels else None)
        transform = self._scoring_transform if scoring else self._transform
        return self._reader.view(ids, transform, labels)

    # --- annotating ---------------------------------------------------------------------------

    def annotate(
        self,
        indices: Indices | PathLike[str],
        labels: object = None,
        *,
        round: int | None = None,
        who: str = "",
    ) -> np.ndarray:
        """Mark samples as annotated, and return their dataset indices; changes all or none.

        Args:
            indices: dataset indices (list, array, tensor, Query), a list of names, or the path of
                a CSV file that ``Query.save`` wrote and people filled in, or of one with the
                columns ``name`` and ``label``. Rows without a label, and rows that repeat
                annotations of the pool, are skipped.
            labels: one label per index: numbers, texts, arrays (a mask, tags, a vector) or dicts of
                boxes. Default: those of the dataset, each read once as a check.
            round: the round that these annotations belong to. Default: that of the query or the
                file, else ``next_round``.
            who: name of who gave the labels, for the ledger. Default: that of the ledger.

        Raises:
            SampleIndexError: indices are out of range, not integers, or repeated; a name is
                unknown or not unique.
            AnnotationError: a sample is annotated already (use ``relabel`` to change its label).
            LabelError: labels have the wrong number or kind, or neither the call nor the dataset
                provides them; a file cannot be read, or its names are not those of the pool.
        """
        self._samples.items.check_length()
        if isinstance(indices, str | PathLike):
            ids, labels, written, asked = self._labels.from_file(indices, labels)
            round = written if round is None else round
        else:
            ids, asked = self._checked(indices, annotated=False), indices
            labels = None if labels is None else self._labels.given(labels, ids)
            if isinstance(indices, Query) and round is None:
                round = indices.round
        round = self.next_round if round is None else check_round(round)
        if labels is None:
            self._labels.annotate_own(ids, round)
        else:
            self._known.change(ids, round, labels)
        self._book.keep(ids, asked, new=True, who=who)
        return ids

    def annotate_random(self, n: int, seed: int | np.random.Generator | None = None) -> np.ndarray:
        """Annotate ``n`` unannotated samples, drawn uniformly, with the dataset's labels.

        Without a seed, each call draws differently. Returns the dataset indices.

        Raises:
            QuerySizeError: ``n`` is not a positive integer, or there are fewer unannotated samples.
            ConfigurationError: the seed is not an integer of at least 0 or a Generator.
        """
        return self.annotate(self._known.draw(n, seed))

    def state_dict(self) -> dict[str, Any]:
        """The annotations as plain values, and a fingerprint of the names or of 16 inputs."""
        return {**self._known.state_dict(), **self._identity.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the result of ``state_dict``; earlier changes can no longer be undone.

        Raises:
            ConfigurationError: the state is damaged, or of another dataset or other ``among``.
            LabelError: a label in it is not one of this pool, or the dataset lacks one.
        """
        annotations = parsed(state, self._known)
        self._identity.check(state, annotations[0])
        self._book.load(*annotations)

    def __repr__(self) -> str:
        nbytes = self.cache_nbytes
        cache = f", caches up to {nbytes / 1e6:.1f} MB" if nbytes else ""
        size = len(self.indices)
        of = "" if size == len(self) else f" of {len(self)}"
        return (
            f"ActiveLearningDataset({size}{of} samples of {type(self._samples.dataset).__name__}"
            f", {self.get_num_annotated()} annotated, next round {self.next_round}{cache})"
        )
