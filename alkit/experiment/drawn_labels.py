"""Labels that represent a pool, since they were drawn uniformly or with known probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alkit.errors import ConfigurationError
from alkit.pool import ActiveLearningDataset
from alkit.pool.annotations import Indices
from alkit.querying.risk import Terms
from alkit.strategies.learner import ActiveLearner

FEWEST, PER_CLASS = 30, 5  # labels
SHARES = (0.2, 0.4, 0.6, 1.0)  # labels at each point of a replay, of those of its pool
UNREACHED = 0.05  # share of candidates that a query may have been unable to pick


@dataclass(frozen=True, eq=False)
class Labeled:
    """The labels of a pilot.

    Attributes:
        ids: ``(A,)`` dataset indices.
        y: ``(A,)`` class numbers.
        weights: ``(A,)`` weight of each label: 1 for one that was drawn uniformly.
    """

    ids: np.ndarray
    y: np.ndarray
    weights: np.ndarray

    @property
    def effective(self) -> float:
        """Effective number of labels, ``(sum w)^2 / sum w^2``."""
        return float(self.weights.sum() ** 2 / (self.weights @ self.weights))

    @property
    def sizes(self) -> list[int]:
        """Labels at each point of a replay; the last is the size of its pool."""
        return sizes_of(len(self.ids))

    def split(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Positions of a replay's pool, half of the labels in random order, and of its test.

        Labels are drawn by their weights, so that the first ones are as if drawn uniformly from
        the pool. The first labels are of at least two classes, without which no model is trained.
        """
        half, first = self.sizes[-1], self.sizes[0]
        while True:
            with np.errstate(divide="ignore"):
                keys = np.log(self.weights) + rng.gumbel(size=len(self.ids))
            order = np.argsort(-keys, kind="stable")
            pool, test = order[:half], order[half:]
            other = np.flatnonzero(self.y[pool] != self.y[pool[0]])
            if len(other):
                break
        if other[0] >= first:
            pool[[first - 1, other[0]]] = pool[[other[0], first - 1]]
        return pool, test


def labels_of(strategy: ActiveLearner, labels: Indices | None) -> tuple[Labeled, int]:
    """The labels that represent the pool, with their weights, and the number of the others.

    Raises:
        AnnotationError: a sample is not annotated.
        ConfigurationError: the labels are not class numbers.
    """
    pool = strategy.train_pool
    ids = pool.annotated_indices
    if labels is not None:
        ids = np.sort(pool._checked(labels, annotated=True))
    weights = weights_of(strategy, named=labels is not None)[ids]
    kept = ids[weights > 0]
    values = pool.labels_of(kept)
    try:
        y = np.asarray(values).reshape(len(kept))
    except ValueError:
        y = np.asarray(None)
    if len(kept) and (y.dtype.kind not in "iubf" or (y != np.floor(y)).any()):
        raise ConfigurationError(
            "a pilot measures accuracy: labels must be class numbers, or names of the classes= of "
            f"the pool, got {values[0]!r:.60}. For other tasks, use al.compare on a data set like "
            "yours that has labels."
        )
    return Labeled(kept, y.astype(np.int64), weights[weights > 0]), len(ids) - len(kept)


def weights_of(strategy: ActiveLearner, *, named: bool = False) -> np.ndarray:
    """Weight ``(N,)`` of each sample: 0 unless it is annotated and known to be drawn at random.

    Samples of a query of the strategy have the weights of their draws. Others have 1 if they are of
    the first round and no query of the pool's ledger asked for them, or if the user named them.

    Args:
        strategy: the strategy.
        named: True if the user named the samples, and so stated that they were drawn uniformly.
    """
    pool = strategy.train_pool
    rounds = pool.rounds
    annotated = rounds >= 0
    weights = np.where(annotated, 1.0, 0.0)
    if not named and annotated.any():
        weights[rounds != rounds[annotated].min()] = 0
        weights[_asked_in_ledger(pool)] = 0
    answered = []
    for asked in strategy.monitor.state_dict()["asked"]:
        picks = np.asarray(asked["indices"], dtype=np.int64)
        there = annotated[picks]
        first = len(picks) if there.all() else int(there.argmin())
        answered.append((first, picks[there], picks, asked))
    for first, there, picks, asked in sorted(answered, key=lambda row: row[0]):
        weights[there] = 0
        chances, size = (asked["probabilities"] or [])[:first], asked["candidates"]
        if chances and asked["unreachable"] <= UNREACHED * size:
            terms = Terms.of(np.zeros(len(chances)), chances, size, asked["unreachable"])
            weights[picks[: len(chances)]] = terms.weights
    return weights


def _asked_in_ledger(pool: ActiveLearningDataset) -> list[int]:
    """Annotated samples for which the ledger of a pool, if it has one, knows a query."""
    if pool.ledger is None:
        return []
    ids = pool.annotated_indices.tolist()
    key = {(str(index) if pool.names is None else pool.names[index]): index for index in ids}
    return [key[name] for name, entry in pool.ledger.current(key).items() if entry.why]


def too_few(labeled: Labeled) -> str:
    """The reason why labels do not suffice; empty if they do."""
    if not len(labeled.ids):
        return "no label is known to be drawn at random"
    if labeled.effective < FEWEST:
        return (
            f"the labels count as {labeled.effective:.0f} that were drawn uniformly, and at least "
            f"{FEWEST} are needed"
        )
    counts = np.sort(np.unique(labeled.y, return_counts=True)[1])[::-1]
    if len(counts) < 2 or counts[1] < PER_CLASS:
        return f"fewer than two classes have at least {PER_CLASS} labels"
    if labeled.effective < PER_CLASS * len(counts):
        return (
            f"{len(labeled.ids)} labels of {len(counts)} classes are too few, and at least "
            f"{PER_CLASS * len(counts)} are needed"
        )
    return ""


def sizes_of(labels: int) -> list[int]:
    """Labels at each point of a replay, by the number of labels."""
    return [round(share * (labels // 2)) for share in SHARES]
