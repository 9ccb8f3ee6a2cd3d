"""Classifiers for C classes and for two classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torchmetrics.classification import BinaryAccuracy, MulticlassAccuracy

from alkit.training.application import Application
from alkit.training.losses import as_network
from alkit.training.metrics import Metrics
from alkit.training.optimizers import Make, Optimizer


class CategoricalClassifier(Application):
    """Classifier for C classes; its model returns logits (N, C).

    Args:
        model: the network, a block or any `nn.Module`.
        loss: loss function. Default: `CrossEntropyLoss()`; with `NLLLoss()`, the model must return
            log-probabilities.
        optimizer: see `Application`.
        num_classes: C; if given, the plain accuracy is measured ("MulticlassAccuracy").
        metrics: `metrics`, `train_metrics`, `val_metrics`, `test_metrics` of `Application`.
    """

    _kind = "logits"

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[..., Any] | None = None,
        optimizer: Optimizer | Make | None = None,
        num_classes: int | None = None,
        **metrics: Metrics,
    ) -> None:
        super().__init__(nn.CrossEntropyLoss() if loss is None else loss, optimizer, **metrics)
        self.model = as_network(model)
        if num_classes is not None:
            self._measure(MulticlassAccuracy(num_classes, average="micro"))


Classifier = CategoricalClassifier


class BinaryClassifier(Application):
    """Classifier for two classes; its model returns one column, (N, 1) or (N,).

    Args:
        model: the network, a block or any `nn.Module`.
        loss: loss function. Default: `BCELoss()`, for a model that ends in a Sigmoid and returns
            probabilities; use `BCEWithLogitsLoss()` for a model that returns logits.
        optimizer: see `Application`.
        metrics: `metrics`, `train_metrics`, `val_metrics`, `test_metrics` of `Application`;
            the accuracy ("BinaryAccuracy") is always measured.
    """

    _paired = True

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[..., Any] | None = None,
        optimizer: Optimizer | Make | None = None,
        **metrics: Metrics,
    ) -> None:
        super().__init__(nn.BCELoss() if loss is None else loss, optimizer, **metrics)
        self.model = as_network(model)
        self._measure(BinaryAccuracy())

    def log_metrics(self, kind: str, y_hat: Tensor, y: Tensor) -> None:
        """Pass probabilities, and targets 0 and 1 as integers, to the metrics."""
        if isinstance(self.loss, nn.BCEWithLogitsLoss):
            y_hat = y_hat.sigmoid()  # torchmetrics would guess this from the range of the batch
        super().log_metrics(kind, y_hat, y.round().long())
