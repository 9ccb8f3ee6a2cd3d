"""Predictions of a model for N candidates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from alkit.errors import PredictionError
from alkit.prediction.checks import (
    checked_features,
    checked_ids,
    checked_outputs,
    look_like_probabilities,
    numbers_of,
)
from alkit.prediction.chunks import rows_of_a_chunk
from alkit.prediction.probabilities import (
    STRUCTURES,
    OutputKind,
    Task,
    checked_task,
)
from alkit.prediction.rows import in_order, part_of, rows_of
from alkit.prediction.structures import Structures
from alkit.prediction.values import Checked
from alkit.storage import some


@dataclass(frozen=True, eq=False)
class Prediction(Checked, Structures):
    """A model's outputs for N candidates, with the ids of these candidates.

    Shape letters used everywhere: N candidates, K posterior samples (1 for a plain network), C
    classes (or target dimensions), D features, always in the order ``(N, K, C)``.

    A structured output has M rows ``(M, K, C)``, such as pixels, tokens or boxes, and the sample
    that owns each; a sample may own none. ``Prediction.segmentation``, ``.tokens``, ``.keypoints``
    and ``.detection`` make it.

    Args:
        outputs: outputs ``(N, K, C)``; ``(N, C)`` means ``K = 1``. They are always detached. None
            if only features are known. With owners, the rows ``(M, K, C)``.
        ids: ``(N,)`` dataset indices of the samples; default ``0 .. N - 1``. Scores are joined to
            samples by these ids, never by the order of a loader.
        kind: the kind of the outputs: ``"logits"``, ``"probabilities"``, ``"log_probabilities"``
            or ``"values"`` (regression). Default: ``"logits"``, unless the rows look like
            probabilities, which is an error.
        features: ``(N, D)`` latent features of the candidates, if needed.
        task: the meaning of the columns: ``"multiclass"``, C exclusive classes; ``"binary"``, one
            column; ``"multilabel"``, C independent labels; ``"regression"``, C values. With owners,
            the rows: ``"segmentation"``, ``"tokens"``, ``"detection"``, ``"keypoints"`` or
            ``"rows"``. Default: that of the kind, or ``"rows"``.
        owners: ``(M,)`` position among the N samples of the owner of each row; needs ids. Rows are
            sorted by owner. Default: one row per sample.
        normal: True if the 2K values are K normal distributions, all ``mean - sd`` and then all
            ``mean + sd``; ``Prediction.regression`` makes them.

    Raises:
        PredictionError: shapes do not match, ids are repeated, negative or not integers, the kind
            or task is unknown, the two contradict each other, or "probabilities" are negative or
            do not sum to one.
        NonFiniteError: the outputs or features contain NaN or an infinity (log-probabilities may
            be minus infinity).

    A single column of logits, or of (log-)probabilities, is the binary case: ``probabilities``
    then has the two columns ``(1 - p, p)``. Independent labels are as many binary cases: see
    ``rows``.
    """

    outputs: Tensor | None = None
    ids: Tensor = None  # type: ignore[assignment]  # 0 .. N - 1 unless given
    kind: OutputKind = None  # type: ignore[assignment]  # logits unless given
    features: Tensor | None = None
    task: Task = None  # type: ignore[assignment]  # follows from the kind unless given
    owners: Tensor | None = None
    normal: bool = False

    def __post_init__(self) -> None:
        declared = self.kind is not None
        self._set("kind", self.kind if declared else "logits")
        self._set("task", checked_task(self.kind, self.task, owned=self.owners is not None))
        self._set("ids", checked_ids(self.ids, self._count()))
        if self.outputs is not None:
            outputs = checked_outputs(self.outputs)
            if self.owners is not None:
                owners, outputs = in_order(self.owners, outputs, len(self.ids))
                self._set("owners", owners)
            self._set("outputs", outputs)
            self._check_task(outputs)
            several = outputs.shape[-1] > 1 and self.task not in ("multilabel", "regression")
            if not declared and several and look_like_probabilities(outputs):
                raise PredictionError(
                    "The kind of the outputs was not declared, and each row is non-negative and "
                    'sums to one. Declare kind="probabilities", or outputs="probabilities" of a '
                    'strategy (or "logits" if they are logits).'
                )
            if not self.unread:
                self._check_values(outputs)
        else:
            self._set("owners", None)
        if self.features is not None:
            self._set("features", checked_features(self.features, self.ids))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _count(self) -> int:
        """Number of samples, from the ids if the rows have owners."""
        if self.owners is not None and self.outputs is not None:
            if self.ids is None:
                raise PredictionError("rows with owners need the ids (N,) of the N samples.")
            return len(numbers_of(self.ids, "ids"))
        if self.ids is None:
            self._set("ascending", True)
        return len(numbers_of(held_by(self), "features" if self.outputs is None else "outputs"))

    def _check_task(self, outputs: Tensor) -> None:
        """Check that rows have owners if the task needs them, and that two classes are binary."""
        if (self.task in STRUCTURES) != (self.owners is not None):
            raise PredictionError(
                f'the task "{self.task}" has '
                f"{'one row per sample' if self.owners is not None else 'rows with owners'}: make "
                "it by al.Prediction.segmentation, .tokens, .keypoints or .detection, or give "
                'owners= and task="rows".'
            )
        if self.task == "binary":
            if outputs.shape[-1] != 1:
                raise PredictionError(
                    f'the task "binary" has one column, got {outputs.shape[-1]}: two columns are '
                    'of the task "multiclass".'
                )
            self._set("task", "multiclass")

    def __len__(self) -> int:
        return self.ids.shape[0]

    @cached_property
    def ascending(self) -> bool:
        """True if the ids are strictly increasing."""
        return bool((self.ids[1:] > self.ids[:-1]).all())

    def rows(self) -> Prediction:
        """All M rows as candidates of their own, without features; itself if none has a unit.

        The rows of a sample follow each other and have its id. A label is a row with one column.
        """
        if not self.unit:
            return self
        ids, outputs = rows_of(self)
        task = "regression" if self.kind == "values" else "multiclass"
        return unchecked(ids, outputs, self.kind, None, task)

    def chunks(self) -> Iterator[Prediction]:
        """Consecutive chunks of samples whose temporaries fit in a processor's cache; at least one.

        A row-wise function gives the same result for any chunk size. A sample's rows stay together.
        Outputs that are not checked yet are checked here, each chunk before it is yielded.
        """
        rows = rows_of_a_chunk(held_by(self))
        if self.owners is not None:
            rows = max(rows * len(self) // max(len(self.owners), 1), 1)
        if len(self) <= rows:
            self.check()
            yield self
            return
        for start in range(0, len(self), rows):
            chunk = self[start : start + rows]
            if self.unread and not self._passes(chunk._needed_outputs()):
                self.check()
            yield chunk
        self._set("unread", False)

    def __getitem__(self, rows: Tensor | slice) -> Prediction:
        """The prediction for some rows (positions, a boolean mask or a slice), not rechecked.

        Positions and a mask may be on any device: ids are often on the CPU while outputs are not.
        """
        ids = self.ids[rows.to(self.ids.device) if isinstance(rows, Tensor) else rows]
        if ids.ndim != 1:
            raise PredictionError(f"rows must be positions, a mask or a slice, got {rows!r}.")
        owners = None
        if self.owners is not None and self.outputs is not None:
            outputs, owners = part_of(self, rows)
        else:
            outputs = None if self.outputs is None else some(self.outputs, rows)
        features = None if self.features is None else some(self.features, rows)
        part = unchecked(ids, outputs, self.kind, features, self.task, owners, self.normal)
        if isinstance(rows, slice) and self.__dict__.get("ascending"):
            part._set("ascending", True)  # a slice of a tensor cannot run backwards
        return part


def read_in_chunks(outputs: Tensor, ids: Tensor, kind: OutputKind) -> Prediction:
    """A prediction whose outputs are checked chunk by chunk, as its ``chunks`` are read.

    Each chunk is then scored while it is in the processor's cache. The caller must call ``check``
    at the end, and after an error before it is passed on: unless every chunk was read, all outputs
    are then checked. Errors are those of the constructor.
    """
    later = object.__new__(Prediction)
    later._set("unread", True)
    later.__init__(outputs, ids, kind)  # type: ignore[misc]
    return later


def unchecked(
    ids: Tensor,
    outputs: Tensor | None,
    kind: OutputKind,
    features: Tensor | None,
    task: Task,
    owners: Tensor | None = None,
    normal: bool = False,
) -> Prediction:
    part = object.__new__(Prediction)
    part.__dict__.update(
        outputs=outputs, ids=ids, kind=kind, features=features, task=task, owners=owners,
        normal=normal,
    )  # fmt: skip
    return part


def held_by(prediction: Prediction) -> Tensor:
    """Return the outputs of a prediction, or its features if it has only these."""
    held = prediction.features if prediction.outputs is None else prediction.outputs
    if held is None:
        raise PredictionError("a prediction needs outputs (N, K, C) or features (N, D).")
    return held
