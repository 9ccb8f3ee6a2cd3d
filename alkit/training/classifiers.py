"""Classifiers: of C classes, and of two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn
from torchmetrics.classification import BinaryAccuracy, MulticlassAccuracy

from alkit.training.application import Application
from alkit.training.metrics import Metrics


class CategoricalClassifier(Application):
    """A classifier of C classes; its model returns logits (N, C).

    Args:
        model: the network, a block or any `nn.Module`.
        loss: default `CrossEntropyLoss()`; of `NLLLoss()` the model returns log-probabilities.
        optimizer: as of `Application`.
        num_classes: C; where given, the plain accuracy is measured ("MulticlassAccuracy").
        metrics: `metrics`, `train_metrics`, `val_metrics`, `test_metrics` of `Application`.
    """

    _kind = "logits"

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[..., Any] | None = None,
        optimizer: Any = None,
        num_classes: int | None = None,
        **metrics: Metrics,
    ) -> None:
        super().__init__(nn.CrossEntropyLoss() if loss is None else loss, optimizer, **metrics)
        self.model = model
        if num_classes is not None:
            self._measure(MulticlassAccuracy(num_classes, average="micro"))


Classifier = CategoricalClassifier


class BinaryClassifier(Application):
    """A classifier of two classes; its model returns one column, (N, 1) or (N,).

    Args:
        model: the network, a block or any `nn.Module`.
        loss: default `BCELoss()`, for a model that ends in a Sigmoid and returns probabilities;
            `BCEWithLogitsLoss()` for one that returns logits.
        optimizer: as of `Application`.
        metrics: `metrics`, `train_metrics`, `val_metrics`, `test_metrics` of `Application`;
            the accuracy ("BinaryAccuracy") is measured in any case.
    """

    _paired = True

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[..., Any] | None = None,
        optimizer: Any = None,
        **metrics: Metrics,
    ) -> None:
        super().__init__(nn.BCELoss() if loss is None else loss, optimizer, **metrics)
        self.model = model
        self._measure(BinaryAccuracy())

    def log_metrics(self, kind: str, y_hat: Any, y: Any) -> None:
        """Give the metrics probabilities, and targets 0 and 1 as integers."""
        if isinstance(self.loss, nn.BCEWithLogitsLoss):
            y_hat = y_hat.sigmoid()  # torchmetrics would guess it from the range of the batch
        super().log_metrics(kind, y_hat, y.round().long())
