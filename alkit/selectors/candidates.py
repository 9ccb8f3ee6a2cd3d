"""Candidates, the input of a selector."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from alkit.errors import ConfigurationError, NonFiniteError, PredictionError, ScoreError
from alkit.prediction import Prediction, are_finite
from alkit.selectors.fixed_rows import FixedRows
from alkit.selectors.labels import check_labels
from alkit.selectors.picks import Picks as Picks

T = TypeVar("T")

HOW_TO_GET_FEATURES = (
    'name the layer that computes them with features="layer.path" of the strategy, '
    "or pass embeddings= to al.select."
)


@dataclass(frozen=True, eq=False)
class Candidates:
    """N candidates, and what is known about the samples that are already annotated.

    A position is a row of the candidates; ``ids[position]`` is the sample. Tensors stay on their
    device.

    Args:
        scores: ``(N,)`` finite floats, higher is wanted sooner; None if nothing was scored.
        prediction: the model's prediction for the candidates, N rows; None if it is not needed.
        annotated: the model's prediction for the A annotated samples; None if nothing is annotated
            or it is not needed.
        labels: ``(A,)`` class numbers of the annotated samples, if they are needed; also without
            ``annotated``. If the prediction has values, values ``(A,)`` or ``(A, C)``.
        head: the last part of the model, from features ``(M, D)`` to logits ``(M, C)``, if it is
            needed.
        ids: ``(N,)`` dataset indices; default: those of the prediction, else ``0 .. N - 1``.
        fixed: features that do not change with training, if they are needed; see ``Fixed``.

    Raises:
        ScoreError: scores have a wrong shape or type, or are on another device than the prediction.
        NonFiniteError: scores are NaN or infinite.
        PredictionError: there are neither scores, a prediction nor ids; or ids, labels or a
            prediction are of another type, or do not fit.
        ConfigurationError: the head cannot be called.
    """

    scores: Tensor | None = None
    prediction: Prediction | None = None
    annotated: Prediction | None = None
    labels: Tensor | None = None
    head: Callable[[Tensor], Tensor] | None = None
    ids: Tensor = None  # type: ignore[assignment]  # default: see above
    fixed: FixedRows | None = None

    def __post_init__(self) -> None:
        for name in ("prediction", "annotated"):
            known = getattr(self, name)
            if known is not None and not isinstance(known, Prediction):
                raise PredictionError(
                    f"{name} must be a Prediction, got {type(known).__name__}: wrap the outputs, "
                    'al.Prediction(outputs, kind="probabilities").'
                )
        if self.head is not None and not callable(self.head):
            raise ConfigurationError(f"head must be a module or function, got {self.head!r}.")
        if self.scores is not None:
            object.__setattr__(self, "scores", _checked(self.scores, self.prediction))
        object.__setattr__(self, "ids", self._checked_ids())
        if self.fixed is not None:
            self.fixed.check(len(self.ids))
        if self.annotated is not None and self.prediction is not None:
            _check_alike(self.prediction, self.annotated)
        if self.labels is not None:
            check_labels(self.labels, self.annotated, self.prediction)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def ascending(self) -> bool:
        """True if each id is above the one before it."""
        if self.prediction is not None and self.ids is self.prediction.ids:
            return self.prediction.ascending
        return bool((self.ids[1:] > self.ids[:-1]).all())

    @property
    def num_annotated(self) -> int:
        """Number of annotated samples, by their prediction, their labels or their features."""
        known = self.labels if self.annotated is None else self.annotated
        if known is None:
            return 0 if self.fixed is None else self.fixed.num_annotated
        return len(known)

    @property
    def device(self) -> torch.device:
        """Device of the scores, or else of the prediction."""
        for known in (self.scores, *self._rows(self.prediction)):
            if known is not None:
                return known.device
        device = None if self.fixed is None else self.fixed.device
        return self.ids.device if device is None else device

    @property
    def probabilities(self) -> Tensor:
        """``(N, C)`` class probabilities, averaged over posterior samples."""
        if self.prediction is None:
            raise PredictionError(
                "Class probabilities are needed: pass probabilities= to al.select, or a "
                "prediction to the selector."
            )
        return self.prediction.mean_probabilities

    @property
    def features(self) -> Tensor:
        """``(N, D)`` features of the candidates."""
        if self.prediction is None or self.prediction.features is None:
            raise PredictionError(f"Features of the candidates are needed: {HOW_TO_GET_FEATURES}")
        return self.prediction.features

    def __getitem__(self, positions: Tensor) -> Candidates:
        """Some of the candidates (positions or a boolean mask), with the same annotated samples."""
        if not isinstance(positions, Tensor) or positions.ndim != 1:
            raise PredictionError(f"positions must be a tensor (M,), got {positions!r}.")
        scores = None if self.scores is None else self.scores[positions.to(self.scores.device)]
        prediction = self.prediction
        if prediction is not None:  # its ids may be on the CPU while its outputs are not
            prediction = prediction[positions.to(prediction.ids.device)]
        ids = self.ids[positions.to(self.ids.device)]
        fixed = None if self.fixed is None else self.fixed.at(positions)
        return replace(self, scores=scores, prediction=prediction, ids=ids, fixed=fixed)

    def with_scores(self, scores: Tensor) -> Candidates:
        """The same candidates with other scores."""
        return replace(self, scores=scores)

    def alone(self) -> Candidates:
        """The same candidates as if nothing were annotated."""
        fixed = None if self.fixed is None else FixedRows(self.fixed.candidates)
        return replace(self, annotated=None, labels=None, fixed=fixed)

    def only(self, needs: Set[Any]) -> Candidates:
        """The same candidates with only what ``needs`` names; see ``Selector.needs``.

        A selector that picks from a part of the candidates thus copies nothing that is not used.
        """
        return Candidates(
            self.scores if "scores" in needs else None,
            _part(self.prediction, needs),
            _part(self.annotated, needs) if "annotated" in needs else None,
            self.labels if "labels" in needs else None,
            self.head if "head" in needs else None,
            self.ids,
            None if self.fixed is None else self.fixed.only(needs),
        )

    def _checked_ids(self) -> Tensor:
        known = [rows for rows in (self.scores, self.prediction) if rows is not None]
        if self.ids is None:
            if not known:
                raise PredictionError("candidates need scores, a prediction or ids, got none.")
            return torch.arange(len(known[0])) if self.prediction is None else self.prediction.ids
        integers = isinstance(self.ids, Tensor) and not self.ids.is_floating_point()
        if not integers or self.ids.dtype == torch.bool or self.ids.ndim != 1:
            raise PredictionError(f"ids must be a tensor of integers (N,), got {self.ids!r}.")
        if known and self.ids.shape != (len(known[0]),):
            raise PredictionError(
                f"expected {len(known[0])} ids, one per candidate, "
                f"got the shape {tuple(self.ids.shape)}."
            )
        return self.ids

    @staticmethod
    def _rows(prediction: Prediction | None) -> tuple[Tensor | None, ...]:
        return () if prediction is None else (prediction.outputs, prediction.features)


def _checked(scores: Tensor, prediction: Prediction | None) -> Tensor:
    if not isinstance(scores, Tensor) or scores.ndim != 1 or not scores.is_floating_point():
        got = (
            f"{scores.dtype} of shape {tuple(scores.shape)}"
            if isinstance(scores, Tensor)
            else type(scores).__name__
        )
        raise ScoreError(f"scores must be a float tensor (N,), one per candidate, got {got}.")
    if prediction is not None:
        if len(prediction) != len(scores):
            raise ScoreError(f"{len(scores)} scores came with {len(prediction)} predictions.")
        for known in Candidates._rows(prediction):
            if known is not None and known.device != scores.device:
                raise ScoreError(
                    f"the scores are on {scores.device}, the prediction on {known.device}: "
                    "move both to one device."
                )
    check_finite(scores)
    return scores.detach()


def check_finite(scores: Tensor) -> None:
    """Raise a NonFiniteError if a score is NaN or infinite."""
    if not are_finite(scores):
        raise NonFiniteError("The scores contain NaN or infinity. Nothing was selected.")


def _part(prediction: Prediction | None, needs: Set[Any]) -> Prediction | None:
    if prediction is None or not needs & {"outputs", "features"}:
        return None
    outputs = prediction.outputs if "outputs" in needs else None
    features = prediction.features if "features" in needs else None
    if outputs is None and features is None:
        return None
    if outputs is prediction.outputs and features is prediction.features:
        return prediction  # keeps the probabilities that it has computed
    return replace(prediction, outputs=outputs, features=features)


def _check_alike(candidates: Prediction, annotated: Prediction) -> None:
    for name in ("outputs", "features"):
        ours, theirs = getattr(candidates, name), getattr(annotated, name)
        if ours is not None and theirs is not None and ours.shape[1:] != theirs.shape[1:]:
            raise PredictionError(
                f"the {name} of the candidates are {tuple(ours.shape)}, and those of the annotated "
                f"samples {tuple(theirs.shape)}: both must come from the same model."
            )


def needed(part: T | None, name: str) -> T:
    """Part of the candidates that a selector's ``needs`` names; calling the selector checks it."""
    if part is None:
        raise PredictionError(f"the selector needs the {name}: name it in its needs, and call it.")
    return part
