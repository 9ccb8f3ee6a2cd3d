"""Labels of a pool: those that people gave, else those of the dataset."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from alkit.errors import LabelError
from alkit.pool.annotations import Annotations
from alkit.pool.boxes import BOXES, are_boxes
from alkit.pool.csv_labels import Origins, read_labels
from alkit.pool.fitting import other_kind
from alkit.pool.form import Form, form_of, in_form_of, is_dense, kind_with_shape
from alkit.pool.gate import Gate
from alkit.pool.labels import (
    ABSENT,
    Describe,
    family,
    own_kind,
    plain,
)
from alkit.pool.names import Names
from alkit.pool.samples import Samples
from alkit.pool.shapes import LIKE_THE_INPUT, fits

PROBES = 16  # labels of the dataset that show whether it has those of a state


class Labeling:
    """The labels of a pool, all of one kind, whoever gives them.

    Args:
        samples: items of the dataset.
        known: state of the pool.
        names: names of the samples.
        gate: check of each label.
    """

    def __init__(self, samples: Samples, known: Annotations, names: Names, gate: Gate) -> None:
        self._samples, self._known, self._names, self.gate = samples, known, names, gate
        self._kind: str | None = None
        self._dense: bool | None = None
        self._own_form: Form | None = None
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
            return in_form_of(own, label) if label != [] else self._no_rows(own)
        if self._passed[index]:
            return own
        label = self.gate.own(index, own, self._names.describe)
        self._passed[index] = label is own
        return label

    def _no_rows(self, own: object) -> object:
        """The label ``[]`` in the form of the dataset's own, with the columns of other labels."""
        other = next((label for label in self._known.labels.values() if label != []), [])
        if other and isinstance(other[0], dict):
            return []
        return in_form_of(own, []).reshape(0, *np.shape(other)[1:])

    def read(self, index: int) -> object:
        """Read an item of the dataset, and return the label of this sample."""
        return self._item(index)[1]

    def _item(self, index: int) -> tuple[Any, Any]:
        """Input and label of a sample, read from the dataset."""
        x, own = self._samples[index]
        label = self.of(index, own)
        self._known.note(index, label)
        return x, label

    @property
    def kind(self) -> str | None:
        """Kind of the labels so far, read from one of them; None if there are none."""
        first = self._known.annotated[:PROBES].tolist()
        self._kind = self._kind if first else None
        while first and self._kind in (None, BOXES):  # without boxes, their unit is not known
            x, label = self._item(first.pop(0))
            self._kind, self._dense = kind_with_shape(label), is_dense(label, x)
        return self._kind

    def given(
        self, labels: object, ids: np.ndarray, describe: Describe | None = None
    ) -> list[object]:
        """Labels from people as plain values, one per sample, of the pool's kind.

        The form of the dataset's own is that of one sample that has just got a label.
        """
        describe = describe or self._names.describe
        return self.gate.given(labels, ids, self.form(ids), describe, self.input_of)

    def input_of(self, index: int) -> object:
        """Input of a sample; None if it cannot be read now."""
        try:
            return self._samples[index][0]
        except Exception:  # it must not cost an answer
            return None

    def stored(self, labels: dict[int, object], keys: np.ndarray) -> list[object]:
        """Labels of a state as plain values, if each is one of this pool."""
        values, describe = list(labels.values()), self._names.describe
        return self.gate.stored(values, keys, Form(), describe, self.input_of)

    def own_value(self, index: int) -> Any:
        """Plain label of an annotated sample by the dataset; read again only if it is an array."""
        label = self._known.read.get(index)
        return plain(self.read(index)) if label is None else label

    def named(self, label: Any) -> Any:
        """A label, or that of each box, as the name of its class if the classes have names."""
        classes = self.gate.classes
        if classes is not None and are_boxes(label):
            return {**label, "labels": [classes[number] for number in label["labels"]]}
        return classes[label] if classes is not None and isinstance(label, int) else label

    def load(
        self,
        ids: np.ndarray,
        rounds: list[int],
        labels: dict[int, object],
        excluded: dict[int, str],
    ) -> None:
        """Replace all annotations by those of a state, if each label is one of this pool.

        Of the dataset's own labels, up to 16 are read, evenly spread.
        """
        keys = np.array(list(labels), dtype=np.int64)
        values = self.stored(labels, keys)
        own = ids[~np.isin(ids, keys)]
        for index in own[:: max(1, len(own) // PROBES)].tolist():
            try:
                label = self._samples[index][1]
            except OSError:  # an item that cannot be read now must not cost the annotations
                continue
            self.gate.own(index, label, self._names.describe)
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
        kinds, dense = [], []
        for index in ids:
            x, label = self._item(index)
            kinds.append(own_kind(label))
            dense.append(is_dense(label, x) if getattr(label, "ndim", 0) > 1 else None)
            if are_boxes(label):
                self.gate.check_inside(index, label, x, self._names.describe)
        if False in dense and dense.count(True) > dense.count(False):  # most are masks
            index = ids[dense.index(False)]
            label = plain(self.read(index))
            kind = f"array of shape {np.shape(label)}"
            raise other_kind(self._names.describe(index), label, kind, LIKE_THE_INPUT)
        several = [kind for kind in kinds if kind != BOXES] or kinds
        expected = known or ("float" if "float" in kinds else "".join(several[:1]))
        for index, kind in zip(ids, kinds, strict=True):
            if not fits(kind, expected):
                sample = self._names.describe(index)
                raise other_kind(sample, plain(self.read(index)), kind, expected)

    def from_file(
        self, path: str | os.PathLike[str], labels: object = None
    ) -> tuple[np.ndarray, list[object], int | None, Origins]:
        """Samples, labels, round and origins of a file, without rows that repeat annotations."""
        if labels is not None:
            raise LabelError(
                "pass a file of labels, or indices and labels, not both; a single name must be in "
                f"a list, [{os.fspath(path)!r}]."
            )
        filled = read_labels(path, self._names, len(self._known))
        lines = dict(zip(filled.ids, filled.lines, strict=True))

        def describe(index: int) -> str:
            return f"{filled.path}, line {lines[index]}: {self._names.describe(index)}"

        ids = np.array(filled.ids, dtype=np.int64)
        kind = self.form(ids).kind
        labels = self.gate.read(filled.texts, kind)
        news = np.array(
            [not self._repeats(*row) for row in zip(filled.ids, labels, strict=True)], dtype=bool
        )
        ids = self._known.check(ids[news], annotated=False, describe=describe)
        new = [label for label, is_new in zip(labels, news, strict=True) if is_new]
        origins = Origins(origin for origin, is_new in zip(filled.origins, news) if is_new)
        return ids, self.given(new, ids, describe), filled.round, self.with_guesses(origins, kind)

    def with_guesses(self, origins: Origins, kind: str | None) -> Origins:
        """Rows of a file with the model's guesses as labels are stored."""
        return Origins(
            {**origin, "guess": self._guess(origin["guess"], kind)} if "guess" in origin else origin
            for origin in origins
        )

    def _guess(self, text: str, kind: str | None) -> Any:
        (guess,) = self.gate.read([text], kind)
        try:
            return self.named(self.gate.numbered(guess, 0, self._names.describe))
        except LabelError:
            return text  # a class of another time

    def form(self, ids: np.ndarray) -> Form:
        """Form of the pool's labels, as far as it is known."""
        own = self._form(ids)
        kind = self.kind
        return Form(kind or own.kind, own.dtype, own.dense if kind is None else self._dense)

    def _form(self, ids: np.ndarray) -> Form:
        """Form of the dataset's labels, by that of the first of some samples with given labels."""
        if self._own_form is None and len(ids):
            index = ids.item(0)
            try:
                x, own = self._samples[index]
                self._own_form = form_of(self.gate.own(index, own, self._names.describe), x)
            except Exception:  # no label, or an item that cannot be read now, tells nothing
                return Form()
        return self._own_form or Form()

    def _repeats(self, index: int, label: object) -> bool:
        if not self._known.is_annotated(index):
            return False
        try:
            label = self.gate.numbered(label, index, self._names.describe)
        except LabelError:
            return False
        return plain(self.read(index)) == label
