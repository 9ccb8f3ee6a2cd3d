"""Plain arrays as candidates: their rows, and which of them are annotated or to choose from."""

from __future__ import annotations

from collections.abc import Mapping, Set, Sized
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alkit.errors import ConfigurationError, PredictionError
from alkit.prediction import Prediction, held_by, read_in_chunks
from alkit.prediction.checks import unwarned
from alkit.querying.row_numbers import RowNumbers
from alkit.selectors.fixed import fixed_needs
from alkit.storage import DEFAULT, Storage, some

FORMS = {
    "probabilities": ("(N, C) or (N, K, C)", (2, 3)),
    "embeddings": ("(N, D)", (2,)),
    "scores": ("(N,)", (1,)),
    "labels": ("(A,)", (1,)),
    "values in labels": ("(A,) or (A, C)", (1, 2)),
}


@dataclass(frozen=True, eq=False)
class Arrays:
    """Arrays of N rows, one per sample, or of the unannotated rows or the candidates alone.

    Nothing is copied where the candidates are all rows, or consecutive ones. Rows that are neither
    candidates nor needed by the selector are never read.

    Args:
        outputs: class probabilities, or None.
        features: features, or None.
        scores: scores, or None.
        prediction: outputs of any kind, and features, instead of the first two; or None.
        rows: the row numbers.
        storage: place of copies of rows; a file if an array is a memory map.
    """

    outputs: Tensor | None
    features: Tensor | None
    scores: Tensor | None
    prediction: Prediction | None
    rows: RowNumbers
    storage: Storage = DEFAULT

    @classmethod
    def of(
        cls,
        *,
        probabilities: object,
        embeddings: object,
        scores: object,
        prediction: object,
        names: object,
        annotated: Any,
        among: Any,
        more: Mapping[str, int] = MappingProxyType({}),
    ) -> Arrays:
        """Check what a caller of ``al.select`` passes; see there.

        Args:
            more: number of rows of ``inputs`` and of each ``Given`` space of the selector.
        """
        if prediction is not None:
            if not isinstance(prediction, Prediction):
                raise ConfigurationError(
                    f"prediction must be an al.Prediction, got {type(prediction).__name__}: pass "
                    'an array as probabilities=, or as al.Prediction(array, kind="logits").'
                )
            if probabilities is not None or embeddings is not None:
                raise ConfigurationError(
                    "give probabilities and embeddings, or a prediction, not both."
                )
        outputs = floats("probabilities", probabilities)
        features = floats("embeddings", embeddings)
        wanted = as_tensor("scores", scores)
        given = {
            "probabilities": outputs,
            "embeddings": features,
            "prediction": prediction,
            "scores": wanted,
        }
        lengths = {name: len(rows) for name, rows in given.items() if rows is not None}
        rows = RowNumbers.of({**lengths, **more}, names=names, annotated=annotated, among=among)
        mapped = any(isinstance(part, np.memmap) for part in (probabilities, embeddings))
        storage = Storage(share=0) if mapped else DEFAULT
        return cls(outputs, features, _as_floats(wanted), prediction, rows, storage)

    def of_candidates(self, *, unread: bool = False) -> Prediction | None:
        """Prediction of the candidates, checked; None if there are scores or row numbers alone.

        Args:
            unread: True to check probabilities only as they are read; see
                ``read_in_chunks``.
        """
        at, ids = self.rows.at, self.rows.ids
        if self.prediction is not None:
            part = self.prediction[at(len(self.prediction))]
            return replace(part, ids=ids if part.owners is None else self.rows.numbers)
        outputs, features = (
            None if rows is None else some(rows, at(len(rows)), self.storage)
            for rows in (self.outputs, self.features)
        )
        if outputs is None and features is None:
            return None
        if unread and outputs is not None and features is None:
            return read_in_chunks(outputs, ids, self.kind)  # type: ignore[arg-type]
        return Prediction(outputs, ids, self.kind, features)  # type: ignore[arg-type]

    def scores_on(self, prediction: Prediction | None) -> Tensor:
        """Scores of the candidates, on the device of their prediction."""
        if self.scores is None:
            raise PredictionError("pass scores=.")
        ours = self.scores[self.rows.at(len(self.scores))]
        return ours if prediction is None else ours.to(held_by(prediction).device)

    def of_annotated(self, needs: Set[Any]) -> Prediction | None:
        """Prediction of the annotated rows, with what a selector needs of them; None for none.

        Raises:
            PredictionError: an array that is needed has no rows for them.
        """
        known, total = self.rows.annotated, self.rows.total
        wanted = needs & {"outputs", "features"}
        if not len(known) or "annotated" not in needs or (fixed_needs(needs) and not wanted):
            return None
        if self.prediction is not None:
            check_whole("prediction", self.prediction, total, needed=True)
            return replace(self.prediction[known], ids=known)
        arrays = {"outputs": self.outputs, "features": self.features}
        arguments = {"outputs": "probabilities", "features": "embeddings"}
        parts = {
            name: rows[known]
            for name, rows in arrays.items()
            if rows is not None
            and (name in wanted or not wanted)
            and check_whole(arguments[name], rows, total, needed=name in wanted)
        }
        return Prediction(ids=known, kind=self.kind, **parts) if parts else None  # type: ignore[arg-type]

    @property
    def kind(self) -> str:
        return "logits" if self.outputs is None else "probabilities"


