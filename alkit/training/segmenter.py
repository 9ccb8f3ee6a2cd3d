"""Segmenter: a class for each pixel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torchmetrics.classification import MulticlassJaccardIndex

from alkit.arguments import check_integer
from alkit.errors import ConfigurationError, LabelError, ShapeError
from alkit.model_outputs import logits_of
from alkit.prediction import OutputKind, Task
from alkit.training.application import Application
from alkit.training.batches import as_classes
from alkit.training.losses import as_network, output_kind, task_of
from alkit.training.metrics import Metrics
from alkit.training.optimizers import Make, Optimizer


class Segmenter(Application):
    """Segmentation: its model returns logits (N, C, H, W), targets are class numbers (N, H, W).

        al.Strategy(al.Segmenter(net, 3), pool, al.Entropy())

    The intersection over union of all pixels of an epoch, averaged over the classes that occur or
    are predicted, is measured ("MeanIoU"). The task "segmentation" is declared to the strategy. Of
    a dict of outputs, as torchvision's models return it, "out" is trained, and "aux" is not.

    Args:
        model: the network, a block or any `nn.Module`; volumes (N, C, D, H, W) are fine too.
        num_classes: C, at least 2, background included.
        loss: function of logits (N, C, H, W) and class numbers (N, H, W). Default: the
            `CrossEntropyLoss` of the pixels.
        optimizer: see `Application`.
        ignore_index: the number in masks of pixels that neither the loss nor the metric counts,
            such as 255. Default: that of the loss, -100 for those of torch.
        metrics: `metrics`, `train_metrics`, `val_metrics`, `test_metrics` of `Application`.

    Raises:
        ConfigurationError: fewer than two classes; `ignore_index` is not an integer, or another
            than that of the loss; or the loss is one of binary maps.
    """

    def __init__(
        self,
        model: nn.Module,
        num_classes: int,
        loss: Callable[..., Any] | None = None,
        optimizer: Optimizer | Make | None = None,
        ignore_index: int | None = None,
        **metrics: Metrics,
    ) -> None:
        own = getattr(loss, "ignore_index", -100 if ignore_index is None else ignore_index)
        ignored = check_integer(
            "ignore_index", own if ignore_index is None else ignore_index, least=-(2**31)
        )
        name = type(loss).__name__
        if ignored != own:
            raise ConfigurationError(
                f"ignore_index={ignored} counts for the metric, and the loss ignores {own}: pass "
                f"{name}(ignore_index={ignored})."
            )
        if task_of(loss) == "multilabel":
            raise ConfigurationError(
                f"{name} trains a yes or no per pixel, and a Segmenter one of several classes: use "
                f'al.BinaryClassifier(network, {name}()), with outputs="segmentation" of the '
                "strategy, or a network with one column per class."
            )
        super().__init__(loss or nn.CrossEntropyLoss(ignore_index=ignored), optimizer, **metrics)
        self.model = as_network(model)
        self.num_classes = check_integer("num_classes", num_classes, 2)
        self.ignore_index = ignored
        self._measure(MulticlassJaccardIndex(num_classes, ignore_index=ignored), "MeanIoU")

    @property
    def outputs(self) -> OutputKind:
        """Kind of output of the model: logits, unless the loss takes log-probabilities."""
        return output_kind(self.loss) or "logits"

    @property
    def task(self) -> Task:
        """The task "segmentation"."""
        return "segmentation"

    def targets(self, y_hat: Any, y: Any) -> Any:
        """Class numbers as long (N, H, W), whatever the loss.

        Raises:
            LabelError: the targets are one-hot, or not integers.
            ShapeError: the outputs do not have `num_classes` columns, or the size of the masks.
        """
        y = as_classes(y_hat, y)
        if not isinstance(y, Tensor) or not isinstance(y_hat, Tensor):
            return y
        got = tuple(y_hat.shape)
        if y_hat.ndim < 3 or got[1] != self.num_classes:
            raise ShapeError(
                f"num_classes={self.num_classes} needs logits (N, {self.num_classes}, H, W), and "
                f"the model returned {got}."
            )
        if y.is_floating_point() or y.ndim == y_hat.ndim:
            raise LabelError(
                f"masks are class numbers (N, H, W), integers, got {tuple(y.shape)} of {y.dtype}: "
                "of a one-hot mask (C, H, W), give y.argmax(0)."
            )
        if y.shape != (got[0], *got[2:]):
            raise ShapeError(
                f"The model returned {got} for masks {tuple(y.shape)}: let it end with the size of "
                'its input, for example by nn.functional.interpolate(y, size, mode="bilinear").'
            )
        return y

    def _read(self, returned: Any, x: Any = None) -> Tensor:
        value = super()._read(returned, x)
        return value if isinstance(value, Tensor) else logits_of(value)
