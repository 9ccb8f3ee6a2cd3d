"""A strategy that chooses by itself how to choose, by what it measures, and says why."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn
from typing_extensions import Unpack

from alkit.criteria import Margin
from alkit.pool import ActiveLearningDataset
from alkit.pool.query import Query
from alkit.pool.trace import drawn
from alkit.querying.gathered import gather
from alkit.querying.monitor import Answer
from alkit.seeds import derive
from alkit.selectors import Candidates, Features, MaxHerding, Power, Selector, UncertaintyHerding
from alkit.strategies.strategy import Strategy, StrategyOptions

PLATEAU = 0.05  # below it, a batch hardly brought the annotated samples nearer to the others
PREDICTS = 0.7  # the area under the ROC curve from which the margin is trusted,
FAILS = 0.5  # and below which it is trusted no more
LABELS = 20  # that it takes to measure: the last batches that hold as many


@dataclass(frozen=True)
class Signals:
    """What is measured before a query; None where it cannot be told yet.

    Attributes:
        trained: whether the weights are others than those that the network was built with.
        drop: by which share the last batches lowered the mean distance to the nearest annotated
            sample, of at most 1,000 unannotated ones.
        error: of the models that asked for the last batches: weighted to all unannotated samples
            where the probabilities of the picks are known, else on the picks.
        chance: the error on the picks of one who always says their most frequent class.
        auroc: how often, among the picks, a wrong guess had a higher margin score than a right
            one; weighted as the error is.
        trusted: whether the last batch was drawn by the margin.
    """

    trained: bool = False
    drop: float | None = None
    error: float | None = None
    chance: float | None = None
    auroc: float | None = None
    trusted: bool = False


def choice(signals: Signals) -> tuple[Selector, str]:
    """The selector that fits what was measured, and why."""
    s = signals
    if not s.trained:
        return MaxHerding(), "the network was not trained yet"
    herding = UncertaintyHerding()
    if s.error is None or s.chance is None:
        return herding, "no batch tells yet what the network knows"
    error = f"the network errs on {s.error:.0%}, and one class for all would on {s.chance:.0%}"
    if s.error >= s.chance:
        return herding, error
    margin = "the margin cannot be judged by the last batch"
    if s.auroc is not None:
        margin = f"the margin tells errors with an AUROC of {s.auroc:.2f}"
    if s.trusted and (s.auroc is None or s.auroc >= FAILS):
        return Power(2, uniform=0.1), f"{margin}; {error}"
    if s.auroc is None or s.auroc < PREDICTS:
        return herding, margin
    nearer = "nothing is known of the coverage"
    if s.drop is not None:
        nearer = f"the last batch brought the annotated samples {s.drop:.0%} nearer to the others"
    if s.drop is None or s.drop >= PLATEAU:
        return herding, nearer
    return Power(2, uniform=0.1), f"{nearer}; {margin}; {error}"


class AutoStrategy(Strategy):
    """Chooses each round how to choose, by what it measures, and says why in ``query.why``.

    ``MaxHerding`` while the network is untrained: what covers the pool. ``UncertaintyHerding``
    once it is trained: what covers the uncertain part. Power-margin, ``Power(beta=2,
    uniform=0.1)``, which also feeds ``monitor``, once three signals agree: the last batch hardly
    brought the annotated samples nearer to the others (less than 5 %), the network errs less than
    one who says the same class for all, and the margin predicts its errors (AUROC of .7). Back,
    when the margin does not tell errors any more (below .5) or the network errs as often as that.
    Never by the number of labels; to measure, it takes the last batches that hold 20.

    Which of these suits when: Hacohen et al. 2022, "Active learning on a budget: opposite
    strategies suit high and low budgets"; Bae et al. 2025, "Uncertainty herding: one active
    learning method for all label budgets". The signals are read from the pool, the model and what
    ``monitor`` remembers, as far as it is annotated; the same of these gives the same query. So
    labels may come later and in parts, and a strategy made anew begins with herding.

    Cost: that of the selector; one more forward pass over the annotated and at most 1,000
    unannotated samples, and the distances between them.

    Args:
        classifier: the network, as for ``Strategy``.
        train_pool: the pool; nothing need be annotated.
        **options: those of ``Strategy``; ``features="layer.path"`` says where distances are
            measured.
    """

    def __init__(
        self,
        classifier: nn.Module,
        train_pool: ActiveLearningDataset,
        **options: Unpack[StrategyOptions],
    ) -> None:
        super().__init__(classifier, train_pool, Margin(), MaxHerding(), **options)

    def query_strategy(self, pool: ActiveLearningDataset, n: int) -> Query:
        self.selector, reason = choice(self.signals())
        query = super().query_strategy(pool, n)
        return replace(query, why=f"{query.why}: {reason}")

    def signals(self) -> Signals:
        """What is measured now. Changes nothing."""
        if not self._is_trained():
            return Signals()
        batches = self._last_batches()
        if not batches:
            return Signals(trained=True)
        labels = np.concatenate([batch.labels for batch in batches])
        wrong, weights = _wrong_and_weights(batches)
        return Signals(
            trained=True,
            drop=self._drop(batches[0].asked.round),
            error=float(np.average(wrong, weights=weights)),
            chance=1 - np.unique(labels, return_counts=True)[1].max() / len(labels),
            auroc=_auroc(batches),
            trusted=batches[-1].asked.probabilities is not None,
        )

    def _is_trained(self) -> bool:
        state, initial = self.module.state_dict(), self.initial_weights or {}
        return not all(
            name in initial and torch.equal(value.cpu(), initial[name])
            for name, value in state.items()
        )

    def _last_batches(self) -> list[Answer]:
        """Those asked for by a trained network, from the last one back."""
        batches: list[Answer] = []
        for rounds in range(1, self.train_pool.next_round + 1):
            answers = self.monitor.answers(rounds)
            if len(answers) < rounds or answers[0].asked.scores is None:
                break
            batches = answers
            if sum(len(batch.labels) for batch in batches) >= LABELS:
                break
        return batches

    def _drop(self, round: int) -> float | None:
        """What the annotations since a round did to the distance of the others from them."""
        pool = self.train_pool
        known, left = pool.annotated_indices, pool.unannotated_indices
        before = torch.from_numpy(pool.rounds[known] < round)
        if not bool(before.any()) or not len(left):
            return None
        rows = drawn(len(left), derive(self.seed, "coverage", pool.next_round)).sort().values
        some = left[rows.numpy()]
        ours, theirs = (self._features(ids) for ids in (some, known))
        points, centers = Features(normalize=True)(Candidates(prediction=ours, annotated=theirs))
        former = points.nearest(centers[before.to(points.device)]).mean()  # type: ignore[index]
        latter = points.nearest(centers).mean()  # type: ignore[arg-type]
        return float(1 - latter / former) if former > 0 else 0.0

    def _features(self, ids: Any) -> Any:
        with closing(self.predictions(self.train_pool, ids)) as predictions:
            return gather(predictions, len(ids), keep={"features"}).prediction


def auto(
    classifier: nn.Module, train_pool: ActiveLearningDataset, **options: Unpack[StrategyOptions]
) -> AutoStrategy:
    """A strategy that chooses by itself how to choose, from no label on; see ``AutoStrategy``."""
    return AutoStrategy(classifier, train_pool, **options)


def _wrong_and_weights(batches: list[Answer]) -> tuple[np.ndarray, np.ndarray]:
    weights = [
        batch.terms.weights if batch.asked.probabilities else np.ones(len(batch.wrong))
        for batch in batches
    ]
    return np.concatenate([batch.wrong for batch in batches]), np.concatenate(weights)


def _auroc(batches: list[Answer]) -> float | None:
    """The weighted share of pairs, one wrong and one right, in which the wrong one scored higher.

    Ties count half. None without both.
    """
    wrong, weights = _wrong_and_weights(batches)
    scores = np.concatenate([(b.asked.scores or [])[: len(b.wrong)] for b in batches])
    higher = np.sign(scores[wrong][:, None] - scores[~wrong]) / 2 + 0.5
    pairs = np.outer(weights[wrong], weights[~wrong])
    return float((higher * pairs).sum() / pairs.sum()) if pairs.sum() > 0 else None
