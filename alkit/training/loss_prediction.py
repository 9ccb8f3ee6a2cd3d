"""Loss prediction: a head learns to rank samples by their loss."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn.modules import activation

from alkit.errors import ConfigurationError, LabelError, ModelOutputError
from alkit.training.calls import output_for
from alkit.training.classifiers import Classifier

_ACTIVATIONS = tuple(
    cls
    for name, cls in vars(activation).items()
    if name in activation.__all__ and name not in ("MultiheadAttention", "Softmax", "LogSoftmax")
)


class Reducible(Protocol):
    """Loss that can return one value per sample, as torch's losses do."""

    reduction: str

    def __call__(self, y_hat: Tensor, y: Tensor, /) -> Tensor: ...


class Pooled(nn.Module):
    """Concatenate the features of several layers ``(B, C, ...)``, each averaged to ``(B, C)``."""

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        return torch.cat([f.flatten(2).mean(2) if f.ndim > 2 else f for f in features], 1)


class LossPredictionClassifier(Classifier):
    """Classifier with a head that predicts the loss of a sample from inner features.

    One step on annotated ``(x, y)``, with l_i the loss of a sample, r_i the head's prediction of
    it, and the batch split into two halves i and j:

        mean l + loss_weight * mean over pairs of max(0, margin - sign(l_i - l_j) (r_i - r_j))

    The head learns the order of the losses, since their scale shrinks during training. Source: Yoo
    and Kweon 2019, "Learning loss for active learning", section 3.3. Two deviations: the head has
    one hidden layer on all features instead of one per layer, and its gradient reaches the network
    in every step, while the paper stops it after 60 % of the training. The criterion
    ``HeadScore("loss_head")`` uses the predicted loss. A step costs one more pass through a small
    head.

    Args:
        model: the network, a Block or any ``nn.Module``.
        loss_head: network from the features of all layers, averaged over space and concatenated
            to ``(B, D)``, to one number. Default: one hidden layer of 128 units, whose input width
            is set by the first batch.
        layers: paths in the network of the layers whose outputs the head uses, ``(B, C, ...)``.
            Default: its last four activations.
        margin: smallest distance between predictions that the ranking loss accepts.
        loss_weight: weight of the ranking loss.
        **training: the arguments of ``Classifier``.

    Raises:
        ConfigurationError: the margin or weight is out of range, or the loss has no ``reduction``.
    """

    features_layer = "pooled"

    def __init__(
        self,
        model: nn.Module,
        loss_head: nn.Module | None = None,
        layers: Sequence[str] | None = None,
        *,
        margin: float = 1.0,
        loss_weight: float = 1.0,
        **training: Any,
    ) -> None:
        super().__init__(model, **training)
        if not margin > 0 or not loss_weight >= 0:
            raise ConfigurationError(
                "margin must be above 0 and loss_weight at least 0, "
                f"got margin={margin!r}, loss_weight={loss_weight!r}."
            )
        if not hasattr(self.loss, "reduction"):
            raise ConfigurationError(
                "the head learns the loss of each sample, so the loss must be a torch loss with a "
                f"reduction, such as nn.CrossEntropyLoss(); got {type(self.loss).__name__}."
            )
        self.pooled = Pooled()
        self.loss_head = loss_head or nn.Sequential(
            nn.LazyLinear(128), nn.ReLU(), nn.Linear(128, 1)
        )
        self.layers = layers
        self.margin = margin
        self.loss_weight = loss_weight

    def tapped(self) -> list[str]:
        """Paths in ``model`` of the layers whose outputs the head uses."""
        if self.layers is not None:
            return list(self.layers)
        parts = self.model.named_modules()
        found = [path for path, part in parts if isinstance(part, _ACTIVATIONS)]
        if not found:
            raise ConfigurationError(
                "the model has no activation such as ReLU whose output the head could use: "
                'pass layers=["path.of.a.layer", ...].'
            )
        return found[-4:]

    def forward(self, *inputs: Any, **named: Any) -> Any:
        outputs, features = self.with_features(named or inputs)
        if any(isinstance(p, nn.UninitializedParameter) for p in self.loss_head.parameters()):
            with torch.no_grad():
                self.loss_head.to(features.dtype)(features)  # sets the input width of the head
        return outputs

    def with_features(self, x: object) -> tuple[Any, Tensor]:
        """Output of the model as it is, and the pooled features of the tapped layers ``(B, D)``."""
        with self._taps() as taken:
            outputs = output_for(self.model, x)
        missing = [path for path, value in taken.items() if not isinstance(value, Tensor)]
        if missing:
            raise ModelOutputError(
                f"layer {missing[0]!r} did not return a tensor in the forward pass: choose other "
                "layers, layers=[...]."
            )
        return outputs, self.pooled(list(taken.values()))

    @contextmanager
    def _taps(self) -> Iterator[dict[str, Any]]:
        taken: dict[str, Any] = dict.fromkeys(self.tapped())
        hooks = []
        try:
            for path in taken:
                layer = _layer(self.model, path)
                hooks.append(
                    layer.register_forward_hook(
                        lambda *call, path=path: taken.__setitem__(path, call[-1])
                    )
                )
            yield taken
        finally:
            for hook in hooks:
                hook.remove()

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        x, y = self._places.split(batch, self)
        if y is None:
            raise LabelError("The train batch has no targets: use batches (x, y), or a dict.")
        returned, features = self.with_features(x)
        outputs = self._read(returned, x)
        loss = self.step_loss("train", outputs, y)
        ranking = self.ranking_loss(self.loss_head(features).flatten(), self.losses(outputs, y))
        self.log(
            "train_ranking_loss", ranking.detach(), on_step=True, on_epoch=True, batch_size=len(y)
        )
        return loss + self.loss_weight * ranking

    def losses(self, outputs: Tensor, y: object) -> Tensor:
        """Loss of each sample ``(B,)``, without gradients."""
        each = cast(Reducible, copy.copy(self.loss))
        each.reduction = "none"
        with torch.no_grad():
            values = each(outputs, self.targets(outputs, y))
        return values.flatten(1).mean(1) if values.ndim > 1 else values

    def ranking_loss(self, predicted: Tensor, losses: Tensor) -> Tensor:
        """Ranking loss of predictions ``(B,)`` against losses ``(B,)``; 0 for a single sample."""
        half = len(losses) // 2
        if not half:
            return predicted.sum() * 0.0
        larger = losses[:half] > losses[half : 2 * half]
        sign = torch.where(larger, 1.0, -1.0)
        difference = predicted[:half] - predicted[half : 2 * half]
        return (self.margin - sign * difference).clamp(min=0).mean()


def _layer(model: nn.Module, path: str) -> nn.Module:
    try:
        return model.get_submodule(path)
    except AttributeError as error:
        names = ", ".join(name for name, _ in model.named_modules() if name)
        raise ConfigurationError(f"layers: the network has no {path!r}; it has {names}.") from error
