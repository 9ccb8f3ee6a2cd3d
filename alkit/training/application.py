"""Application: a network with its loss, optimizer and metrics, as a LightningModule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightning
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.nn.modules.loss import _Loss
from torchmetrics import Metric

from alkit.blocks import Block
from alkit.blocks.posterior import gives_samples
from alkit.errors import ConfigurationError, LabelError, ModelOutputError, UnbuiltError
from alkit.prediction import OutputKind, Task
from alkit.training.batches import UNDECLARED, Places, as_classes, as_values
from alkit.training.calls import output_for
from alkit.training.evaluated import mean_loss, samples_of, values_of
from alkit.training.losses import CLASS_LOSSES, FUNCTIONS, argument_of, output_kind, task_of
from alkit.training.metrics import Metrics, named_metrics
from alkit.training.optimizers import Adam, Make, Optimizer, as_optimizer
from alkit.training.posterior_mean import averaged, has_samples


class Application(Block, lightning.LightningModule):
    """A network with its loss, optimizer and metrics: subclass it, or use one of the subclasses.

    The network is `self.model`; a subclass sets it, and may override `forward`, `compute_loss`,
    `training_step`, `configure_optimizers` and any other method of a LightningModule. Like every
    block, it must be built before use: `.build()` builds in place, so that training changes the
    network that was passed in; `.create()` builds a copy.

    For every step and epoch it logs `{kind}_loss` and `{kind}{Metric}`, where `kind` is train, val
    or test and `Metric` is the class name of the metric. Lightning's names are then
    `train_loss_step`, `train_loss_epoch`, `testMulticlassAccuracy_epoch`.

    If the model returns K posterior samples (N, K, C) in eval mode (`MCDropout`, `Ensemble`),
    validation and test use the mean of their probabilities, or of their values.

    A batch is `(x, y)` or a dict, which the model gets by the names of the parameters of its
    `forward`, or under the keys that the pool declares. If the model does not return a tensor, a
    loss of `torch.nn` gets what `outputs=` of the strategy reads in it, else its `logits`.

    Args:
        loss: function of the model's output and the targets that returns a scalar.
        optimizer: a recipe such as `alkit.SGD(lr=0.1)`, a torch optimizer class, or a function of
            the parameters that returns an optimizer. Default: `Adam(lr=1e-3)`.
        metrics: torchmetrics for all three kinds: one, several, `(name, metric)` pairs, or a
            dict by name. They are copied, so that two applications may use the same ones.
        train_metrics, val_metrics, test_metrics: further metrics for one kind.

    Raises:
        ConfigurationError: two metrics of one name, or an optimizer that already has parameters.
    """

    model: nn.Module
    _paired = False  # outputs and targets have one shape; used if the loss does not determine it
    _kind: OutputKind | None = None  # kind of output, if the loss does not determine it
    first_outputs: Callable[[object], None] | None = None  # checks the first outputs of a fit
    first_targets: Callable[..., None] | None = None  # checks a first epoch: targets, outputs

    def __init__(
        self,
        loss: Callable[..., Any] | None = None,
        optimizer: Optimizer | Make | None = None,
        metrics: Metrics = None,
        train_metrics: Metrics = None,
        val_metrics: Metrics = None,
        test_metrics: Metrics = None,
    ) -> None:
        super().__init__()
        if isinstance(loss, type):
            raise ConfigurationError(f"loss must be an instance: {loss.__name__}(), not the class.")
        if loss is not None and not callable(loss):
            raise ConfigurationError(
                "loss must be a torch loss such as nn.CrossEntropyLoss(), or a function of outputs "
                f"and targets, got {loss!r}."
            )
        self.loss = FUNCTIONS[loss]() if loss in FUNCTIONS else loss
        self.optimizer = Adam(lr=1e-3) if optimizer is None else as_optimizer(optimizer)
        for kind, more in ("train", train_metrics), ("val", val_metrics), ("test", test_metrics):
            named = named_metrics(kind, metrics, more)
            setattr(self, f"{kind}_metrics", nn.ModuleDict(named))

    @property
    def outputs(self) -> OutputKind | None:
        """Kind of output of the model, given its loss; None if the loss does not determine it."""
        return output_kind(self.loss)

    @property
    def task(self) -> Task | None:
        """Task of the model, given its loss: independent labels for `BCEWithLogitsLoss`."""
        return task_of(self.loss)

    @property
    def declared_by(self) -> str:
        """Name of the loss, which declares the kind of output."""
        return type(self.loss).__name__

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """Return the output of the model for a batch of inputs."""
        return self.model(*inputs, **named)

    def compute_loss(self, y_hat: Any, y: Any) -> Tensor | dict[str, Tensor]:
        """Return the loss of a batch: a scalar, or a dict of scalars to be logged and summed."""
        if self.loss is None:
            raise ConfigurationError(
                f"{type(self).__name__} has no loss: pass loss=, or override compute_loss."
            )
        try:
            return self.loss(y_hat, self.targets(y_hat, y))
        except IndexError as error:  # torch's, for a class beyond the outputs
            raise LabelError(
                f"The loss cannot use the targets of this batch: {error} The model returned "
                f"{tuple(getattr(y_hat, 'shape', ()))}, with one column per class."
            ) from error

    def targets(self, y_hat: Any, y: Any) -> Any:
        """Targets in the form that the loss needs: long classes, or the shape of the output.

        Targets (B,) against outputs (B, 1) would silently broadcast to (B, B).
        """
        if isinstance(self.loss, CLASS_LOSSES):
            return as_classes(y_hat, y)
        return y if self.outputs is None and not self._paired else as_values(y_hat, y)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss of a training batch; log it with the metrics."""
        return self._step("train", batch)

    def validation_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss of a validation batch; log it with the metrics."""
        return self._step("val", batch)

    def test_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss of a test batch; log it with the metrics."""
        return self._step("test", batch)

    def predict_step(self, batch: Any, batch_idx: int = 0) -> Any:
        """Return the output of the model; targets in the batch are ignored."""
        return output_for(self, self._places.split(batch, self)[0])

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return a new optimizer for the current parameters, with its schedule."""
        return self.optimizer.configure_optimizers(self.parameters())

    def configure_callbacks(self) -> list[lightning.Callback]:
        """Return no callbacks; raise if not built, since Lightning calls this hook first."""
        if not self._built:
            raise UnbuiltError(
                f"This {type(self).__name__} is not built, so a Trainer has nothing to train. "
                "Build it first: .build() in place, or .create() for a copy."
            )
        return []

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Build if necessary, so that `load_from_checkpoint(path, model=net.new())` works."""
        if not self._built:
            self.build()

    def log_metrics(self, kind: str, y_hat: Any, y: Any) -> None:
        """Update the metrics of `kind` ("train", "val" or "test") with a batch, and log them."""
        for name, metric in getattr(self, f"{kind}_metrics").items():
            metric(y_hat, y)
            self.log(name, metric, on_step=True, on_epoch=True, batch_size=len(y))

    def _step(self, kind: str, batch: object) -> Tensor:
        x, y = self._places.split(batch, self)
        if y is None:
            raise LabelError(f"The {kind} batch has no targets: pass batches (x, y), or a dict.")
        return self.step_loss(kind, self._read(output_for(self, x), x), y)

    def step_loss(self, kind: str, y_hat: Any, y: Any) -> Tensor:
        """Return the loss of a batch of `kind` ("train", "val" or "test"); log it with metrics."""
        y_hat = self._averaged(kind, y_hat, y)
        if kind == "train" and self.first_outputs is not None:
            check, self.first_outputs = self.first_outputs, None
            check(y_hat)
        y = self.targets(y_hat, y)
        first = self._trainer is not None and self._trainer.current_epoch == 0
        if kind == "train" and first and self.first_targets:
            self.first_targets(y, y_hat)
        loss = mean_loss([self.compute_loss(each, y) for each in samples_of(self, y_hat)])
        parts = loss if isinstance(loss, dict) else {}
        if "loss" in parts:
            raise ConfigurationError('"loss" is the name of the sum of the parts: rename this one.')
        total: Tensor = sum(loss.values()) if isinstance(loss, dict) else loss  # type: ignore
        # a value in the bar is read from the device at every step, so only if there is a bar
        bar = self._trainer is not None and self._trainer.progress_bar_callback is not None
        for name, value in {"loss": total, **parts}.items():
            self.log(
                f"{kind}_{name}",
                value,
                on_step=True,
                on_epoch=True,
                prog_bar=bar and name == "loss",
                batch_size=len(y),
                sync_dist=kind != "train",  # one result for all processes; in training, no waits
            )
        self.log_metrics(kind, values_of(self, kind, y_hat, y), y)
        return total

    @property
    def passes_to(self) -> nn.Module:
        """The module that gets the arguments of ``forward``."""
        return self.model

    @property
    def _predictor(self) -> Any:
        """Predictor of the strategy that trains this; None without a strategy."""
        return getattr(getattr(self._trainer, "lightning_module", None), "predictor", None)

    @property
    def _places(self) -> Places:
        return getattr(self._predictor, "places", UNDECLARED)

    def _read(self, returned: Any, x: Any = None) -> Any:
        """Argument of the loss in what the model returned, as the predictions read it."""
        if not isinstance(self.loss, _Loss):
            return returned
        meaning = getattr(self._predictor, "meaning", None)
        axes = (3, 3 + (not self.training)) if isinstance(self.loss, CLASS_LOSSES) else ()
        return argument_of(returned, x, meaning, axes)

    def _averaged(self, kind: str, y_hat: object, y: object) -> object:
        """Average K posterior samples (N, K, C) to (N, C); return anything else unchanged."""
        meaning = getattr(self._predictor, "meaning", None)
        own = None if getattr(meaning, "read", None) else self._kind
        returned = getattr(meaning, "kind", None) or self.outputs or own
        task = self.task or getattr(meaning, "task", None)
        alone = task == "multilabel"
        classes = task == "segmentation" or not self.outputs or isinstance(self.loss, CLASS_LOSSES)
        samples = isinstance(y_hat, Tensor) and y_hat.ndim > 3 and gives_samples(self)
        if returned is None or not has_samples(y_hat, y, classes and not alone, samples):
            return y_hat
        if kind == "train":
            raise ModelOutputError(
                f"In training, the model returned posterior samples {tuple(y_hat.shape)}. Was it "
                "left in eval mode? Call .train() on it before the fit."
            )
        return averaged(y_hat, returned, independent=alone)

    def _measure(self, metric: Metric, name: str | None = None) -> None:
        """Add a metric to every kind that has no metric of its class."""
        for kind in ("train", "val", "test"):
            metrics = getattr(self, f"{kind}_metrics")
            if not any(isinstance(there, type(metric)) for there in metrics.values()):
                metrics.update(named_metrics(kind, (name, metric) if name else metric))
