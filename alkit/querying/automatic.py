"""Auto: an acquisition that chooses its selector by what it measures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from alkit.criteria import Context, Margin
from alkit.errors import ConfigurationError
from alkit.pool.trace import drawn
from alkit.querying.acquisition import Acquisition
from alkit.querying.context import PoolContext
from alkit.querying.gathered import Gathered
from alkit.querying.monitor import Answer
from alkit.seeds import derive
from alkit.selectors import Candidates, Features, MaxHerding, Power, Selector, UncertaintyHerding

PLATEAU = 0.05  # a smaller drop: a batch hardly brought the annotated samples nearer to the others
PREDICTS = 0.7  # area under the ROC curve from which the margin is trusted,
FAILS = 0.5  # and below which it is no longer trusted
LABELS = 20  # labels to measure on: the last batches that hold that many


@dataclass(frozen=True)
class Signals:
    """Measurements before a query; None for what cannot be measured yet.

    Attributes:
        trained: True if the weights differ from those that the network was built with.
        drop: relative decrease, by the last batches, of the mean distance to the nearest annotated
            sample, over at most 1,000 unannotated ones.
        error: error of the models that asked for the last batches: weighted to all unannotated
            samples where the probabilities of the picks are known, else on the picks.
        chance: error on the picks of a majority-class predictor.
        auroc: the probability, among the picks, that a wrong guess has a higher margin score than
            a right one; weighted as the error is.
        trusted: True if the last batch was drawn by the margin.
    """

    trained: bool = False
    drop: float | None = None
    error: float | None = None
    chance: float | None = None
    auroc: float | None = None
    trusted: bool = False


def choice(signals: Signals) -> tuple[Selector, str]:
    """Choose the selector for some measurements, with the reason."""
    s = signals
    if not s.trained:
        return MaxHerding(), "the network is not trained yet"
    herding = UncertaintyHerding()
    if s.error is None or s.chance is None:
        return herding, "no labeled batch of this network yet"
    error = f"the network errs on {s.error:.0%}, a majority-class predictor on {s.chance:.0%}"
    if s.error >= s.chance:
        return herding, error
    margin = "the last batch cannot test the margin"
    if s.auroc is not None:
        margin = f"the margin predicts errors with an AUROC of {s.auroc:.2f}"
    if s.trusted and (s.auroc is None or s.auroc >= FAILS):
        return Power(2, uniform=0.1), f"{margin}; {error}"
    if s.auroc is None or s.auroc < PREDICTS:
        return herding, margin
    nearer = "the coverage is unknown"
    if s.drop is not None:
        nearer = f"the last batch brought the annotated samples {s.drop:.0%} nearer to the others"
    if s.drop is None or s.drop >= PLATEAU:
        return herding, nearer
    return Power(2, uniform=0.1), f"{nearer}; {margin}; {error}"


class _Chosen(Acquisition):
    """Choice of ``Auto`` for one query; it refuses outputs that it could not measure later."""

    def look(self, context: PoolContext) -> Gathered:
        seen = super().look(context)
        watched = seen.watched
        if watched is not None and (watched.unit or watched.prediction.task != "multiclass"):
            raise ConfigurationError(
                "Auto measures how often the model errs on exclusive classes, and these outputs "
                f"are {watched.unit or 'those of a regression'}: choose an acquisition, such as "
                "Acquisition(Entropy(), UncertaintyHerding())."
            )
        return seen


class Auto(Acquisition):
    """Acquisition that chooses its selector before each query, by what it measures.

    ``query.why`` states the reason. ``MaxHerding`` while the network is untrained: it covers the
    pool. ``UncertaintyHerding`` once it is trained: it covers the uncertain part. Power-margin,
    ``Power(beta=2, uniform=0.1)``, which also feeds ``monitor``, once three signals agree: the
    last batch hardly brought the annotated samples nearer to the others (less than 5 %), the
    network errs less often than a majority-class predictor, and the margin predicts its errors
    (AUROC of .7). It returns to herding when the margin no longer predicts errors (below .5) or
    the network errs as often as that predictor. The number of labels never decides; the signals
    are measured on the last batches that hold 20.

    When each of these is suitable: Hacohen et al. 2022, "Active learning on a budget: opposite
    strategies suit high and low budgets"; Bae et al. 2025, "Uncertainty herding: one active
    learning method for all label budgets". The signals are read from the pool, the model and the
    queries that ``monitor`` remembers, as far as they are annotated; the same state gives the same
    query. Labels may come later and in parts, and a new strategy begins with herding.

    Cost: that of the selector; one more forward pass over the annotated and at most 1,000
    unannotated samples, and the distances between them.
    """

    def __init__(self) -> None:
        super().__init__(Margin(), MaxHerding())

    def at(self, context: Context) -> Acquisition:
        selector, reason = choice(self.signals(context))
        return _Chosen(self.criterion, selector, reason)

    def signals(self, context: Context) -> Signals:
        """Measure a strategy: ``signals(strategy.context)``. Changes nothing."""
        if not isinstance(context, PoolContext):
            raise ConfigurationError("Auto measures a strategy: give it to a Strategy.")
        if not context.learner.trained:
            return Signals()
        batches = _last_batches(context)
        if not batches:
            return Signals(trained=True)
        labels = np.concatenate([batch.labels for batch in batches])
        wrong, weights = _wrong_and_weights(batches)
        return Signals(
            trained=True,
            drop=_drop(context, batches[0].asked.round),
            error=float(np.average(wrong, weights=weights)),
            chance=1 - np.unique(labels, return_counts=True)[1].max() / len(labels),
            auroc=_auroc(batches),
            trusted=batches[-1].asked.probabilities is not None,
        )

    def __repr__(self) -> str:
        return "Auto()"


def _last_batches(context: PoolContext) -> list[Answer]:
    """The batches queried by a trained network, from the last one back."""
    batches: list[Answer] = []
    for rounds in range(1, context.round + 1):
        answers = context.learner.monitor.answers(rounds)
        if len(answers) < rounds or answers[0].asked.scores is None:
            break
        batches = answers
        if sum(len(batch.labels) for batch in batches) >= LABELS:
            break
    return batches


def _drop(context: PoolContext, round: int) -> float | None:
    """Change in the mean distance to the annotated samples by the annotations since a round."""
    pool = context.pool
    known, left = pool.annotated_indices, pool.unannotated_indices
    before = torch.from_numpy(pool.rounds[known] < round)
    if not bool(before.any()) or not len(left):
        return None
    rows = drawn(len(left), derive(context.seed, "coverage", context.round)).sort().values
    ours, theirs = (context.predict(ids, keep={"features"}) for ids in (left[rows.numpy()], known))
    points, centers = Features(normalize=True)(Candidates(prediction=ours, annotated=theirs))
    if centers is None:  # never: there are annotated samples
        return None
    former = points.nearest(centers[before.to(points.device)]).mean()
    latter = points.nearest(centers).mean()
    return float(1 - latter / former) if former > 0 else 0.0


def _wrong_and_weights(batches: list[Answer]) -> tuple[np.ndarray, np.ndarray]:
    weights = [
        batch.terms.weights if batch.asked.probabilities else np.ones(len(batch.wrong))
        for batch in batches
    ]
    return np.concatenate([batch.wrong for batch in batches]), np.concatenate(weights)


def _auroc(batches: list[Answer]) -> float | None:
    """Weighted share of pairs (wrong, right) in which the wrong guess has the higher score.

    Ties count half. None if either kind is missing.
    """
    wrong, weights = _wrong_and_weights(batches)
    scores = np.concatenate([(b.asked.scores or [])[: len(b.wrong)] for b in batches])
    higher = np.sign(scores[wrong][:, None] - scores[~wrong]) / 2 + 0.5
    pairs = np.outer(weights[wrong], weights[~wrong])
    return float((higher * pairs).sum() / pairs.sum()) if pairs.sum() > 0 else None
