"""Labels of a pool: those that people gave, else those of the dataset."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from alkit.errors import LabelError
from alkit.pool.annotations import Annotations
from alkit.pool.csv_labels import read_labels
from alkit.pool.gate import Gate
from alkit.pool.labels import (
    ABSENT,
    Describe,
    family,
    form_kind,
    in_form_of,
    other_kind,
    own_kind,
    plain,
)
from alkit.pool.names import Names
from alkit.pool.samples import Samples


class Labeling:
    """The labels of a pool, all of one kind, whoever gives them.

    Args:
        samples: items of the dataset.
        known: state of the pool.
        names: names of the samples.
        gate: check of each label.
    """

    def __init__(self, samples: Samples, known: Annotations, names: Names, gate: Gate) -> None:
        self._samples, self._known, self._names, self._gate = samples, known, names, gate
        self._kind: str | None = None
        self._passed = bytearray(len(samples))  # 1 where the dataset's label is used as it is
        self.allows = gate.allows

    def of(self, index: int, own: object) -> object:
        """Label of a sample: from outside, in the form of the dataset's; else the dataset's own.

        The dataset's own is checked at the first read.

        Raises:
            LabelError: there is none, or the dataset's own is not a label.
        """
        label = self._known.labels.get(index, ABSENT)
        if label is not ABSENT:
            return in_form_of(own, label)
        if self._passed[index]:
            return own
        label = self._gate.own(index, own, self._names.describe)
        self._passed[index] = label is own
        return label

    def read(self, index: int) -> object:
        """Read an item of the dataset, and return the label of this sample."""
        label = self.of(index, self._samples[index][1])
        self._known.note(index, label)
        return label

    @property
    def kind(self) -> str | None:
        """Kind of the labels so far, read from one of them; None if there are none."""
        first = self._known.annotated[:1].tolist()
        if not first:
            self._kind = None
        elif self._kind is None:
            label = self.read(first[0])
            kind = own_kind(label)
            self._kind = f"array of shape {tuple(np.shape(label))}" if kind == "array" else kind  # type: ignore[arg-type]
        return self._kind

    def given(
        self, labels: object, ids: np.ndarray, describe: Describe | None = None
    ) -> list[object]:
        """Labels from people as plain values, one per sample, of the pool's kind."""
        return self._gate.given(labels, ids, self.kind, describe or self._names.describe)

    def own_value(self, index: int) -> Any:
        """Plain label of an annotated sample by the dataset; read again only if it is an array."""
        label = self._known.read.get(index)
        return plain(self.read(index)) if label is None else label

    def named(self, label: Any) -> Any:
        """Name of the class of a label, if the classes have names; otherwise the label."""
        classes = self._gate.classes
        return classes[label] if classes is not None and isinstance(label, int) else label

    def load(
        self,
        ids: np.ndarray,
        rounds: list[int],
        labels: dict[int, object],
        excluded: dict[int, str],
    ) -> None:
        """Replace all annotations by those of a state, if each label is one of this pool."""
        keys = np.array(list(labels), dtype=np.int64)
        values = self._gate.given(list(labels.values()), keys, None, self._names.describe)
        self._known.restore(ids, rounds, dict(zip(labels, values, strict=True)), excluded)
        self._kind = None

    def annotate_own(self, ids: np.ndarray, round: int) -> None:
        """Annotate samples with the dataset's labels, each read once, if all are of one kind.

        Raises:
            LabelError: a sample has no label, or one of another kind; the error names the sample.
        """
        known = self.kind
        self._known.change(ids, round, None)  # first: a label that is not paid for is not looked at
        try:
            self._check_own(ids.tolist(), None if known is None else family(known))
        except BaseException:
            if len(ids):
                self._known.undo()
            raise

    def _check_own(self, ids: list[int], known: str | None) -> None:
        kinds = [own_kind(self.read(index)) for index in ids]
        expected = known or ("float" if "float" in kinds else "".join(kinds[:1]))
        for index, kind in zip(ids, kinds, strict=True):
            if kind != expected and (kind, expected) != ("int", "float"):
                sample = self._names.describe(index)
                raise other_kind(sample, plain(self.read(index)), kind, expected)

    def from_file(
        self, path: str | os.PathLike[str]
    ) -> tuple[np.ndarray, list[object], int | None]:
        """Samples, labels and round of a file, without rows that repeat annotations of the pool."""
        filled = read_labels(path, self._names, len(self._known))
        lines = dict(zip(filled.ids, filled.lines, strict=True))

        def describe(index: int) -> str:
            return f"{filled.path}, line {lines[index]}: {self._names.describe(index)}"

        kind = self.kind
        if kind is None and filled.ids:
            kind = self._form(filled.ids[0])
        labels = self._gate.read(filled.texts, kind)
        ids = np.array(filled.ids, dtype=np.int64)
        news = np.array(
            [not self._repeats(*row) for row in zip(filled.ids, labels, strict=True)], dtype=bool
        )
        ids = self._known.check(ids[news], annotated=False, describe=describe)
        new = [label for label, is_new in zip(labels, news, strict=True) if is_new]
        return ids, self.given(new, ids, describe), filled.round

    def _form(self, index: int) -> str | None:
        """Kind of the dataset's labels by the type of one of them, which people have given."""
        own = self._samples[index][1]
        kind = form_kind(own)
        return None if kind is None or self._gate.is_missing(own) or own != own else kind

    def _repeats(self, index: int, label: object) -> bool:
        if not self._known.is_annotated(index):
            return False
        try:
            label = self._gate.numbered(label, index, self._names.describe)
        except LabelError:
            return False
        return plain(self.read(index)) == label