def as_tensor(name: str, rows: Any) -> Tensor | None:
    """An argument as a tensor of the right number of axes, without a copy where possible.

    Raises:
        PredictionError: it is not an array of numbers of this form.
    """
    if rows is None:
        return None
    form, axes = FORMS[name]
    try:
        if not isinstance(rows, Tensor | list | tuple):
            rows = np.asarray(rows)
            rows = rows.copy() if min(rows.strides, default=0) < 0 else rows  # torch has none
        tensor = unwarned(rows)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise PredictionError(
            f"{name} must be numbers {form}, as an array, a tensor or lists of equal lengths; got "
            f"{_shown(rows)}. " + _remedy(name)
        ) from error
    if tensor.ndim not in axes:
        raise PredictionError(
            f"{name} must have the shape {form}, got {tuple(tensor.shape)}. " + _remedy(name)
        )
    return tensor


def floats(name: str, rows: object) -> Tensor | None:
    """An argument as a floating-point tensor; a PredictionError for any other numbers."""
    tensor = as_tensor(name, rows)
    if tensor is not None and not tensor.is_floating_point():
        raise PredictionError(
            f"{name} must be floating-point numbers, got {tensor.dtype}: convert them first, "
            'such as by array.astype("float32").'
        )
    return tensor


def numbers_of_labels(labels: object, annotated: int, *, values: bool) -> Tensor | None:
    """Labels as class numbers ``(A,)`` or values, one or C of each annotated row."""
    numbers = as_tensor("values in labels" if values else "labels", labels)
    if numbers is None:
        return None
    if values and not numbers.is_complex():
        numbers = numbers.double()
    elif numbers.is_floating_point() or numbers.is_complex() or numbers.dtype == torch.bool:
        raise PredictionError(
            f"labels must be class numbers (A,), integers, got {numbers.dtype}. {_remedy('labels')}"
        )
    if len(numbers) != annotated:
        raise PredictionError(
            f"{annotated} annotated samples came with {len(numbers)} labels: give one label for "
            "each row of annotated=, in its order."
        )
    return numbers


def _as_floats(scores: Tensor | None) -> Tensor | None:
    if scores is None or scores.dtype in (torch.float32, torch.float64):
        return scores
    if scores.dtype == torch.bool or scores.is_complex():
        raise PredictionError(f"scores must be numbers (N,), got {scores.dtype}.")
    return scores.float() if scores.is_floating_point() else scores.double()


def check_whole(name: str, rows: Sized, total: int, *, needed: bool) -> bool:
    """True if an array has the annotated rows as well; an error if it has not, but is needed."""
    if len(rows) < total and needed:
        raise PredictionError(
            f"the selector compares with the annotated rows, and {name} has {len(rows)} rows, "
            f"without the annotated ones: pass {name} of all {total} rows."
        )
    return len(rows) == total


def _shown(rows: object) -> str:
    text = repr(rows)
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    dtype = f" of {rows.dtype}" if isinstance(rows, np.ndarray) else ""
    return f"{type(rows).__name__}{dtype} {shown}"


def _remedy(name: str) -> str:
    remedies = {
        "probabilities": "Pass one row of numbers for each sample, p[:, None] for one column.",
        "embeddings": "Pass one row of numbers for each sample.",
        "scores": "Pass one number for each sample, higher for what is wanted sooner.",
        "labels": "Number the classes: numpy.unique(labels, return_inverse=True)[1].",
        "values in labels": "Pass one number, or one per target, for each annotated row.",
    }
    return remedies[name]


def names_of(names: list[str] | None, ids: Tensor) -> list[str] | None:
    """Names of some rows."""
    return None if names is None else [names[i] for i in ids.tolist()]
