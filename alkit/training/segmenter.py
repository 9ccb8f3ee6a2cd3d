"""Segmenter: a class for each pixel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torchmetrics.classification import MulticlassJaccardIndex

from alkit.arguments import check_integer
from alkit.model_outputs import logits_of
from alkit.prediction import OutputKind, Task
from alkit.training.application import Application
from alkit.training.batches import as_classes
from alkit.training.losses import as_network, output_kind
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
        ConfigurationError: fewer than two classes, or `ignore_index` is not an integer.
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
        if ignore_index is None:
            ignore_index = getattr(loss, "ignore_index", -100)
        ignored = check_integer("ignore_index", ignore_index, least=-(2**31))
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
        """Class numbers as long (N, H, W), whatever the loss."""
        return as_classes(y_hat, y)

    def _read(self, returned: Any, x: Any = None) -> Tensor:
        value = super()._read(returned, x)
        return value if isinstance(value, Tensor) else logits_of(value)
