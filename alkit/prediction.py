"""What a model says of N candidates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from alkit.errors import NonFiniteError, PredictionError

OutputKind = Literal["logits", "probabilities", "log_probabilities", "values"]

KINDS: tuple[str, ...] = ("logits", "probabilities", "log_probabilities", "values")


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of N candidates, and which candidates they are.

    The letters of every shape: N candidates, K posterior samples (1 for a plain network), C
    classes (or target dimensions), D features, always in the order ``(N, K, C)``.

    Args:
        outputs: ``(N, K, C)``; ``(N, C)`` is taken as ``K = 1``. Detached, whatever comes in.
        ids: ``(N,)`` dataset indices of the rows; default ``0 .. N - 1``. Scores are joined to
            samples by these ids, never by the order of a loader.
        kind: what the outputs are: ``"logits"``, ``"probabilities"``, ``"log_probabilities"``
            or ``"values"`` (regression). Declared once, never guessed.
        features: ``(N, D)`` latents of the candidates, where something needs them.

    Raises:
        PredictionError: shapes that do not match, ids that are repeated or no
            integers, an unknown kind, or "probabilities" that are negative or do not sum to one.
        NonFiniteError: NaN in the outputs or features, or an infinity (log-probabilities may be
            minus infinity).

    A single column of logits, or of (log-)probabilities, is the binary case: ``probabilities``
    then has the two columns ``(1 - p, p)``.
    """

    outputs: Tensor
    ids: Tensor = None  # type: ignore[assignment]  # 0 .. N - 1 unless given
    kind: OutputKind = "logits"
    features: Tensor | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise PredictionError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}.")
        outputs = torch.as_tensor(self.outputs).detach()
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
            outputs = outputs.float()  # entropies of half precision are noise
        n = len(outputs)
        ids = torch.arange(n) if self.ids is None else torch.as_tensor(self.ids).detach()
        if n and (ids.is_floating_point() or ids.is_complex() or ids.dtype == torch.bool):
            raise PredictionError(f"ids must be integers, got {ids.dtype}.")
        ids = ids.long()
        if ids.shape != (n,):
            raise PredictionError(f"expected {n} ids, one a row, got shape {tuple(ids.shape)}.")
        if len(ids.unique()) != n:
            raise PredictionError("ids must be distinct: a candidate came twice.")
        object.__setattr__(self, "outputs", outputs)
        object.__setattr__(self, "ids", ids)
        self._check_outputs()
        if self.features is not None:
            features = torch.as_tensor(self.features).detach()
            if features.ndim != 2 or len(features) != n:
                raise PredictionError(
                    f"features must have the shape ({n}, D), got {tuple(features.shape)}."
                )
            if not torch.isfinite(features).all():
                raise NonFiniteError("The model's features contain NaN or infinity.")
            object.__setattr__(self, "features", features)

    def _check_outputs(self) -> None:
        outputs = self.outputs
        bad = outputs.isnan() | (outputs == torch.inf)
        if self.kind != "log_probabilities":
            bad |= outputs == -torch.inf
        if bad.any():
            rows = self.ids.cpu()[bad.flatten(1).any(1).cpu()]
            raise NonFiniteError(
                f"The model's outputs contain NaN or infinity for {len(rows)} of {len(outputs)} "
                f"samples (the first: sample {int(rows[0])}). Nothing was selected. Check the "
                "learning rate, the input of these samples, and that the model was trained."
            )
        if self.kind in ("probabilities", "log_probabilities"):
            p = outputs if self.kind == "probabilities" else outputs.exp()
            binary = p.shape[-1] == 1
            off = p > 1 if binary else (p.sum(-1) - 1).abs() > 1e-2
            if (p < 0).any() or off.any():
                raise PredictionError(
                    f"outputs declared as {self.kind} are negative or "
                    f"{'above one' if binary else 'do not sum to one'}. "
                    'Declare what the model returns: outputs="logits" for raw scores.'
                )

    def __len__(self) -> int:
        return len(self.outputs)

    @cached_property
    def probabilities(self) -> Tensor:
        """Class probabilities ``(N, K, C)``, float, rows sum to one. Error for ``"values"``."""
        outputs, binary = self.outputs, self.outputs.shape[-1] == 1
        if self.kind == "values":
            raise PredictionError(
                'A criterion asked for probabilities, but the outputs are declared as "values" '
                "(regression). Use a criterion for values, or declare the kind of the outputs."
            )
        if self.kind == "logits":
            p = outputs.sigmoid() if binary else outputs.softmax(-1)
        else:
            p = outputs.exp() if self.kind == "log_probabilities" else outputs
        return torch.cat([1 - p, p], dim=-1) if binary else p

    @cached_property
    def mean_probabilities(self) -> Tensor:
        """Class probabilities averaged over the K posterior samples, ``(N, C)``."""
        return self.probabilities.mean(1)

    @property
    def guesses(self) -> Tensor:
        """The most probable class ``(N,)``, or the mean value ``(N, C)`` of a regression."""
        return self.outputs.mean(1) if self.kind == "values" else self.mean_probabilities.argmax(-1)

    def __getitem__(self, rows: Tensor | slice) -> Prediction:
        """The prediction of some rows (positions, a boolean mask or a slice)."""
        features = None if self.features is None else self.features[rows]
        return Prediction(self.outputs[rows], self.ids[rows], self.kind, features)
