"""Mean of K posterior samples, for the loss and the metrics of an evaluation."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeGuard

from torch import Tensor
from torch.nn.functional import logsigmoid

from alkit.prediction import OutputKind


def has_samples(
    y_hat: object, y: object, classes: bool, declared: bool = False
) -> TypeGuard[Tensor]:
    """Return True if the outputs are (N, K, C, ...) while the targets fit (N, C, ...).

    Args:
        y_hat, y: outputs and targets of a batch.
        classes: True if integer targets are classes; a dense prediction is (N, C, L) for (N, L).
        declared: True if the model declares that it returns samples; binary maps and numbers per
            pixel, (N, K, C, H, W) for (N, C, H, W), need it.
    """
    if not isinstance(y_hat, Tensor) or not isinstance(y, Tensor) or y_hat.ndim < 3:
        return False
    if y_hat.ndim > 3:  # classes of pixels, (N, K, C, H, W) for (N, H, W) or (N, 1, H, W)
        n, places = y_hat.shape[:1], y_hat.shape[3:]
        if classes:
            fitting = ((*n, *places), (*n, 1, *places))
            return not y.is_floating_point() and tuple(y.shape) in fitting
        long = _long_axes(y.shape)
        fits = _long_axes((*n, *y_hat.shape[2:])) == long
        return declared and fits and _long_axes(y_hat.shape) != long
    n, _, width = y_hat.shape
    if classes and not y.is_floating_point():
        return y.shape == (n,) or (y.shape == (n, 1) and width > 1)
    fits = _long_axes((n, width)) == _long_axes(y.shape)
    return fits and _long_axes(y_hat.shape) != _long_axes(y.shape)


def averaged(y_hat: Tensor, kind: OutputKind, *, independent: bool = False) -> Tensor:
    """Average (N, K, C, ...) over K: values, probabilities, or logits of the mean probability.

    Args:
        y_hat: outputs of a batch.
        kind: their kind.
        independent: True if each column is a label by itself.
    """
    if kind in ("values", "probabilities"):
        return y_hat.mean(1)
    if kind == "logits" and (independent or y_hat.shape[2] == 1):  # log p, log(1 - p), each exact
        return logsigmoid(y_hat).logsumexp(1) - logsigmoid(-y_hat).logsumexp(1)
    logs = y_hat.log_softmax(2) if kind == "logits" else y_hat
    return logs.logsumexp(1) - math.log(y_hat.shape[1])


def _long_axes(shape: Iterable[int]) -> list[int]:
    return [n for n in shape if n != 1]
