"""Replays of a strategy on labels that were paid for: chosen against random, on small pools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from alkit.errors import ConfigurationError
from alkit.experiment.drawn_labels import Labeled
from alkit.experiment.trial import randomness
from alkit.pool import ActiveLearningDataset
from alkit.pool.as_if import as_if
from alkit.seeds import derive
from alkit.strategies.learner import ActiveLearner

FITS = 6  # per replay: the start, two points twice, and the whole pool


@dataclass(frozen=True, eq=False)
class Replayed:
    """Results of B replays, NaN where a label was not tested.

    Attributes:
        random: ``(B, 4, A)`` 1 where the model of random labels was right, at each point.
        chosen: ``(B, 2, A)`` the same of chosen labels, at the points between.
    """

    random: np.ndarray
    chosen: np.ndarray

    @property
    def differences(self) -> np.ndarray:
        """``(B, A)`` chosen minus random, mean over the points between."""
        return (self.chosen - self.random[:, 1:3]).mean(1)

    def curves(self, weights: np.ndarray) -> np.ndarray:
        """Accuracy ``(B, 4)`` of random labels at each point."""
        tested = ~np.isnan(self.random)
        return (np.where(tested, self.random, 0) @ weights) / (tested @ weights)


def replayed(
    strategy: ActiveLearner, labeled: Labeled, resamples: int, budget: Mapping[str, Any]
) -> Replayed:
    """Choose from half of the labels by the strategy and at random, and test on the others.

    Both begin with the same labels and the same weights of the model. The strategy is copied. A
    progress bar appears after five seconds.

    Cost: 6 fits per resample, and two queries among at most half of the labels.
    """
    with randomness(derive(strategy.seed, "pilot")):
        twin = strategy.new()
        if not twin.built:
            twin.build()
        twin.val_share = 0.0  # nothing is annotated
        numbers = tqdm(range(resamples), "pilot", delay=5, leave=False, unit=f"{FITS} fits")
        results = [_replay(twin, labeled, strategy, k, budget) for k in numbers]
    random, chosen = (np.array(rows) for rows in zip(*results, strict=True))
    return Replayed(random, chosen)


def _replay(
    twin: ActiveLearner,
    labeled: Labeled,
    strategy: ActiveLearner,
    number: int,
    budget: Mapping[str, Any],
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    twin.seed = derive(strategy.seed, "pilot", number)
    twin.monitor.load_state_dict({"asked": []})  # queries of other replays
    inside, test = labeled.split(np.random.default_rng(twin.seed))
    ids, sizes = labeled.ids[inside], labeled.sizes
    bounds = list(zip([0, *sizes], sizes))

    def right(point: int, rounds: Sequence[np.ndarray]) -> np.ndarray:
        """Train on some samples, and test: 1 where a label is right, NaN where not tested."""
        left = np.setdiff1d(ids, np.concatenate(rounds))
        twin.train_pool = as_if(strategy.train_pool, rounds, left)
        twin.reset_model()
        twin.fits = point  # the order of the data is that of the other model
        twin.fit(**budget, enable_progress_bar=False)
        found = np.full(len(labeled.ids), np.nan)
        found[test] = _guesses(twin, strategy.train_pool, labeled.ids[test]) == labeled.y[test]
        return found

    random = [right(0, [ids[: sizes[0]]])]
    rounds, chosen = [ids[: sizes[0]]], []
    for point, (low, high) in enumerate(bounds[1:3], 1):
        picks = np.asarray(twin.query(high - low))
        if len(picks) != high - low:
            raise ConfigurationError(
                f"{type(strategy).__name__} was asked for {high - low} samples and chose "
                f"{len(picks)}: a pilot compares as many chosen labels as random ones."
            )
        rounds.append(picks)
        chosen.append(right(point, rounds))
    for point in range(1, len(sizes)):
        random.append(right(point, [ids[low:high] for low, high in bounds[: point + 1]]))
    return random, chosen


def _guesses(twin: ActiveLearner, pool: ActiveLearningDataset, ids: np.ndarray) -> np.ndarray:
    """The class that the model guesses for each of some samples."""
    order = np.argsort(ids)
    with closing(twin.predictions(pool, ids[order])) as batches:
        parts = [batch.guesses.cpu().numpy() for batch in batches]
    guesses = np.concatenate(parts)
    if guesses.shape != ids.shape:
        raise ConfigurationError(
            "a pilot measures accuracy, and the model does not guess one class per sample. For "
            "other tasks, use al.compare on a data set like yours that has labels."
        )
    return guesses[np.argsort(order)]
