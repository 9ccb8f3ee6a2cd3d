"""Predictions of a model for N candidates."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from alkit.errors import NonFiniteError, PredictionError

OutputKind = Literal["logits", "probabilities", "log_probabilities", "values"]

KINDS: tuple[str, ...] = ("logits", "probabilities", "log_probabilities", "values")

CACHE = 2**18  # outputs per chunk and thread: 1 MB of float32
MEMORY = 2**26  # outputs per chunk on an accelerator: 256 MB of float32, and few launches


@dataclass(frozen=True, eq=False)
class Prediction:
    """A model's outputs for N candidates, with the ids of these candidates.

    Shape letters used everywhere: N candidates, K posterior samples (1 for a plain network), C
    classes (or target dimensions), D features, always in the order ``(N, K, C)``.

    Args:
        outputs: outputs ``(N, K, C)``; ``(N, C)`` means ``K = 1``. They are always detached. None
            if only features are known.
        ids: ``(N,)`` dataset indices of the rows; default ``0 .. N - 1``. Scores are joined to
            samples by these ids, never by the order of a loader.
        kind: the kind of the outputs: ``"logits"``, ``"probabilities"``, ``"log_probabilities"``
            or ``"values"`` (regression). Declared once, never guessed.
        features: ``(N, D)`` latent features of the candidates, if needed.

    Raises:
        PredictionError: shapes do not match, ids are repeated or not integers, the kind is
            unknown, or "probabilities" are negative or do not sum to one.
        NonFiniteError: the outputs or features contain NaN or an infinity (log-probabilities may
            be minus infinity).

    A single column of logits, or of (log-)probabilities, is the binary case: ``probabilities``
    then has the two columns ``(1 - p, p)``.
    """

    outputs: Tensor | None = None
    ids: Tensor = None  # type: ignore[assignment]  # 0 .. N - 1 unless given
    kind: OutputKind = "logits"
    features: Tensor | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise PredictionError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}.")
        n = len(torch.as_tensor(held_by(self)))
        if self.ids is None:
            self._set("ascending", True)
        self._set("ids", _checked_ids(self.ids, n))
        if self.outputs is not None:
            outputs = _checked_outputs(self.outputs)
            self._set("outputs", outputs)
            self._check_values(outputs)
        if self.features is not None:
            self._set("features", self._checked_features(n))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _check_values(self, outputs: Tensor) -> None:
        """Check that outputs are finite and, if so declared, probabilities; chunk by chunk."""
        sums_to_one = self.kind in ("probabilities", "log_probabilities")
        check = self._are_probabilities if sums_to_one else are_finite
        if not outputs.numel() or all(map(check, outputs.split(_rows_of_a_chunk(outputs)))):
            return
        self._check_finite(outputs)
        raise PredictionError(
            f"outputs declared as {self.kind} are negative or "
            f"{'above one' if outputs.shape[-1] == 1 else 'do not sum to one'}. "
            'Declare what the model returns, for example outputs="logits" for raw scores.'
        )

    def _are_probabilities(self, outputs: Tensor) -> bool:
        p = outputs.exp() if self.kind == "log_probabilities" else outputs
        low, high = map(float, torch.mv(p.flatten(0, 1), p.new_ones(p.shape[-1])).aminmax())
        fits = high <= 1 if p.shape[-1] == 1 else low >= 0.99 and high <= 1.01  # NaN never fits
        return fits and float(p.amin()) >= 0

    def _check_finite(self, outputs: Tensor) -> None:
        bad = outputs.isnan() | (outputs == torch.inf)
        if self.kind != "log_probabilities":
            bad |= outputs == -torch.inf
        _raise_for(bad.flatten(1).any(1), self.ids, "outputs")

    def _checked_features(self, n: int) -> Tensor:
        features = torch.as_tensor(self.features).detach()
        if features.ndim != 2 or len(features) != n:
            raise PredictionError(
                f"features must have the shape ({n}, D), got {tuple(features.shape)}."
            )
        if not features.is_floating_point():
            raise PredictionError(f"features must be floating point, got {features.dtype}.")
        if not are_finite(features):
            _raise_for(~torch.isfinite(features).all(1), self.ids, "features")
        return features

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def ascending(self) -> bool:
        """True if the ids are strictly increasing."""
        return bool((self.ids[1:] > self.ids[:-1]).all())

    @cached_property
    def probabilities(self) -> Tensor:
        """Class probabilities ``(N, K, C)``, float; rows sum to one. Raises for ``"values"``."""
        outputs = self._needed_outputs()
        binary = outputs.shape[-1] == 1
        if self.kind == "values":
            raise PredictionError(
                'A criterion needs probabilities, but the outputs are declared as "values" '
                "(regression). Use a criterion for values, or declare the kind of the outputs."
            )
        if self.kind == "logits":
            p = outputs.sigmoid() if binary else _softmax(outputs)
        else:
            p = outputs.exp() if self.kind == "log_probabilities" else outputs
        return torch.cat([1 - p, p], dim=-1) if binary else p

    @cached_property
    def mean_probabilities(self) -> Tensor:
        """Class probabilities averaged over the K posterior samples, ``(N, C)``."""
        p = self.probabilities
        return p[:, 0] if p.shape[1] == 1 else p.mean(1)

    @property
    def guesses(self) -> Tensor:
        """The most probable class ``(N,)``, or the mean value ``(N, C)`` of a regression."""
        if self.kind == "values":
            return self._needed_outputs().mean(1)
        return self.mean_probabilities.argmax(-1)

    def _needed_outputs(self) -> Tensor:
        if self.outputs is None:
            raise PredictionError(
                "The outputs of the model are needed, but this prediction has only features. "
                "Pass probabilities= to al.select, or outputs= to al.Prediction."
            )
        return self.outputs

    def chunks(self) -> Iterator[Prediction]:
        """Consecutive chunks of rows whose temporaries fit in a processor's cache; at least one.

        A row-wise function gives the same result for any chunk size.
        """
        rows = _rows_of_a_chunk(held_by(self))
        if len(self) <= rows:
            yield self
            return
        for start in range(0, len(self), rows):
            yield self[start : start + rows]

    def __getitem__(self, rows: Tensor | slice) -> Prediction:
        """The prediction for some rows (positions, a boolean mask or a slice), not rechecked."""
        ids = self.ids[rows]
        if ids.ndim != 1:
            raise PredictionError(f"rows must be positions, a mask or a slice, got {rows!r}.")
        part = object.__new__(Prediction)
        part._set("ids", ids)
        part._set("kind", self.kind)
        if isinstance(rows, slice) and self.__dict__.get("ascending"):
            part._set("ascending", True)  # a slice of a tensor cannot run backwards
        for name in ("outputs", "features"):
            value = getattr(self, name)
            part._set(name, None if value is None else value[rows])
        return part


def held_by(prediction: Prediction) -> Tensor:
    """Return the outputs of a prediction, or its features if it has only these."""
    held = prediction.features if prediction.outputs is None else prediction.outputs
    if held is None:
        raise PredictionError("a prediction needs outputs (N, K, C) or features (N, D).")
    return held


def _rows_of_a_chunk(held: Tensor) -> int:
    size = CACHE * torch.get_num_threads() if held.device.type == "cpu" else MEMORY
    return max(size // max(held[:1].numel(), 1), 1)


def are_finite(values: Tensor) -> bool:
    """Return whether all values are finite, in one pass without allocating a copy."""
    return not values.numel() or all(math.isfinite(bound) for bound in values.detach().aminmax())


def _softmax(logits: Tensor) -> Tensor:
    if logits.shape[-1] >= 16 or logits.device.type != "cpu":
        return logits.softmax(-1)
    powers = (logits - logits.amax(-1, keepdim=True)).exp_()  # torch's takes 4 times as long
    return powers.div_(powers.sum(-1, keepdim=True))


def _checked_ids(ids: object, n: int) -> Tensor:
    if ids is None:
        return torch.arange(n)
    ids = torch.as_tensor(ids).detach()
    if n and (ids.is_floating_point() or ids.is_complex() or ids.dtype == torch.bool):
        raise PredictionError(f"ids must be integers, got {ids.dtype}.")
    ids = ids.long()
    if ids.shape != (n,):
        raise PredictionError(f"expected {n} ids, one per row, got shape {tuple(ids.shape)}.")
    ascending = bool((ids[1:] > ids[:-1]).all())
    if not ascending and len(ids.unique()) != n:
        raise PredictionError("ids must be distinct: a candidate appears twice.")
    return ids


def _checked_outputs(outputs: object) -> Tensor:
    outputs = torch.as_tensor(outputs).detach()
    if outputs.ndim == 2:
        outputs = outputs[:, None, :]
    if outputs.ndim != 3 or 0 in outputs.shape[1:]:
        raise PredictionError(
            "outputs must have the shape (N, K, C), or (N, C) for K = 1, "
            f"got {tuple(outputs.shape)}."
        )
    if not outputs.is_floating_point():
        raise PredictionError(f"outputs must be floating point, got {outputs.dtype}.")
    if outputs.dtype in (torch.float16, torch.bfloat16):
        return outputs.float()  # entropies of half precision are noise
    return outputs


def _raise_for(bad: Tensor, ids: Tensor, what: str) -> None:
    if bad.any():
        rows = ids.cpu()[bad.cpu()]
        raise NonFiniteError(
            f"The model's {what} contain NaN or infinity for {len(rows)} of {len(bad)} "
            f"samples (the first: sample {int(rows[0])}). Nothing was selected. Check the "
            "learning rate, the inputs of these samples, and that the model was trained."
        )
