"""Strategies over a plain network, with its loss, optimizer and metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from os import PathLike
from typing import Any, TypedDict, cast

import lightning as L
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import Tensor, nn
from torch.utils.data import Dataset
from torchmetrics import Metric
from typing_extensions import Unpack

from alkit.arguments import check_keywords
from alkit.criteria import Constant, Criterion
from alkit.errors import ConfigurationError
from alkit.pool import ActiveLearningDataset
from alkit.prediction import Task
from alkit.querying import Acquisition
from alkit.querying.acquisition import ScoreFunction
from alkit.querying.meaning import Outputs
from alkit.selectors import Random, Selector
from alkit.strategies.learner import ActiveLearner
from alkit.strategies.posterior import unwrapped
from alkit.strategies.skipping import OnError
from alkit.training import Application, Classifier
from alkit.training.batches import Inputs
from alkit.training.losses import as_network
from alkit.training.metrics import Metrics


class LearnerOptions(TypedDict, total=False):
    """Keyword arguments of every strategy; described at ``ActiveLearner``."""

    acquisition: Acquisition | None
    val_pool: ActiveLearningDataset | None
    val_share: float
    val: Dataset | None
    test: Dataset | None
    batch_size: int
    val_batch_size: int | None
    test_batch_size: int | None
    steps_per_epoch: int | None
    inputs: Inputs
    outputs: Outputs
    task: Task | None
    features: str | None
    head: str | None
    loader: Mapping[str, Any] | None
    cache_features: str | PathLike[str] | None
    on_error: OnError
    seed: int | None


class TrainingOptions(TypedDict, total=False):
    """Keyword arguments of the training of a plain network; described at ``Strategy``."""

    loss: nn.Module | Callable[[Tensor, Tensor], Tensor] | None
    optimizer: Any
    train_metrics: Metrics
    val_metrics: Metrics
    test_metrics: Metrics


class StrategyOptions(LearnerOptions, TrainingOptions, total=False):
    """Keyword arguments of every strategy over a network."""


class PosteriorOptions(StrategyOptions, total=False):
    """Keyword arguments of a strategy that may draw posterior samples."""

    samples: int | None
    members: int | None


class Strategy(ActiveLearner):
    """An active learner over a plain network, with its loss, optimizer and metrics.

    Args:
        classifier: the network, a Block or any ``nn.Module``; or a LightningModule (such as an
            ``alkit.training.FixMatchClassifier``), which brings its own training.
        train_pool: the pool.
        criterion: score of each candidate. Default: ``Margin()``.
        selector: choice of a batch. Default: ``TopK()``.
        loss: the loss, ``CrossEntropyLoss`` by default; it also declares the network's outputs.
        optimizer: a recipe, ``alkit.Adam(lr=1e-3)`` by default.
        train_metrics, val_metrics, test_metrics: metrics of torchmetrics; results are named after
            their class: ``testMulticlassAccuracy`` (and ``testMulticlassAccuracy_epoch``).
        samples, members: posterior samples by MC dropout, members of an ensemble; see
            ``ActiveLearner``. The network inside an ``MCDropout`` or ``Ensemble`` is also tested
            with the mean of its samples.
        **options: the options of ``ActiveLearner``, such as ``acquisition`` and ``seed``.

    Raises:
        ConfigurationError: a LightningModule comes with a loss, optimizer or metrics that it would
            ignore.
    """

    def __init__(
        self,
        classifier: nn.Module,
        train_pool: ActiveLearningDataset,
        criterion: Criterion | ScoreFunction | None = None,
        selector: Selector | Callable[..., Any] | None = None,
        *,
        loss: nn.Module | Callable[[Tensor, Tensor], Tensor] | None = None,
        optimizer: Any = None,
        train_metrics: Metrics = None,
        val_metrics: Metrics = None,
        test_metrics: Metrics = None,
        samples: int | None = None,
        members: int | None = None,
        **options: Unpack[LearnerOptions],
    ) -> None:
        _, *own = signature(type(self).__init__).parameters
        check_keywords(type(self).__name__, options, [*own, *StrategyOptions.__annotations__])
        training = {
            "loss": loss,
            "optimizer": optimizer,
            "train_metrics": train_metrics,
            "val_metrics": val_metrics,
            "test_metrics": test_metrics,
        }
        module = _trained(classifier, training)
        super().__init__(
            module, train_pool, criterion, selector, samples=samples, members=members, **options
        )

    def on_test_epoch_end(self) -> None:
        """Call the module's hook; its metrics are also logged under their plain names."""
        self.module.on_test_epoch_end()
        if isinstance(self.module, Application):
            metrics = cast(Mapping[str, Metric], self.module.test_metrics)
            for name, metric in metrics.items():
                self.log(name, metric)


class UniformStrategy(Strategy):
    """Queries samples uniformly at random: the baseline of every other strategy.

    It makes no forward pass over the pool. The arguments are those of ``Strategy``.
    """

    def __init__(
        self,
        classifier: nn.Module,
        train_pool: ActiveLearningDataset,
        **options: Unpack[StrategyOptions],
    ) -> None:
        options.setdefault("acquisition", Acquisition(Constant(), Random()))
        super().__init__(classifier, train_pool, **options)


class UncertaintyStrategy(Strategy):
    """Queries the samples that the model is least certain of (Lewis and Gale 1994).

    Args:
        classifier: the network, as for ``Strategy``.
        criterion: the measure of uncertainty, such as ``Margin()`` or ``Entropy()``.
        train_pool: the pool.
        **options: the options of ``Strategy``.
    """

    def __init__(
        self,
        classifier: nn.Module,
        criterion: Criterion | ScoreFunction | None = None,
        train_pool: ActiveLearningDataset | None = None,
        **options: Unpack[PosteriorOptions],
    ) -> None:
        if train_pool is None:
            raise ConfigurationError("UncertaintyStrategy needs a train_pool.")
        super().__init__(classifier, train_pool, criterion, **options)


def training_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split the options of a strategy into those of the training and the others."""
    names = TrainingOptions.__annotations__
    training = {name: value for name, value in options.items() if name in names}
    return training, {name: value for name, value in options.items() if name not in names}


def _check_no_training_inside(network: nn.Module) -> None:
    """Raise a ConfigurationError if a part of a network has a training that would be ignored."""
    for path, part in network.named_modules():
        if isinstance(part, L.LightningModule) and is_overridden("training_step", part):
            name = type(part).__name__
            raise ConfigurationError(
                f"{name} ({path!r} of {type(network).__name__}) is a LightningModule, whose "
                f"training_step would be ignored here. To train by it, pass the {name} itself to "
                "ActiveLearner or Strategy; MC dropout and ensembles of it are ActiveLearner(..., "
                "samples=20) and members=5. To use its layers in another network, pass these."
            )


def _trained(classifier: nn.Module, training: dict[str, Any]) -> Any:
    """Wrap a network as a LightningModule that trains it."""
    module = unwrapped(classifier).module
    if not isinstance(module, L.LightningModule):
        _check_no_training_inside(as_network(classifier))
        return Classifier(classifier, **training)
    ignored = [name for name, value in training.items() if value is not None]
    if ignored:
        raise ConfigurationError(
            f"{type(module).__name__} is a LightningModule, which trains and measures by "
            f"itself: give {', '.join(ignored)} to it, not to the strategy."
        )
    return classifier
