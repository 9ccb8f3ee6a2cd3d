"""ActiveLearner: a training and an acquisition around a pool."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

import lightning as L
import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from alkit.blocks import Block
from alkit.criteria import Criterion
from alkit.pool import ActiveLearningDataset, Query
from alkit.pool.annotations import Indices, check_query_size
from alkit.pool.loaders import scoring_loader
from alkit.pool.sources import check_dataset
from alkit.prediction import OutputKind, Prediction
from alkit.querying import Acquisition, Monitor, PoolContext
from alkit.querying.acquisition import ScoreFunction, as_acquisition
from alkit.querying.checks import check_arguments, check_validation, checked_picks
from alkit.querying.monitor import Asked
from alkit.querying.predictor import Inputs, Predictor
from alkit.querying.validation import validation_query
from alkit.seeds import fresh_seed
from alkit.selectors import Selector
from alkit.strategies.asking import HasAcquisition
from alkit.strategies.saving import Saved
from alkit.training.budget import check_counts
from alkit.training.initial_weights import InitialWeights
from alkit.training.on_pool import TrainedOnPool

Oracle = Callable[[np.ndarray], Any]


class ActiveLearner(HasAcquisition, Saved, InitialWeights, Block, TrainedOnPool):
    """Any LightningModule, unchanged, with a pool to learn from and an acquisition to query it.

    The module trains by its own ``training_step`` and ``configure_optimizers``, and gets the
    annotated part of the pool as its training data. ``trainer.fit(learner)`` with a plain
    Lightning Trainer and ``learner.fit(...)`` are the same, bit for bit.

    Three methods may be overridden, each on its own: ``query_strategy`` (which samples),
    ``score`` (the score of each), ``training_step`` (how the model is trained).

    Args:
        module: the model, a LightningModule. An unbuilt one is built by ``build()``.
        train_pool: the pool, shared with its other users, never copied.
        criterion: score of each candidate: a Criterion, or a function of a Prediction. Default:
            ``Margin()``.
        selector: choice of a batch: a Selector, or a function
            ``(candidates, n, generator) -> positions``. Default: ``TopK()``.
        acquisition: an Acquisition instead of a criterion and a selector.
        val_pool: pool for validation; ``val_share`` of each query is spent on it, drawn uniformly,
            since a validation set must be distributed like the data.
        val_share: share of each query for ``val_pool``, in (0, 1).
        test: a dataset of ``(x, y)`` for ``test()``.
        batch_size: largest number of samples per training step; batches have nearly equal sizes.
        steps_per_epoch: gradient steps that Lightning counts as an epoch. Default: one pass over
            the annotated samples. The order of the samples does not depend on it.
        val_batch_size, test_batch_size: batch sizes for validation, and for testing and scoring.
        inputs: the model's input in a batch without labels: the key of a dict, the position in a
            tuple, or a function of the batch. Default: the batch is the input.
        outputs: kind of the model's outputs: ``"logits"``, ``"probabilities"``,
            ``"log_probabilities"`` or ``"values"``. Default: that of its loss, else logits.
        features: path of the layer whose output is the candidates' features, as in
            ``module.get_submodule``; only for criteria and selectors that use features. Default:
            the input of the last part of a Sequential or MultiLayerPerceptron.
        head: path of the part from features to logits; only for selectors that use it. Default:
            that last part.
        loader: further arguments of the DataLoaders, such as ``{"num_workers": 2}``.
        seed: seed of the data order and of the queries. Default: one from torch's generator, which
            is not advanced; it is in ``self.seed``.
    """

    def __init__(
        self,
        module: L.LightningModule,
        train_pool: ActiveLearningDataset,
        criterion: Criterion | ScoreFunction | None = None,
        selector: Selector | Callable[..., Any] | None = None,
        *,
        acquisition: Acquisition | None = None,
        val_pool: ActiveLearningDataset | None = None,
        val_share: float = 0.2,
        test: Dataset | None = None,
        batch_size: int = 32,
        val_batch_size: int | None = None,
        test_batch_size: int | None = None,
        steps_per_epoch: int | None = None,
        inputs: Inputs = None,
        outputs: OutputKind | None = None,
        features: str | None = None,
        head: str | None = None,
        loader: Mapping[str, Any] | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        check_arguments(module, train_pool, val_pool, val_share)
        check_counts(
            batch_size=batch_size,
            val_batch_size=val_batch_size,
            test_batch_size=test_batch_size,
            steps_per_epoch=steps_per_epoch,
        )
        self.forget_training()
        self.module = module
        check_validation(self, val_pool)
        if test is not None:
            check_dataset(test, "test=")
        self.train_pool = train_pool
        self.val_pool = val_pool
        self.val_share = val_share
        self.test_data = test
        if acquisition is None and type(self).score is not ActiveLearner.score:
            criterion = self.score
        self._acquisition = as_acquisition(acquisition, criterion, selector)
        self.batch_size = batch_size
        self.val_batch_size = val_batch_size or batch_size
        self.test_batch_size = test_batch_size or batch_size
        self.steps_per_epoch = steps_per_epoch
        self.loader = dict(loader or {})
        self.seed = fresh_seed() if seed is None else seed
        kind = outputs if outputs is not None else getattr(module, "outputs", None)
        layer = features or getattr(module, "features_layer", None)
        self.predictor = Predictor(inputs, kind, layer, head)
        self.build_if_ready_made()

    # --- querying -----------------------------------------------------------------------------

    @property
    def asks_by_acquisition(self) -> bool:
        """True if the acquisition decides, False if an overridden ``query_strategy`` does."""
        own = getattr(self.query_strategy, "__func__", None) is not ActiveLearner.query_strategy
        return self._acquisition_replaced or not own

    @property
    def context(self) -> PoolContext:
        """Context of the next query, for ``criterion.at(strategy.context)``."""
        return PoolContext(self, self.train_pool)

    def query(self, n: int) -> Query:
        """Query ``n`` samples, most wanted first. Changes nothing: not the model, not the pool.

        Works before any training, after it, and without a Trainer. The same state of the pool
        and model gives the same query. With a ``val_pool``, a share of ``n`` is in
        ``query.validation``. ``monitor`` remembers the query.

        Cost: one forward pass over the unannotated samples, in batches of ``test_batch_size``
        (over the picks alone where the selector uses no scores).

        Raises:
            QuerySizeError: ``n`` is not a positive integer, or exceeds the unannotated samples.
            NonFiniteError, ScoreError, PicksError: outputs, scores or picks are not valid.
        """
        pool = self.train_pool
        n = check_query_size(n, len(pool.unannotated_indices))
        self.check_built("query")
        validation = validation_query(self.val_pool, n, self.val_share, self.seed, pool.next_round)
        size = n - (0 if validation is None else len(validation))
        ask = self._ask if self._acquisition_replaced else self.query_strategy
        query = ask(pool, size)
        indices = checked_picks(query, size, pool)
        if not isinstance(query, Query):
            query = Query(indices, pool.next_round, why=type(self).__name__)
        if validation is not None or query.round != pool.next_round:
            query = replace(query, round=pool.next_round, validation=validation)
        self.monitor.record(query, len(pool.unannotated_indices))
        return query

    def query_strategy(self, pool: ActiveLearningDataset, n: int) -> Any:
        """``n`` samples to annotate: dataset indices, or a Query; by default the acquisition's."""
        return self._ask(pool, n)

    def _ask(self, pool: ActiveLearningDataset, n: int) -> Query:
        return self._acquisition.ask(PoolContext(self, pool), n)

    def score(self, prediction: Prediction) -> Tensor:
        """Score of each candidate, ``(N,)``, by one row at a time; by default the criterion's."""
        return self.criterion(prediction)

    def query_and_update(self, n: int, oracle: Oracle | None = None) -> Query:
        """Query ``n`` samples, annotate them, and return the query.

        Args:
            n: number of samples.
            oracle: function from dataset indices to labels. Default: the dataset's labels. The
                samples of ``val_pool`` always get their dataset's labels.
        """
        query = self.query(n)
        self.train_pool.annotate(query, None if oracle is None else oracle(query.indices))
        if query.validation is not None and self.val_pool is not None:
            try:
                self.val_pool.annotate(query.validation)
            except Exception:
                self.train_pool.undo()
                raise
        return query

    def predictions(
        self, pool: ActiveLearningDataset, indices: Indices
    ) -> Generator[Prediction, None, None]:
        """Yield the predictions of some samples, one Prediction per batch, without their labels.

        The model is in eval mode, without gradients, until the generator ends or is closed.
        """
        view = pool.view(indices, labels=False, scoring=True)
        loader = scoring_loader(view, self.test_batch_size, **self.loader)
        yield from self.predictor.predictions(self.module, loader, self._fit_device or self.device)

    def dry_run(self) -> None:
        """Predict one sample, which sets the widths of lazy layers."""
        with closing(self.predictions(self.train_pool, [0])) as predictions:
            next(predictions)

    @property
    def monitor(self) -> Monitor:
        """Error of the model on the unannotated samples, from the labels of stochastic queries."""
        return Monitor(self.train_pool, self._asked)

    def forget_training(self) -> None:
        super().forget_training()
        self._asked: list[Asked] = []
