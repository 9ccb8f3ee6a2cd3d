"""InProcesses: a fit, validation or test in several processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import lightning as L
from torchmetrics import Metric

from alkit.errors import ConfigurationError
from alkit.launched import by_torchrun
from alkit.pool.loaders import EvenBatches
from alkit.processes import from_first, weight_of_share, world
from alkit.training.history import HistoryOfFits
from alkit.training.lightning_internals import (
    callbacks_of,
    other_processes,
    samples_as_given,
)

T = TypeVar("T")


class InProcesses(L.Callback):
    """Callback of a strategy whose Trainer has several processes.

    The processes join at the start. A training step has the samples that it would have in one
    process, and each process computes its share; gradients are averaged by the number of samples.
    Validation and tests read all samples in every process, since a module may collect anything. So
    each sample counts once, and their metrics are not reduced over the processes.
    """

    def __init__(self) -> None:
        self._reduced: list[tuple[Metric, Any]] = []
        self._weight = 1.0

    def setup(self, trainer: L.Trainer, pl_module: Any, stage: str) -> None:
        number = max(world(), by_torchrun())
        if trainer.world_size != number:
            raise ConfigurationError(
                f"there are {number} processes, and the Trainer is for {trainer.world_size}: pass "
                f'devices and strategy, Trainer(devices={number}, strategy="ddp"), in all of them.'
            )
        if stage == "fit" and not any(weight.requires_grad for weight in pl_module.parameters()):
            raise ConfigurationError(
                f"{type(pl_module.module).__name__} has no weights with a gradient, which is what "
                "processes share in a fit: fit it in one process."
            )
        pl_module.join(stage.lower())

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        batches = _even_batches(trainer.train_dataloader)
        self._weight = 1.0
        if batches is not None:
            earlier = trainer.current_epoch * (batches.length or 0)  # else each epoch is one pass
            self._weight = weight_of_share(batches.size(earlier + batch_idx))

    def on_before_backward(
        self, trainer: L.Trainer, pl_module: L.LightningModule, loss: Any
    ) -> None:
        if self._weight != 1.0:  # DDP averages over the processes, whose shares differ by one
            loss.register_hook(lambda gradient: gradient * self._weight)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        metrics = [part for part in pl_module.modules() if isinstance(part, Metric)]
        self._reduced = [(metric, metric.distributed_available_fn) for metric in metrics]
        for metric in metrics:
            metric.distributed_available_fn = _alone

    def on_validation_end(self, *_: object, **__: object) -> None:
        for metric, available in self._reduced:
            metric.distributed_available_fn = available
        self._reduced = []

    on_test_start = on_validation_start
    on_test_end = on_exception = on_validation_end


def check_start(trainer: L.Trainer, learner: object) -> None:
    """Check how a Trainer will start the other processes, before it does.

    Raises:
        ConfigurationError: in copies of this process, whose strategies would end with them; or the
            script is repeated in others, though the strategy has queried.
    """
    starts = other_processes(trainer)
    if starts == "copies":
        raise ConfigurationError(
            "the Trainer would fit in copies of this process, and the strategy here would not have "
            'their results: pass strategy="ddp", in a script.'
        )
    if starts == "script" and getattr(learner, "_asked_alone", False):
        raise ConfigurationError(
            "the Trainer would now start processes that repeat the script, with the queries before "
            "this fit, and an oracle would be asked again. Start the script by "
            f"torchrun --nproc_per_node={trainer.num_devices} instead."
        )


def attach(trainer: L.Trainer, history: HistoryOfFits) -> None:
    """Add the callbacks of a strategy to a Trainer, in place of those of an earlier run.

    ``InProcesses`` is one of them if the Trainer has several processes, or torch.distributed has.
    """
    check_start(trainer, trainer.lightning_module)
    own = callbacks_of(trainer)
    others = [c for c in own if not isinstance(c, HistoryOfFits | InProcesses)]
    own[:] = [*others, history]
    if trainer.world_size > 1 or world() > 1 or by_torchrun() > 1:
        samples_as_given(trainer)
        own.append(InProcesses())


def results_of_first(trainer: L.Trainer, results: T) -> T:
    """Results of a test as the first process has them; devices may differ in the last digits."""
    together = any(isinstance(each, InProcesses) for each in callbacks_of(trainer))
    return from_first(lambda: results, "results of a test") if together else results


def _even_batches(loaders: Any) -> EvenBatches | None:
    """The batches of annotated samples of a training; None if a loader was given."""
    annotated = loaders.get("annotated") if isinstance(loaders, Mapping) else loaders
    batches = getattr(annotated, "batch_sampler", None)
    return batches if isinstance(batches, EvenBatches) else None


def _alone() -> bool:
    return False
