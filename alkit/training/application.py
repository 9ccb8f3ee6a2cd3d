"""Application: a network, and how it is trained, measured and used, as a LightningModule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightning
from torch import Tensor, nn
from torchmetrics import Metric

from alkit.blocks import Block
from alkit.errors import ConfigurationError, LabelError, ModelOutputError, UnbuiltError
from alkit.prediction import OutputKind
from alkit.training.batches import as_classes, as_values, split_batch
from alkit.training.metrics import Metrics, named_metrics
from alkit.training.optimizers import Adam, as_optimizer
from alkit.training.posterior_mean import averaged, has_samples

_CLASS_LOSSES = (nn.CrossEntropyLoss, nn.NLLLoss)
_KINDS: tuple[tuple[type[nn.Module], OutputKind], ...] = (
    (nn.CrossEntropyLoss, "logits"),
    (nn.BCEWithLogitsLoss, "logits"),
    (nn.BCELoss, "probabilities"),
    (nn.NLLLoss, "log_probabilities"),
    (nn.MSELoss, "values"),
    (nn.L1Loss, "values"),
    (nn.SmoothL1Loss, "values"),
    (nn.HuberLoss, "values"),
)


def output_kind(loss: object) -> OutputKind | None:
    """What a model returns that is trained with `loss`; None where the loss does not tell."""
    return next((kind for cls, kind in _KINDS if isinstance(loss, cls)), None)


class Application(Block, lightning.LightningModule):
    """A network, and how it is trained, measured and used: subclass it, or take one of those below.

    The network is `self.model`; a subclass sets it, and may override `forward`, `compute_loss`,
    `training_step`, `configure_optimizers` and every other method of a LightningModule. Like
    every block it is built before use: `.build()` in place, so that the network that was handed
    in is the one that is trained; `.create()` trains a copy.

    Logged are, with `kind` one of train, val and test, `{kind}_loss` and `{kind}{Metric}`, the
    class name of the metric, for every step and epoch: Lightning's names are then
    `train_loss_step`, `train_loss_epoch`, `testMulticlassAccuracy_epoch`.

    A model that gives K posterior samples (N, K, C) in eval mode (`MCDropout`, `Ensemble`) is
    validated and tested by the mean of their probabilities, or of their values.

    Args:
        loss: takes the model's output and the targets, and returns a scalar.
        optimizer: a recipe such as `alkit.SGD(lr=0.1)`, a torch optimizer class, or a function of the
            parameters that returns an optimizer. Default: `Adam(lr=1e-3)`.
        metrics: torchmetrics for all three kinds: one, several, `(name, metric)` pairs, or a
            dict of names. They are copied, so that two applications may take the same ones.
        train_metrics, val_metrics, test_metrics: further metrics of one kind.

    Raises:
        ConfigurationError: two metrics of one name, or an optimizer that has its parameters.
    """

    model: nn.Module
    _paired = False  # are outputs and targets of one shape, where the loss does not tell?
    _kind: OutputKind | None = None  # what the model returns, where the loss does not tell

    def __init__(
        self,
        loss: Callable[..., Any] | None = None,
        optimizer: Any = None,
        metrics: Metrics = None,
        train_metrics: Metrics = None,
        val_metrics: Metrics = None,
        test_metrics: Metrics = None,
    ) -> None:
        super().__init__()
        if isinstance(loss, type):
            raise ConfigurationError(f"loss must be an instance: {loss.__name__}(), not the class.")
        self.loss = loss
        self.optimizer = Adam(lr=1e-3) if optimizer is None else as_optimizer(optimizer)
        for kind, more in ("train", train_metrics), ("val", val_metrics), ("test", test_metrics):
            named = named_metrics(kind, metrics, more)
            setattr(self, f"{kind}_metrics", nn.ModuleDict(named))

    @property
    def outputs(self) -> OutputKind | None:
        """What the model returns, as its loss declares it; None where the loss does not tell."""
        return output_kind(self.loss)

    def forward(self, x: Any) -> Any:
        """The output of the model for a batch of inputs."""
        return self.model(x)

    def compute_loss(self, y_hat: Any, y: Any) -> Tensor | dict[str, Tensor]:
        """The loss of a batch: a scalar, or a dict of scalars, which are logged and summed."""
        if self.loss is None:
            raise ConfigurationError(
                f"{type(self).__name__} has no loss: give loss=, or override compute_loss."
            )
        return self.loss(y_hat, self.targets(y_hat, y))

    def targets(self, y_hat: Any, y: Any) -> Any:
        """The targets in the form that the loss wants: long classes, or the output's own shape.

        Targets (B,) against outputs (B, 1) would broadcast to (B, B), in silence.
        """
        if isinstance(self.loss, _CLASS_LOSSES):
            return as_classes(y_hat, y)
        return y if self.outputs is None and not self._paired else as_values(y_hat, y)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """The loss of a batch of training, logged with its metrics."""
        return self._step("train", batch)

    def validation_step(self, batch: Any, batch_idx: int) -> Tensor:
        """The loss of a batch of validation, logged with its metrics."""
        return self._step("val", batch)

    def test_step(self, batch: Any, batch_idx: int) -> Tensor:
        """The loss of a batch of test, logged with its metrics."""
        return self._step("test", batch)

    def predict_step(self, batch: Any, batch_idx: int = 0) -> Any:
        """The output of the model; the targets of the batch, where it has any, are left."""
        return self(split_batch(batch)[0])

    def configure_optimizers(self) -> Any:
        """A new optimizer for the parameters as they are now, with its schedule."""
        return self.optimizer.configure_optimizers(self.parameters())

    def configure_callbacks(self) -> list[lightning.Callback]:
        """No callbacks; but Lightning asks this first, and so learns of what is not built."""
        if not self._built:
            raise UnbuiltError(
                f"This {type(self).__name__} is not built, so a Trainer has nothing to train. "
                "Build it first: .build() in place, or .create() for a copy."
            )
        return []

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Build what is not built, so that `load_from_checkpoint(path, model=net.new())` works."""
        if not self._built:
            self.build()

    def log_metrics(self, kind: str, y_hat: Any, y: Any) -> None:
        """Update the metrics of `kind` ("train", "val" or "test") with a batch, and log them."""
        for name, metric in getattr(self, f"{kind}_metrics").items():
            metric(y_hat, y)
            self.log(name, metric, on_step=True, on_epoch=True, batch_size=len(y))

    def _step(self, kind: str, batch: Any) -> Tensor:
        x, y = split_batch(batch)
        if y is None:
            raise LabelError(f"The {kind} batch has no targets: give batches (x, y), or a dict.")
        return self.step_loss(kind, self(x), y)

    def step_loss(self, kind: str, y_hat: Any, y: Any) -> Tensor:
        """The loss of a batch of `kind` ("train", "val" or "test"), logged with its metrics."""
        y_hat = self._averaged(kind, y_hat, y)
        y = self.targets(y_hat, y)
        loss = self.compute_loss(y_hat, y)
        parts = loss if isinstance(loss, dict) else {}
        if "loss" in parts:
            raise ConfigurationError('"loss" is the sum of the losses: name this part otherwise.')
        total: Tensor = sum(loss.values()) if isinstance(loss, dict) else loss  # type: ignore
        # a value in the bar is read from the device at every step: only where there is a bar
        bar = self._trainer is not None and self._trainer.progress_bar_callback is not None
        for name, value in {"loss": total, **parts}.items():
            self.log(
                f"{kind}_{name}",
                value,
                on_step=True,
                on_epoch=True,
                prog_bar=bar and name == "loss",
                batch_size=len(y),
            )
        self.log_metrics(kind, y_hat.detach() if isinstance(y_hat, Tensor) else y_hat, y)
        return total

    def _averaged(self, kind: str, y_hat: Any, y: Any) -> Any:
        """K posterior samples (N, K, C) as one output (N, C); anything else as it is."""
        returned = self.outputs or self._kind
        classes = self.outputs is None or isinstance(self.loss, _CLASS_LOSSES)
        if returned is None or not has_samples(y_hat, y, classes):
            return y_hat
        if kind == "train":
            raise ModelOutputError(
                f"In training the model returned posterior samples {tuple(y_hat.shape)}. Was it "
                "left in eval mode? Call .train() on it before the fit."
            )
        return averaged(y_hat, returned)

    def _measure(self, metric: Metric) -> None:
        """Add a metric to every kind that has none of its class."""
        for kind in ("train", "val", "test"):
            metrics = getattr(self, f"{kind}_metrics")
            if not any(isinstance(there, type(metric)) for there in metrics.values()):
                metrics.update(named_metrics(kind, metric))
