"""Asking: the next samples of a project, with the reason for each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from alkit.arguments import check_integer
from alkit.errors import ConfigurationError
from alkit.pool import ActiveLearningDataset
from alkit.project.choice import AUDIT, Choice
from alkit.project.defaults import default_strategy
from alkit.project.order import AuditOrder, AuditShare
from alkit.querying import select
from alkit.seeds import check_seed, derive
from alkit.selectors import TypiClust
from alkit.strategies import ActiveLearner

MOST = 20_000  # candidates of one query on features

Factory = Callable[[ActiveLearningDataset], ActiveLearner]


class Asking:
    """The next samples of a pool: typical ones at first, then uncertain ones, and audit samples.

        asking = Asking(pool, features, order)
        for choice in asking.batch(20):
            print(choice.index, choice.why)
        asking.note({choice.index: choice.why})      # when it is answered, in the order of answers
        asking.fit()                                 # when labels have come

    Without labels of two classes, or before the first fit, ``TypiClust`` chooses on the features.
    Then the strategy chooses; by default ``default_strategy``. One lock guards the pool and the
    strategy: whoever changes either while a ``Learner`` runs, holds ``asking.lock``.

    Args:
        pool: the pool, with ``classes``.
        features: ``(N, D)`` features that do not change with training, as from ``scaled``.
        order: order of the audit; its samples are those of the pool.
        strategy: a built strategy around this pool, or a function that returns one. Its ``query``
            alone then chooses.
        training: arguments of its ``fit``, such as ``{"max_epochs": 10}``; none for an Estimator.
        options: arguments of the logistic regression of the default strategy, such as ``C``.
        share: share of the answers that are for the audit, from 0 to 1.
        seed: seed of all choices.
        most: largest number of candidates for typical samples, and of the default strategy; of a
            larger pool, as many are drawn at random. The reason names the number.

    Raises:
        ConfigurationError: the parts do not fit together.
    """

    def __init__(
        self,
        pool: ActiveLearningDataset,
        features: np.ndarray,
        order: AuditOrder,
        *,
        strategy: ActiveLearner | Factory | None = None,
        training: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        share: float = 0.2,
        seed: int = 0,
        most: int = MOST,
    ) -> None:
        if not len(pool) == len(features) == len(order):
            raise ConfigurationError(
                f"the pool has {len(pool)} samples, the features {len(features)} rows and the "
                f"order of the audit {len(order)}: expected one number."
            )
        if not pool.classes:
            raise ConfigurationError("a project needs classes= of its pool.")
        self.pool, self.features, self.order = pool, features, order
        self.seed, self.share = check_seed(seed), AuditShare(share, seed)
        self.most, self.training = check_integer("most", most), dict(training or {})
        self.lock = threading.RLock()
        self.whys: dict[int, str] = {}
        """Reason of each answered sample that was asked, in the order of the answers."""
        self.guessed: dict[int, str] = {}
        """Class that was predicted for each sample when it was asked, before its label came."""
        self.by_machine: set[int] = set()
        """Samples with the label of a machine alone, which people are still asked for the audit."""
        self._offered: dict[int, str] = {}
        self._own = strategy is None
        made = strategy
        if strategy is None:
            made = default_strategy(pool, seed, **(options or {}))
        elif not isinstance(strategy, ActiveLearner):
            made = strategy(pool)
        if not isinstance(made, ActiveLearner) or made.train_pool is not pool:
            raise ConfigurationError(
                "strategy must be a built strategy around the pool of the project, or a function "
                f"pool -> strategy, got {made!r}."
            )
        made.check_built("ask by")
        self.strategy = made

    def note(self, answers: Mapping[int, str]) -> None:
        """Note the reasons of samples that were answered or excluded, in the order of answers."""
        with self.lock:
            self.whys.update(answers)

    def forget(self, indices: Collection[int]) -> None:
        """Forget the reasons of samples whose answers were undone."""
        with self.lock:
            for index in indices:
                self.whys.pop(index, None)

    def fit(self) -> bool:
        """Fit the strategy to all labels, from its initial weights; False without two classes."""
        with self.lock:
            known = self.pool.labels_of(self.pool.annotated_indices)
            if self.strategy.fits:
                self.strategy.reset_model()
            if len(set(known)) < 2:
                return False
            self.strategy.fit(**self.training, enable_progress_bar=False)
            return True

    def batch(self, n: int, leave_out: Collection[int] = (), *, audit: bool = True) -> list[Choice]:
        """The next ``n`` samples, in the order to ask them; fewer if fewer are unannotated.

        Args:
            n: number of samples.
            leave_out: dataset indices of samples that somebody is asked about now.
            audit: False for no audit samples, which machines do not answer.

        Cost: that of ``TypiClust`` or of the query of the strategy; about 0.7 s of one core among
        20,000 candidates of 64 features.
        """
        n = check_integer("n", n, 0)
        with self.lock:
            pending = set(leave_out)
            left = np.setdiff1d(self.pool.unannotated_indices, np.fromiter(pending, np.int64))
            n = min(n, len(left))
            if not n:
                return []
            answers, audits = self._counts(pending)
            places = self.share.places(n, answers, audits) if audit else []
            uniform = self.order.next(len(places), self._answered(), pending).tolist()
            rest = iter(self._chosen(n - len(uniform), left, uniform))
            drawn = iter(Choice(index, AUDIT) for index in uniform)
            batch = [next(drawn if t in places else rest) for t in range(n)]
            batch = self._guessed(batch)
            self._offered |= {choice.index: choice.why for choice in batch}
            self.guessed |= {c.index: c.guess for c in batch if c.guess is not None}
            return batch

    def uniform(self, n: int, leave_out: Collection[int] = ()) -> list[Choice]:
        """The next ``n`` audit samples alone, for when no other choice can be made."""
        with self.lock:
            drawn = self.order.next(n, self._answered(), leave_out).tolist()
            batch = [Choice(index, f"{AUDIT}, since choosing failed") for index in drawn]
            self._offered |= {choice.index: choice.why for choice in batch}
            return batch

    def guesses(self, indices: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Predicted class numbers ``(n,)`` and their probabilities ``(n,)`` of some samples.

        Cost: one forward pass over the samples, in batches of the strategy's ``test_batch_size``.

        Raises:
            ConfigurationError: the model predicts values, not classes.
        """
        ids = np.asarray(indices, dtype=np.int64)
        ascending, parts = np.sort(ids), []
        with self.lock, closing(self.strategy.predictions(self.pool, ascending)) as predictions:
            for prediction in predictions:
                top = prediction.mean_probabilities.max(1)
                parts.append((top.indices.cpu().numpy(), top.values.float().cpu().numpy()))
        order = np.searchsorted(ascending, ids)
        guesses, certainties = (np.concatenate(column)[order] for column in zip(*parts))
        return guesses, certainties

    def drawn(self, indices: np.ndarray) -> np.ndarray:
        """At most ``most`` of some samples, drawn at random, ascending."""
        draw = np.random.default_rng(derive(self.seed, "candidates", len(self.whys)))
        return np.sort(draw.permutation(indices)[: self.most])

    def _answered(self) -> np.ndarray:
        """Samples that people have answered, or that are excluded."""
        open_ones = [*self.pool.unannotated_indices.tolist(), *self.by_machine]
        return np.setdiff1d(np.arange(len(self.pool)), open_ones)

    def _counts(self, pending: set[int]) -> tuple[int, int]:
        """Number of samples that were asked, and of audit samples among these."""
        asked = self.whys | {k: self._offered[k] for k in pending if k in self._offered}
        return len(asked), sum(why.startswith("audit") for why in asked.values())

    def _chosen(self, n: int, left: np.ndarray, audit: list[int]) -> list[Choice]:
        """``n`` samples of ``left`` that are not for the audit."""
        if not n:
            return []
        among, said = np.setdiff1d(left, audit), ""
        if len(among) > self.most and (self._own or not self.strategy.trained):
            said = f", {self.most:,} of {len(among):,} candidates drawn at random"
            among = self.drawn(among)
        if not self.strategy.trained:
            others = np.setdiff1d(np.arange(len(self.pool)), left)
            return self._typical(n, among, np.union1d(others, audit).astype(np.int64), said)
        rest = np.setdiff1d(self.pool.unannotated_indices, among)
        query = self.strategy.query(n, exclude=rest)
        scores = [None] * n if query.scores is None else np.asarray(query.scores).tolist()
        words = "uncertain, and unlike the labeled ones: " if self._own else "chosen by "
        return [
            Choice(index, f"{words}{query.why}{said}", score)
            for index, score in zip(query, scores, strict=True)
        ]

    def _typical(self, n: int, among: np.ndarray, rows: np.ndarray, said: str) -> list[Choice]:
        """Typical samples of groups that have none of ``rows``, labeled, asked or excluded."""
        selector = TypiClust()
        picked = select(
            n,
            embeddings=self.features[np.concatenate([among, rows])],
            annotated=np.arange(len(among), len(among) + len(rows)),
            selector=selector,
            seed=derive(self.seed, "typical", len(self.whys)),
        )
        reason = "no labels yet" if not self.whys else "labels of fewer than two classes"
        why = f"typical of a group without labels ({reason}): {selector!r} on the features{said}"
        return [Choice(int(among[k]), why) for k in picked]

    def _guessed(self, batch: list[Choice]) -> list[Choice]:
        if not self.strategy.trained:
            return batch
        names = self.pool.classes or ()
        found = zip(batch, *self.guesses([choice.index for choice in batch]), strict=True)
        return [replace(c, guess=names[g], certainty=float(p)) for c, g, p in found]
