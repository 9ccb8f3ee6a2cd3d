"""Learning loss: a head predicts the loss of a sample, and the query takes the highest."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import activation
from typing_extensions import Unpack

from alkit.applications import Classifier
from alkit.applications.batches import split_batch
from alkit.criteria import Criterion, HeadScore
from alkit.errors import ConfigurationError, LabelError, ModelOutputError
from alkit.pool import ActiveLearningDataset
from alkit.selectors import Selector, TopK
from alkit.strategies.strategy import Strategy, StrategyOptions, training_options

_ACTIVATIONS = tuple(
    cls
    for name, cls in vars(activation).items()
    if name in activation.__all__ and name not in ("MultiheadAttention", "Softmax", "LogSoftmax")
)


class Pooled(nn.Module):
    """The features of several layers ``(B, C, ...)``, averaged to ``(B, C)`` and joined."""

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        return torch.cat([f.flatten(2).mean(2) if f.ndim > 2 else f for f in features], 1)


class LossPredictingClassifier(Classifier):
    """A classifier with a head that predicts, from features within it, how large a loss will be.

    One step on annotated ``(x, y)``, with l_i the loss of a sample, r_i what the head says of it,
    and the batch parted into two halves i and j:

        mean l + loss_weight * mean over pairs of max(0, margin - sign(l_i - l_j) (r_i - r_j))

    The head learns the order of the losses, since their scale shrinks as training goes on.
    Source: Yoo and Kweon 2019, "Learning loss for active learning", section 3.3. Two deviations:
    the head is one hidden layer on all features, not one on each layer's; and its gradient
    reaches the network in every step, where the paper stops it after 60 % of the training.
    """

    def __init__(
        self,
        model: nn.Module,
        loss_head: nn.Module | None,
        layers: Sequence[str] | None,
        *,
        margin: float,
        loss_weight: float,
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
        """The paths in ``model`` of the layers whose outputs the head sees."""
        if self.layers is not None:
            return list(self.layers)
        parts = self.model.named_modules()
        found = [path for path, part in parts if isinstance(part, _ACTIVATIONS)]
        if not found:
            raise ConfigurationError(
                "the model has no activation such as ReLU whose output the head could see: "
                'give layers=["path.of.a.layer", ...].'
            )
        return found[-4:]

    def forward(self, x: Any) -> Any:
        return self.with_features(x)[0]

    def with_features(self, x: Any) -> tuple[Any, Tensor]:
        """The outputs, and the pooled features of the tapped layers ``(B, D)``."""
        with self._taps() as taken:
            outputs = self.model(x)
        missing = [path for path, value in taken.items() if not isinstance(value, Tensor)]
        if missing:
            raise ModelOutputError(
                f"layer {missing[0]!r} gave no tensor in a forward pass: name others, layers=[...]."
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
        x, y = split_batch(batch)
        if y is None:
            raise LabelError("The train batch has no targets: give batches (x, y), or a dict.")
        outputs, features = self.with_features(x)
        loss = self.step_loss("train", outputs, y)
        ranking = self.ranking_loss(self.loss_head(features).flatten(), self.losses(outputs, y))
        self.log(
            "train_ranking_loss", ranking.detach(), on_step=True, on_epoch=True, batch_size=len(y)
        )
        return loss + self.loss_weight * ranking

    def losses(self, outputs: Tensor, y: Any) -> Tensor:
        """The loss of each sample ``(B,)``, without gradients."""
        each = copy.copy(self.loss)
        each.reduction = "none"  # type: ignore[union-attr]
        with torch.no_grad():
            values = each(outputs, self.targets(outputs, y))  # type: ignore[misc]
        return values.flatten(1).mean(1) if values.ndim > 1 else values

    def ranking_loss(self, predicted: Tensor, losses: Tensor) -> Tensor:
        """How far the order of predictions ``(B,)`` is from that of losses; 0 for one sample."""
        half = len(losses) // 2
        if not half:
            return predicted.sum() * 0.0
        larger = losses[:half] > losses[half : 2 * half]
        sign = torch.where(larger, 1.0, -1.0)
        difference = predicted[:half] - predicted[half : 2 * half]
        return (self.margin - sign * difference).clamp(min=0).mean()


class LearningLossStrategy(Strategy):
    """Queries the samples whose loss a jointly trained head predicts to be the highest.

    ``LossPredictingClassifier`` states the objective. Source: Yoo and Kweon 2019, "Learning loss
    for active learning", CVPR. At equal steps it has not been found to help:
    ``benchmarks/learning_loss.py`` compares it with Uniform and Margin on the digits, and states
    what came out. A step costs one more pass through a small head.

    Args:
        classifier: the network, a Block or any ``nn.Module``.
        train_pool: the pool.
        loss_head: from the features of all layers, averaged over space and joined ``(B, D)``, to
            one number. Default: one hidden layer of 128, made for the features when it is built.
        layers: paths in the network of the layers whose outputs the head sees, ``(B, C, ...)``.
            Default: its last four activations.
        selector: which samples together. Default: ``TopK()``.
        margin: by how much predictions are kept apart.
        loss_weight: of the ranking loss.
        **options: those of ``Strategy``.
    """

    module: LossPredictingClassifier

    def __init__(
        self,
        classifier: nn.Module,
        train_pool: ActiveLearningDataset,
        loss_head: nn.Module | None = None,
        layers: Sequence[str] | None = None,
        selector: Selector | Callable[..., Any] | None = None,
        *,
        margin: float = 1.0,
        loss_weight: float = 1.0,
        **options: Unpack[StrategyOptions],
    ) -> None:
        training, rest = training_options(options)
        module = LossPredictingClassifier(
            classifier, loss_head, layers, margin=margin, loss_weight=loss_weight, **training
        )
        super().__init__(module, train_pool, None, selector or TopK(), features="pooled", **rest)

    @property
    def acquisition(self) -> Criterion:
        """The loss that the head predicts."""
        return HeadScore(self.module.loss_head)

    def keep_initial_weights(self) -> None:
        """As ever; before it a sample of the pool tells a head the width of the features."""
        if any(isinstance(p, nn.UninitializedParameter) for p in self.module.parameters()):
            with closing(self.predictions(self.train_pool, [0])) as predictions, torch.no_grad():
                self.module.loss_head(next(predictions).features)
        super().keep_initial_weights()


def _layer(model: nn.Module, path: str) -> nn.Module:
    try:
        return model.get_submodule(path)
    except AttributeError as error:
        names = ", ".join(name for name, _ in model.named_modules() if name)
        raise ConfigurationError(f"layers: the network has no {path!r}; it has {names}.") from error
