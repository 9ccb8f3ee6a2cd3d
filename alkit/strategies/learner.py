"""ActiveLearner: a training and an acquisition around a pool."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from os import PathLike
from typing import Any

import lightning as L
from torch.utils.data import DataLoader, Dataset

from alkit.blocks import Block, Ensemble, MCDropout
from alkit.criteria import Criterion
from alkit.pool import ActiveLearningDataset
from alkit.pool.annotations import Indices
from alkit.pool.loaders import scoring_loader
from alkit.pool.unlabeled_batches import for_inputs
from alkit.prediction import Prediction, Task
from alkit.querying import Acquisition
from alkit.querying.acquisition import ScoreFunction, as_acquisition
from alkit.querying.cached import CachedFeatures
from alkit.querying.checks import (
    check_arguments,
    check_datasets,
    check_options,
    check_validation,
)
from alkit.querying.meaning import Outputs, check_label, labels_to_check, meaning_of
from alkit.querying.monitor import Asked
from alkit.querying.predictor import Predictor
from alkit.querying.structures import check_background
from alkit.querying.tokens import check_tags
from alkit.seeds import fresh_seed
from alkit.selectors import Selector
from alkit.storage import DEFAULT, Storage
from alkit.strategies.asking import Asks
from alkit.strategies.foreign_hooks import check_hooks
from alkit.strategies.joining import Joins
from alkit.strategies.posterior import declared
from alkit.strategies.saving import Saved
from alkit.strategies.skipping import OnError, check_on_error
from alkit.training.batches import Inputs, Places
from alkit.training.budget import check_counts
from alkit.training.initial_weights import InitialWeights
from alkit.training.on_pool import TrainedOnPool


class ActiveLearner(Asks, Joins, Saved, InitialWeights, Block, TrainedOnPool):
    """Any LightningModule, unchanged, with a pool to learn from and an acquisition to query it.

    The module trains by its own ``training_step`` and ``configure_optimizers``, and gets the
    annotated part of the pool as its training data. ``trainer.fit(learner)`` with a plain
    Lightning Trainer and ``learner.fit(...)`` are the same, bit for bit. A loader or a datamodule
    that the Trainer gets does not add training data. Attributes that the learner lacks are those
    of the module (``learner.backbone``), and training changes the module that was passed in.

    Three methods may be overridden, each on its own: ``query_strategy`` (which samples),
    ``score`` (the score of each), ``training_step`` (how the model is trained).

    Args:
        module: the model, a LightningModule, also inside an ``MCDropout`` or ``Ensemble``. An
            unbuilt one is built by ``build()``.
        train_pool: the pool, shared with its other users, never copied.
        criterion: score of each candidate: a Criterion, or a function of a Prediction. Default:
            ``Margin()``.
        selector: choice of a batch: a Selector, or a function
            ``(candidates, n, generator) -> positions``. Default: ``TopK()``.
        acquisition: an Acquisition instead of a criterion and a selector.
        val_pool: pool for validation; ``val_share`` of each query is spent on it, drawn uniformly,
            since a validation set must be distributed like the data.
        val_share: share of each query for ``val_pool``, in (0, 1).
        val: a dataset of ``(x, y)`` for validation in each fit, instead of a ``val_pool``. It is
            not counted among the labels that were bought.
        test: a dataset of ``(x, y)`` for ``test()``.
        batch_size: largest number of samples per training step, of all processes together; batches
            have nearly equal sizes.
        steps_per_epoch: gradient steps that Lightning counts as an epoch. Default: one pass over
            the annotated samples, or what the module declares (``AdversarialStrategy``). The order
            of the samples does not depend on it.
        val_batch_size, test_batch_size: batch sizes for validation, and for testing and scoring.
        inputs: the model's input in a batch without labels: the key of a dict, the position in a
            tuple, or a function of the batch, which may return a tuple or a dict of arguments.
            Default: a dict's keys are the arguments of ``forward``, and any other batch its input.
        outputs: kind of the model's outputs: ``"logits"``, ``"probabilities"``,
            ``"log_probabilities"`` or ``"values"``; a task whose samples have several rows,
            ``"segmentation"``, ``"tokens"``, ``"detection"`` or ``"keypoints"``; or a function from
            what the model returns (and its input, with two parameters) to ``(N, C)`` or a
            Prediction. Default: the kind of its loss, else logits, as long as the labels are class
            numbers.
        task: ``"multiclass"``, exclusive classes; ``"binary"``, one column; ``"multilabel"``,
            independent labels; ``"regression"``; or one of several rows, as for ``outputs``.
            Default: that of the loss or of the kind.
        features: path of the layer whose output is the candidates' features, such as
            ``"backbone"``, as in ``get_submodule`` of the network or of the module; only for
            criteria and selectors that use features. Of samples with several rows, maps
            ``(N, D, H, W)`` are averaged over their places. Default: the input of the last part of
            a Sequential or MultiLayerPerceptron.
        head: path of the part from features to logits; only for selectors that use it. Default:
            that last part.
        samples: number of posterior samples by MC dropout at scoring, from the module's dropout
            layers; its training and testing are unchanged. ``MCDropout(module, samples)`` is the
            same. Default: 1, or 20 if the criterion needs several (``query.why`` states it).
        members: number of members of an ensemble of the module, as ``Ensemble(module, members)``:
            the module and copies with redrawn weights. Each is trained alone; see ``Committee``.
        loader: further arguments of the DataLoaders, such as ``{"num_workers": 2}``. A
            ``collate_fn`` gets items ``(x, y)`` or dicts; where labels are hidden, that of an
            annotated sample stands in for each, and is taken out of the batch.
        cache_features: path of a ``.npy`` file for the output of the frozen part of the network,
            which is then computed once per sample, not in each query; see ``CachedFeatures``.
            That part is what comes before the first layer that is trained, or ends with the layer
            ``features``. Its weights and the samples are compared at each query.
        on_error: ``"skip"`` to leave samples that cannot be read, such as damaged files, out of
            queries, whose ``why`` names them; ``unreadable`` has the reasons. Default: an error.
        seed: seed of the data order and of the queries. Default: one from torch's generator, which
            is not advanced; it is in ``self.seed``.
    """

    storage: Storage = DEFAULT
    """Place of what a query keeps of all candidates: memory, or a file; see ``Storage``."""

    def __init__(
        self,
        module: L.LightningModule | MCDropout | Ensemble,
        train_pool: ActiveLearningDataset,
        criterion: Criterion | ScoreFunction | None = None,
        selector: Selector | Callable[..., Any] | None = None,
        *,
        acquisition: Acquisition | None = None,
        val_pool: ActiveLearningDataset | None = None,
        val_share: float = 0.2,
        val: Dataset | None = None,
        test: Dataset | None = None,
        batch_size: int = 32,
        val_batch_size: int | None = None,
        test_batch_size: int | None = None,
        steps_per_epoch: int | None = None,
        inputs: Inputs = None,
        outputs: Outputs = None,
        task: Task | None = None,
        features: str | None = None,
        head: str | None = None,
        samples: int | None = None,
        members: int | None = None,
        loader: Mapping[str, Any] | None = None,
        cache_features: str | PathLike[str] | None = None,
        on_error: OnError = "raise",
        seed: int | None = None,
    ) -> None:
        super().__init__()
        check_hooks(self)
        check_options(seed=seed, features=features, head=head, loader=loader)
        self.seed = fresh_seed() if seed is None else seed
        inner, self.posterior = declared(module, samples, members, self.seed, outputs)
        check_arguments(inner, train_pool, val_pool, val_share, val)
        check_datasets(val=val, test=test)
        check_on_error(on_error)
        check_counts(
            batch_size=batch_size,
            val_batch_size=val_batch_size,
            test_batch_size=test_batch_size,
            steps_per_epoch=steps_per_epoch,
        )
        self.forget_training()
        self.module = inner
        check_validation(self, val_pool, val)
        self.train_pool = train_pool
        self.val_pool = val_pool
        self.val_share = val_share
        self.val_data = val
        self.test_data = test
        if acquisition is None and type(self).score is not ActiveLearner.score:
            criterion = self.score
        self._acquisition = as_acquisition(acquisition, criterion, selector)
        self.batch_size = batch_size
        self.val_batch_size = val_batch_size or batch_size
        self.test_batch_size = test_batch_size or batch_size
        self.steps_per_epoch = steps_per_epoch
        self.loader = dict(loader or {})
        self.cache_features = None if cache_features is None else CachedFeatures(cache_features)
        self.on_error, self.unreadable = on_error, dict[int, str]()
        layer = features or getattr(inner, "features_layer", None)
        places = Places(inputs, train_pool.input_key, train_pool.label_key)
        self.predictor = Predictor(places, meaning_of(inner, outputs, task), layer, head)
        self.build_if_ready_made()

    def predictions(
        self, pool: ActiveLearningDataset, indices: Indices
    ) -> Generator[Prediction, None, None]:
        """Yield the predictions of some samples, one Prediction per batch, without their labels.

        The model is in eval mode, without gradients, until the generator ends or is closed.
        """
        device, sampled = self._fit_device or self.device, self.posterior.module(self)
        unchecked = True
        if self.cache_features is None:
            loader = self.scoring_batches(pool, indices)
            predictions = self.predictor.predictions(self.module, loader, device, sampled)
        else:
            predictions = self.cache_features.predictions(self, pool, indices, device, sampled)
        for prediction in predictions:
            if unchecked:
                self._check_labels(prediction)
                unchecked = False
            yield prediction
            del prediction  # freed before the next batch is predicted

    def scoring_batches(self, pool: ActiveLearningDataset, indices: Indices) -> DataLoader:
        """Batches of ids and inputs of some samples, without their labels, as they are scored."""
        view = pool.view(indices, labels=False, scoring=True)
        known = pool if pool.get_num_annotated() else self.train_pool
        options = for_inputs(self.loader, known, self.predictor.masks(self.module))
        return scoring_loader(view, self.test_batch_size, **options)

    def _check_labels(self, prediction: Prediction) -> None:
        """Compare labels with the meaning of the outputs."""
        known = self.train_pool._known
        if prediction.task == "detection":
            first = [label for _, label in known.values(self.train_pool._labels.read)]
            check_background(self.module, [*known.labels.values(), *first])
        check_tags(prediction, known.values(self.train_pool._labels.read))
        for label in labels_to_check(prediction, self.train_pool):
            check_label(prediction, label, self.predictor.meaning)

    def dry_run(self) -> None:
        """Predict one sample, which sets the widths of lazy layers."""
        with closing(self.predictions(self.train_pool, [0])) as predictions:
            next(predictions)

    def forget_training(self) -> None:
        super().forget_training()
        self._asked: list[Asked] = []
        self._joined = False
