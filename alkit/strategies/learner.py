"""The active learner: a model, how it is trained, and how it chooses what to annotate."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import Tensor

from alkit.criteria import Criterion, Margin, as_criterion
from alkit.errors import ConfigurationError
from alkit.pool import ActiveLearningDataset
from alkit.pool.annotations import check_query_size
from alkit.pool.loaders import scoring_loader
from alkit.pool.query import Query
from alkit.pool.trace import drawn
from alkit.prediction import OutputKind, Prediction
from alkit.querying.checks import check_arguments, check_features, checked_picks, class_numbers
from alkit.querying.gathered import Gathered, gather, reviewed
from alkit.querying.monitor import Asked, Monitor
from alkit.querying.predictor import Inputs, Reader
from alkit.querying.selection import ask
from alkit.querying.validation import validation_query
from alkit.seeds import derive, fresh_seed, generator
from alkit.selectors import Candidates, Selector, TopK, as_selector
from alkit.training.budget import check_counts
from alkit.training.on_pool import TrainedOnPool

ScoreFunction = Callable[[Prediction], Tensor]
Oracle = Callable[[np.ndarray], Any]


class ActiveLearner(TrainedOnPool):
    """Any LightningModule, unchanged, with a pool to learn from and a way to query it.

    The module trains by its own ``training_step`` and ``configure_optimizers``, logs what it
    logs, and is given the annotated part of the pool as its training data. ``trainer.fit(learner)``
    with a plain Lightning Trainer and ``learner.fit(...)`` are the same, bit for bit.

    Three methods may be overridden, each alone: ``query_strategy`` (which samples),
    ``score`` (how much is each wanted), ``training_step`` (how is the model trained).

    Args:
        module: the model, a LightningModule. An unbuilt one is built by ``build()``.
        train_pool: the pool, shared with whoever else holds it, never copied.
        criterion: how much each candidate is wanted: a Criterion, or a function of a Prediction.
        selector: which candidates together: a Selector, or a function
            ``(candidates, n, generator) -> positions``.
        val_pool: a pool for validation; ``val_share`` of each query is spent on it, drawn
            uniformly, since a validation set must look like the data.
        val_share: the share of each query that goes to ``val_pool``, in (0, 1).
        test: a dataset of ``(x, y)`` for ``test()``.
        batch_size: samples a training step (at most; batches are of nearly equal size).
        steps_per_epoch: gradient steps that Lightning counts as an epoch. Default: one pass over
            the annotated samples. The order of the samples does not depend on it.
        val_batch_size, test_batch_size: likewise for validation, and for testing and scoring.
        inputs: how the model's input comes out of a batch without labels: the key of a dict, the
            position in a tuple, or a function of the batch. Default: the batch is the input.
        outputs: what the model returns: ``"logits"``, ``"probabilities"``,
            ``"log_probabilities"`` or ``"values"``. Default: what its loss says, else logits.
        features: path of the layer whose output is the candidates' features, as in
            ``module.get_submodule``; only for criteria and selectors that use features. Default:
            what goes into the last part of a Sequential or MultiLayerPerceptron.
        head: path of the part that makes logits of these features; only for selectors that look
            through it. Default: that last part.
        loader: more arguments of the DataLoaders, such as ``{"num_workers": 2}``.
        seed: for the order of the data and for the choice of samples; default: a fresh one,
            kept as ``self.seed``.
    """

    def __init__(
        self,
        module: L.LightningModule,
        train_pool: ActiveLearningDataset,
        criterion: Criterion | ScoreFunction | None = None,
        selector: Selector | Callable[..., Any] | None = None,
        *,
        val_pool: ActiveLearningDataset | None = None,
        val_share: float = 0.2,
        test: Any = None,
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
        self.module = module
        if val_pool is not None and not is_overridden("validation_step", self):
            raise ConfigurationError(
                f"{type(module).__name__} has no validation_step, so the labels of val_pool would "
                "be bought for nothing: write one, or give no val_pool."
            )
        self.train_pool = train_pool
        self.val_pool = val_pool
        self.val_share = val_share
        self.test_data = test
        self.criterion = as_criterion(Margin() if criterion is None else criterion)
        self.selector = as_selector(TopK() if selector is None else selector)
        self.batch_size = batch_size
        self.val_batch_size = val_batch_size or batch_size
        self.test_batch_size = test_batch_size or batch_size
        self.steps_per_epoch = steps_per_epoch
        self.loader = dict(loader or {})
        self.seed = fresh_seed() if seed is None else seed
        kind = outputs if outputs is not None else getattr(module, "outputs", None)
        self.reader = Reader(inputs, kind, features, head)
        self.build_if_ready_made()

    # --- querying -----------------------------------------------------------------------------

    def query(self, n: int = 1) -> Query:
        """The ``n`` samples most wanted now. Changes nothing: not the model, not the pool.

        Works before any training, after it, and without a Trainer. The same state of the pool
        and model gives the same query. With a ``val_pool``, a share of ``n`` is in
        ``query.validation``. ``monitor`` remembers what the model said of the picks.

        Cost: one forward pass over the unannotated samples, in batches of ``test_batch_size``
        (none where the selector uses no scores).

        Raises:
            QuerySizeError: ``n`` is no positive integer, or more than is left.
            NonFiniteError, ScoreError, PicksError: outputs, scores or picks that are not valid.
        """
        pool = self.train_pool
        n = check_query_size(n, len(pool.unannotated_indices))
        self.check_built("query")
        validation = validation_query(self.val_pool, n, self.val_share, self.seed, pool.next_round)
        size = n - (0 if validation is None else len(validation))
        picked = self.query_strategy(pool, size)
        indices = checked_picks(picked, size, pool)
        query = picked if isinstance(picked, Query) else Query(indices, why=type(self).__name__)
        query = replace(query, indices=indices, round=pool.next_round, validation=validation)
        self.monitor.record(query, len(pool.unannotated_indices))
        return query

    def query_strategy(self, pool: ActiveLearningDataset, n: int) -> Any:
        """Which ``n`` samples of the pool to annotate: their dataset indices, or a Query.

        Override this to write a whole strategy of your own.
        """
        ids, round, needs = pool.unannotated_indices, pool.next_round, self.selector.needs
        rule, rng = self.acquisition.at(round), generator(self.seed, "select", round)
        keep, terms = needs & {"outputs", "features"}, rule.terms if "scores" in needs else ()
        seen, watched = Gathered(torch.from_numpy(ids), []), derive(self.seed, "doctor", round)
        started = time.perf_counter()
        if keep or terms:
            check_features(self.selector, self.reader.features_of(self.module))
            with closing(self.predictions(pool, ids)) as predictions:
                watch = torch.from_numpy(ids)[drawn(len(ids), watched)]
                seen = gather(predictions, len(ids), terms=terms, keep=keep, watch=watch)
        candidates = self._candidates(pool, seen)
        scored = time.perf_counter()
        query = ask(n, candidates, rule, seen.scores, self.selector, rng, seen.watched)
        seconds = {"score": scored - started, "select": time.perf_counter() - scored}
        watch = torch.from_numpy(query.indices)[drawn(n, watched)]
        with closing(self.predictions(pool, query.indices)) as predictions:
            again = gather(predictions, n, terms=terms, keep=keep, guesses=True, watch=watch)
        names = None if pool.names is None else [str(pool.names[i]) for i in query.indices]
        return replace(reviewed(query, seen, again), round=round, names=names, seconds=seconds)

    def _candidates(self, pool: ActiveLearningDataset, seen: Gathered) -> Candidates:
        """What was seen of the unannotated samples, and what the selector needs beside it."""
        needs, annotated, labels = self.selector.needs, None, None
        ids = pool.annotated_indices
        if len(ids) and "annotated" in needs:
            keep = needs & {"outputs", "features"} or {"outputs"}
            with closing(self.predictions(pool, ids)) as predictions:
                annotated = gather(predictions, len(ids), keep=keep).prediction
        if len(ids) and "labels" in needs:
            labels = class_numbers(pool.labels_of(ids))
        head = self.reader.head_of(self.module) if "head" in needs else None
        return Candidates(None, seen.prediction, annotated, labels, head, seen.ids)

    def score(self, prediction: Prediction) -> Tensor:
        """How much each candidate is wanted, ``(N,)``, higher sooner: the criterion.

        Override this to write a score of your own; it is given the pool in chunks, so it must
        look at one row at a time.
        """
        return self.criterion(prediction)

    def query_and_update(self, n: int = 1, oracle: Oracle | None = None) -> Query:
        """Query ``n`` samples, have them annotated, and return what was asked.

        Args:
            n: how many.
            oracle: a function from dataset indices to labels. Default: the dataset's own labels.
                The samples of ``val_pool`` always get their dataset's own labels.
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
        self, pool: ActiveLearningDataset, indices: Any
    ) -> Generator[Prediction, None, None]:
        """What the model says of some samples, one Prediction a batch, without their labels.

        The model is in eval mode, without gradients, until the generator ends or is closed.
        """
        view = pool.view(indices, labels=False, scoring=True)
        loader = scoring_loader(view, self.test_batch_size, **self.loader)
        yield from self.reader.predictions(self.module, loader, self._fit_device or self.device)

    def forget_training(self) -> None:
        super().forget_training()
        self._asked: list[Asked] = []

    @property
    def monitor(self) -> Monitor:
        """The model's error on the unannotated samples, by the labels of stochastic queries."""
        return Monitor(self.train_pool, self._asked)

    @property
    def acquisition(self) -> Criterion:
        """What the candidates are scored by: an overridden ``score``, else the criterion."""
        own_score = type(self).score is not ActiveLearner.score
        return as_criterion(self.score) if own_score else self.criterion
