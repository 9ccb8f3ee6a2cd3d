"""Classifier for several labels, each of which is on or off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics.classification import MultilabelAccuracy, MultilabelF1Score

from alkit.arguments import check_integer
from alkit.errors import ConfigurationError
from alkit.prediction import OutputKind, Task
from alkit.training.application import Application
from alkit.training.losses import as_network, output_kind, task_of
from alkit.training.metrics import Metrics
from alkit.training.optimizers import Make, Optimizer


class MultiLabelClassifier(Application):
    """Classifier for C independent labels; its model returns logits (N, C), targets are 0 and 1.

        al.Strategy(al.MultiLabelClassifier(net, 5), pool, al.Entropy())

    The mean over the labels of F1 ("MultilabelF1Score") and accuracy ("MultilabelAccuracy") is
    measured; targets that are NaN, for a loss of your own that leaves them out, do not count. The
    task "multilabel" is declared to the strategy whatever the loss.

    Args:
        model: the network, a block or any `nn.Module`.
        num_labels: C, at least 2; for one label use `BinaryClassifier`.
        loss: loss function. Default: `BCEWithLogitsLoss()`; with `BCELoss()`, the model must return
            probabilities.
        optimizer: see `Application`.
        threshold: probability from which a label counts as predicted in all metrics, in (0, 1):
            one number, or one per label. It changes neither the training nor the query.
        metrics: `metrics`, `train_metrics`, `val_metrics`, `test_metrics` of `Application`; they
            get predictions of 0 and 1 if several thresholds are given, else probabilities.

    Raises:
        ConfigurationError: fewer than two labels, a threshold that is not in (0, 1), or a loss of
            exclusive classes or of values.
    """

    _paired = True

    def __init__(
        self,
        model: nn.Module,
        num_labels: int,
        loss: Callable[..., Any] | None = None,
        optimizer: Optimizer | Make | None = None,
        threshold: float | list[float] | Tensor = 0.5,
        **metrics: Metrics,
    ) -> None:
        super().__init__(nn.BCEWithLogitsLoss() if loss is None else loss, optimizer, **metrics)
        if task_of(self.loss) is None and output_kind(self.loss) is not None:
            raise ConfigurationError(
                f"{type(self.loss).__name__} does not train labels that are each on or off: pass "
                "nn.BCEWithLogitsLoss(), nn.BCELoss() for probabilities, or a function."
            )
        self.model = as_network(model)
        self.num_labels = check_integer("num_labels", num_labels, 2)
        try:
            bounds = torch.as_tensor(threshold, dtype=torch.float32)
        except (TypeError, ValueError, RuntimeError):
            bounds = torch.zeros(0)
        if bounds.shape not in ((), (num_labels,)) or not ((bounds > 0) & (bounds < 1)).all():
            raise ConfigurationError(
                f"threshold must be a number in (0, 1), or one for each of the {num_labels} "
                f"labels, got {threshold!r}."
            )
        self.threshold: float | list[float] = bounds.tolist()
        one = 0.5 if isinstance(self.threshold, list) else self.threshold
        self._measure(MultilabelF1Score(num_labels, threshold=one, ignore_index=-100))
        self._measure(MultilabelAccuracy(num_labels, threshold=one, ignore_index=-100))

    @property
    def outputs(self) -> OutputKind:
        """Kind of output of the model: logits, unless the loss takes probabilities."""
        return output_kind(self.loss) or "logits"

    @property
    def task(self) -> Task:
        """The task "multilabel"."""
        return "multilabel"

    def log_metrics(self, kind: str, y_hat: Tensor, y: Tensor) -> None:
        """Pass probabilities, or predictions by several thresholds, and targets as integers.

        Targets that are NaN are passed as -100.
        """
        p = y_hat.sigmoid() if self.outputs == "logits" else y_hat
        if isinstance(self.threshold, list):
            p = (p >= p.new_tensor(self.threshold)).long()
        super().log_metrics(kind, p, y.nan_to_num(-100).round().long())
