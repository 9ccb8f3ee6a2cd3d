"""Regressor: a model that returns values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from alkit.prediction import OutputKind
from alkit.training.application import Application
from alkit.training.losses import as_network, output_kind
from alkit.training.metrics import Metrics
from alkit.training.optimizers import Make, Optimizer


class Regressor(Application):
    """Regression; its model returns values in the shape of the targets.

    Args:
        model: the network, a block or any `nn.Module`.
        loss: loss function. Default: `L1Loss()`.
        optimizer: see `Application`.
        metrics: `metrics`, `train_metrics`, `val_metrics`, `test_metrics` of `Application`.
    """

    _paired = True

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[..., Any] | None = None,
        optimizer: Optimizer | Make | None = None,
        **metrics: Metrics,
    ) -> None:
        super().__init__(nn.L1Loss() if loss is None else loss, optimizer, **metrics)
        self.model = as_network(model)

    @property
    def outputs(self) -> OutputKind:
        """Kind of output: that of the loss, else values."""
        return output_kind(self.loss) or "values"
