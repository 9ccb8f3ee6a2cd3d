"""InProcesses: a fit, validation or test in several processes."""

from __future__ import annotations

from typing import Any

import lightning as L
from torchmetrics import Metric

from alkit.errors import ConfigurationError
from alkit.processes import world
from alkit.training.lightning_internals import samples_as_given


class InProcesses(L.Callback):
    """Callback of a strategy whose Trainer has several processes.

    The processes join at the start. A training step has the samples that it would have in one
    process, and each process computes its share. Validation and tests read all samples in every
    process, since a module may collect what it likes, so each sample counts once; their metrics are
    not reduced over the processes.
    """

    def __init__(self) -> None:
        self._reduced: list[tuple[Metric, Any]] = []

    def setup(self, trainer: L.Trainer, pl_module: Any, stage: str) -> None:
        if trainer.world_size != world():
            raise ConfigurationError(
                f"torch.distributed has {world()} processes, and the Trainer {trainer.world_size}: "
                'pass its devices and strategy, Trainer(devices=2, strategy="ddp"), to all of them.'
            )
        pl_module.join()

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        metrics = [part for part in pl_module.modules() if isinstance(part, Metric)]
        self._reduced = [(metric, metric.distributed_available_fn) for metric in metrics]
        for metric in metrics:
            metric.distributed_available_fn = _alone

    def on_validation_end(self, *_: object) -> None:
        for metric, available in self._reduced:
            metric.distributed_available_fn = available
        self._reduced = []

    on_test_start = on_validation_start
    on_test_end = on_exception = on_validation_end


def in_processes(trainer: L.Trainer) -> list[L.Callback]:
    """The callback for a Trainer, if it has several processes, or torch.distributed has."""
    if trainer.world_size == world() == 1:
        return []
    samples_as_given(trainer)
    return [InProcesses()]


def _alone() -> bool:
    return False
