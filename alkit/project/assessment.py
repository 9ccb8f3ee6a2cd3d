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
from alkit.loop.stopping import ExpectedGain, Plateau, StablePredictions
from alkit.project.asking import Asking
from alkit.project.crossfit import Labeled, Past, cross_fitted, features_of, guessed
from alkit.seeds import derive
from alkit.strategies import ActiveLearner
from alkit.training import Estimator

FOLDS = 10
ROUNDS = 8  # rounds of the learning curve
STEP = 20  # fewest labels per round of it
ENOUGH = 50  # audit labels from which the curve is judged


@dataclass(frozen=True)
class Assessment:
    """Accuracy of the model of a project, and advice.

    Attributes:
        accuracy: accuracy on the pool, with its interval.
        recalls: recall of each class; ``n`` is its number of audit samples, perhaps 0.
        choosing: accuracy with chosen labels minus accuracy with as many uniformly drawn ones, on
            the same audit samples; None if there are too few labels, or no Estimator.
        labels_compared: number of labels of each of these two models.
        records: records of a loop: the accuracy after fewer labels, and now.
        reasons: reasons to stop labeling; empty to go on.
        passed_over: number of audit samples that were left out, as unsure or broken.
        level: confidence level of the intervals.
        how: description of the models that predicted the audit samples.
    """

    accuracy: Interval
    recalls: dict[str, Interval]
    choosing: Interval | None = None
    labels_compared: int = 0
    records: tuple[RoundRecord, ...] = ()
    reasons: tuple[str, ...] = ()
    passed_over: int = 0
    level: float = 0.9
    how: str = ""

    @property
    def advice(self) -> str:
        """Advice in words: go on, or worth stopping, with the reasons."""
        if self.reasons:
            return f"worth stopping: {'; '.join(self.reasons)}"
        if not self.accuracy.known:
            return "go on: the accuracy is not known yet"
        if self.accuracy.n < ENOUGH:
            return "go on: the model still changes"
        return "go on: more labels still change the model or raise its accuracy"

    @property
    def choosing_in_words(self) -> str:
        """Comparison of chosen and random labels in words; empty if there is none."""
        gain = self.choosing
        if gain is None or not gain.known:
            return ""
        found = "choosing helps here" if gain.low > 0 else "it is not clear yet if choosing helps"
        found = "choosing does harm here, ask at random" if gain.high < 0 else found
        return (
            f"{found}: with {self.labels_compared} chosen labels, the accuracy differs by "
            f"{gain.value:+.2f} ({gain.low:+.2f} to {gain.high:+.2f}) from that with as many "
            "random ones"
        )

    def __str__(self) -> str:
        about = "accuracy about" if self.accuracy.known else "accuracy"
        lines = [f"{about} {self.accuracy}", self.choosing_in_words, self.advice]
        return "\n".join(filter(None, lines))


def assess(
    asking: Asking,
    *,
    stop: Stop | Sequence[Stop] | None = None,
    level: float = 0.9,
    folds: int = FOLDS,
) -> Assessment:
    """Assess the model of a project on its audit set.

    With an ``Estimator``, the audit samples are predicted by cross-fitting: see ``cross_fitted``.
    The records are a learning curve that is computed anew: of the models after fewer labels, on
    today's audit samples, so that its points share their errors of sampling. With a network, which
    cannot be trained as often, each audit sample is predicted by the model that was there when it
    was asked, before its label was known; the later half of these counts. The result lags behind
    the model of today, and there are no records.

    Args:
        asking: the asking of the project.
        stop: one or several stopping criteria of ``alkit.loop.stopping``; an empty list for none,
            and no records. Default: ``StablePredictions``, and from 50 audit labels on ``Plateau``
            and ``ExpectedGain``.
        level: confidence level of the intervals.
        folds: number of folds.

    Cost: about ``10 folds`` fits, 0.5 s with logistic regression on 200 labels of 50 features.
    """
    stops = None if stop is None else checked_stops(stop)
    with asking.lock, threadpool_limits(1):  # many small fits, on cores that others use
        pool, strategy = asking.pool, asking.strategy
        known, excluded = pool.annotated_indices, np.array([*pool.excluded], dtype=np.int64)
        by_people = np.setdiff1d(known, [*asking.by_machine])
        audit = asking.order.prefix(by_people, excluded)
        place = {index: k for k, index in enumerate(asking.whys)}
        ids = np.array(sorted(known.tolist(), key=lambda i: place.get(i, -1)), dtype=np.int64)
        is_estimator = isinstance(strategy.module, Estimator)
        whys = [asking.whys.get(index, "") for index in ids.tolist()]
        data = Labeled(
            features_of(strategy, ids if is_estimator else ids[:0]),
            np.array(pool.labels_of(ids), dtype=np.int64),
            np.array([np.flatnonzero(ids == index)[0] for index in audit.samples], dtype=np.int64),
            np.array([bool(why) and not why.startswith("audit") for why in whys], dtype=bool),
        )
        if is_estimator:
            return _by_cross_fitting(strategy, data, audit.passed_over, stops, level, folds)
        guesses = [asking.guessed.get(index) for index in ids.tolist()]
    return _by_earlier_guesses(data, guesses, pool.classes or (), audit.passed_over, level)


