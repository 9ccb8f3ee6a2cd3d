"""Assessment of a project: accuracy, whether choosing helps, and whether to go on."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from alkit.evidence.audit import Interval, accuracy, difference, recalls
from alkit.loop import RoundRecord
from alkit.loop.reasons import Stop, checked_stops
from alkit.loop.stopping import StablePredictions
from alkit.project.asking import Asking
from alkit.project.progressive import Labeled, Past, features_of, guessed, progressive
from alkit.seeds import derive
from alkit.strategies import ActiveLearner
from alkit.training import Estimator

ROUNDS = 8  # rounds of the learning curve
STEP = 20  # fewest labels per round of it


@dataclass(frozen=True)
class Assessment:
    """Accuracy of the model of a project, and advice.

    Attributes:
        accuracy: accuracy on the samples without a label, with its interval.
        recalls: recall of each class; ``n`` is its number of audit samples, perhaps 0.
        choosing: accuracy with chosen labels minus accuracy with as many uniformly drawn ones, on
            the same audit samples; None if there are too few labels, or no Estimator.
        labels_compared: largest number of labels of each of these two models.
        records: records of the last rounds, as of a loop; ``metrics["accuracy"]`` is the accuracy
            as it was known then.
        reasons: reasons to stop labeling; empty to go on.
        passed_over: number of audit samples that were left out, as unsure or broken.
        level: confidence level of the intervals.
    """

    accuracy: Interval
    recalls: dict[str, Interval]
    choosing: Interval | None = None
    labels_compared: int = 0
    records: tuple[RoundRecord, ...] = ()
    reasons: tuple[str, ...] = ()
    passed_over: int = 0
    level: float = 0.9

    @property
    def advice(self) -> str:
        """Advice in words: go on, or worth stopping, with the reasons."""
        if self.reasons:
            return f"worth stopping: {'; '.join(self.reasons)}"
        if not self.accuracy.known:
            return "go on: the accuracy is not known yet"
        return "go on: new labels still change what the model predicts"

    @property
    def choosing_in_words(self) -> str:
        """Comparison of chosen and random labels in words; empty if there is none."""
        gain = self.choosing
        if gain is None or not gain.known:
            return ""
        found = "choosing helps here" if gain.low > 0 else "it is not clear yet if choosing helps"
        found = "choosing does harm here, ask at random" if gain.high < 0 else found
        return (
            f"{found}: with up to {self.labels_compared} chosen labels, the accuracy differs by "
            f"{gain.value:+.2f} ({gain.low:+.2f} to {gain.high:+.2f}) from that with as many "
            "random ones"
        )

    def __str__(self) -> str:
        about = "accuracy about" if self.accuracy.known else "accuracy"
        lines = [f"{about} {self.accuracy}", self.choosing_in_words, self.advice]
        return "\n".join(filter(None, lines))


def assess(
    asking: Asking, *, stop: Stop | Sequence[Stop] | None = None, level: float = 0.9
) -> Assessment:
    """Assess the model of a project on its audit samples.

    Each audit sample was drawn uniformly among the samples without a label, and is predicted as it
    was when it was asked, before its label was known: by ``progressive`` with an ``Estimator``,
    else by what the network of then predicted. The audit samples in the later half of the labels
    count. So the accuracy lags a little behind that of today's model.

    Args:
        asking: the asking of the project.
        stop: one or several stopping criteria of ``alkit.loop.stopping``; an empty list for none.
            Default: ``StablePredictions()``. They get records of the last rounds of 20 labels or
            more; with a network, they are not called, and there are no records.
        level: confidence level of the intervals.

    Cost: at most 70 fits, 0.5 s with logistic regression on 200 labels of 50 features.
    """
    stops = [StablePredictions()] if stop is None else checked_stops(stop)
    with asking.lock, threadpool_limits(1):  # many small fits, on cores that others use
        pool, strategy = asking.pool, asking.strategy
        is_estimator = isinstance(strategy.module, Estimator)
        place = {index: k for k, index in enumerate(asking.whys)}
        known = sorted(pool.annotated_indices.tolist(), key=lambda index: place.get(index, -1))
        ids = np.array(known, dtype=np.int64)
        whys = [asking.whys.get(index, "") for index in known]
        audit = np.array([why.startswith("audit") for why in whys], dtype=bool)
        data = Labeled(
            features_of(strategy, ids if is_estimator else ids[:0]),
            np.array(pool.labels_of(ids), dtype=np.int64),
            audit,
            np.array([bool(why) for why in whys], dtype=bool) & ~audit,
        )
        passed = [index for index in pool.excluded if asking.whys.get(index, "")[:5] == "audit"]
        classes, seed = list(pool.classes or ()), derive(strategy.seed, "assessment")
        if is_estimator:
            model: Any = strategy.module
            said = progressive(model.estimator, data, seed)
            choosing = _choosing(model.estimator, data, seed, level)
            records, pasts = _rounds(strategy, data, said) if stops else ((), [])
            rest = (*choosing, records, _reasons(stops, records, pasts))
        else:
            names = [asking.guessed.get(index) for index in known]
            said = np.array([-1 if n is None else classes.index(n) for n in names], dtype=np.int64)
            rest = (None, 0, (), ())
    rows = data.later()
    y, said = data.y[rows], said[rows]
    recall = recalls(y, said, classes, level)
    return Assessment(accuracy(said == y, level), recall, *rest, len(passed), level)


def _choosing(
    estimator: Any, data: Labeled, seed: int, level: float
) -> tuple[Interval | None, int]:
    """Accuracy by chosen labels minus accuracy by as many of the audit, and their number."""
    audit, chosen, size = np.flatnonzero(data.audit), np.flatnonzero(data.chosen), 0
    right: list[list[bool]] = [[], []]
    for first, rows in data.blocks():
        if first < len(data.y) // 2:
            continue
        size = min((audit < first).sum(), (chosen < first).sum())
        for labels, hits in zip((chosen, audit), right, strict=True):
            said = guessed(estimator, data, labels[:size], data.x[rows], seed)
            hits.extend(said == data.y[rows])
    return (difference(*right, level=level), int(size)) if size else (None, 0)


def _rounds(
    strategy: ActiveLearner, data: Labeled, said: np.ndarray
) -> tuple[tuple[RoundRecord, ...], list[Past]]:
    """Records of the last rounds, and the strategies of then."""
    total, records, pasts = len(data.y), [], []
    step = max(STEP, -(-total // (2 * ROUNDS)))
    counts = [n for n in range(total, 0, -step) if n >= min(STEP, total)][:ROUNDS][::-1]
    for round, n in enumerate(counts):
        rows = data.later(n)
        value = accuracy(said[rows] == data.y[rows]).value
        records.append(RoundRecord(round, n, {"accuracy": value}, 1))
        pasts.append(Past.of(strategy, data, np.arange(n)))
    return tuple(records), pasts


def _reasons(
    stops: Sequence[Stop], records: Sequence[RoundRecord], pasts: Sequence[Any]
) -> tuple[str, ...]:
    """Reasons that the criteria have after the last record, called after each as in a loop."""
    reasons: list[str | None] = []
    fresh = [copy(stop) for stop in stops]
    for k, past in enumerate(pasts):
        reasons = [stop(records[: k + 1], past) for stop in fresh]
    return tuple(filter(None, reasons))