def _by_earlier_guesses(
    data: Labeled, guesses: list[str | None], classes: Sequence[str], passed: int, level: float
) -> Assessment:
    rows = [row for row in np.sort(data.audit).tolist() if guesses[row] is not None]
    rows = rows[len(rows) // 2 :]
    numbers = {name: number for number, name in enumerate(classes)}
    said = np.array([numbers[guesses[row] or ""] for row in rows], dtype=np.int64)
    y = data.y[rows]
    return Assessment(
        accuracy(said == y, level), recalls(y, said, classes, level), passed_over=passed,
        level=level, how="each sample by the model that was there when it was asked",
    )  # fmt: skip


def _by_cross_fitting(
    strategy: ActiveLearner,
    data: Labeled,
    passed: int,
    stops: list[Stop] | None,
    level: float,
    folds: int,
) -> Assessment:
    model: Any = strategy.module
    seed, y = derive(strategy.seed, "assessment"), data.y[data.audit]
    said = cross_fitted(model.estimator, data, np.arange(len(data.y)), folds, seed)
    choosing, compared = _choosing(model.estimator, data, folds, seed, level)
    found = accuracy(said == y, level)
    stops = _stops(len(y)) if stops is None else stops
    records, pasts = _curve(strategy, data, folds, seed, found.value) if stops else ((), [])
    return Assessment(
        found, recalls(y, said, strategy.train_pool.classes or (), level), choosing, compared,
        records, _reasons(stops, records, pasts), passed, level,
        f"each sample by a model of the labels outside its fold, {min(folds, len(y))} folds",
    )  # fmt: skip


def _choosing(
    estimator: Any, data: Labeled, folds: int, seed: int, level: float
) -> tuple[Interval | None, int]:
    """Accuracy by chosen labels minus accuracy by as many of the audit, and their number."""
    m, chosen = len(data.audit), np.flatnonzero(data.asked)
    size = min(m - -(-m // folds), len(chosen))  # outside the largest fold
    if size < 2:
        return None, 0
    right = np.zeros((2, m), dtype=bool)
    for labels, hits in zip((chosen, data.audit), right, strict=True):
        for fold in range(min(folds, m)):
            rows = data.audit[fold::folds]
            train = labels[~np.isin(labels, rows)][:size]
            said = guessed(estimator, data, train, data.x[rows], seed)
            hits[fold::folds] = said == data.y[rows]
    return difference(right[0], right[1], level), size


def _curve(
    strategy: Any, data: Labeled, folds: int, seed: int, now: float
) -> tuple[tuple[RoundRecord, ...], list[Past]]:
    """Records and strategies after fewer labels, and now."""
    total = len(data.y)
    step = max(STEP, -(-total // (2 * ROUNDS)))
    counts = [n for n in range(total, 0, -step) if n >= min(STEP, total)][:ROUNDS][::-1]
    records, pasts = [], []
    for round, n in enumerate(counts):
        train, value = np.arange(n), now
        if n < total:
            said = cross_fitted(strategy.module.estimator, data, train, folds, seed)
            value = accuracy(said == data.y[data.audit]).value
        records.append(RoundRecord(round, n, {"accuracy": value}, 1))
        pasts.append(Past.of(strategy, data, train))
    return tuple(records), pasts


def _stops(m: int) -> list[Stop]:
    stops: list[Any] = [StablePredictions()]
    return stops + ([Plateau(), ExpectedGain(0.01 / 100)] if m >= ENOUGH else [])


def _reasons(
    stops: Sequence[Stop], records: Sequence[RoundRecord], pasts: Sequence[Any]
) -> tuple[str, ...]:
    """Reasons that the criteria have after the last record, called after each as in a loop."""
    reasons: list[str | None] = []
    fresh = [copy(stop) for stop in stops]
    for k, past in enumerate(pasts):
        reasons = [stop(records[: k + 1], past) for stop in fresh]
    return tuple(filter(None, reasons))
