"""Answers that are missing for some samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from alkit.errors import ConfigurationError, SampleIndexError
from alkit.oracles.answers import Oracle, answers_of, as_indices, checked_oracle, uniform
from alkit.seeds import check_seed, fresh_seed


class Abstaining:
    """The answers of an oracle, None for some samples: a person who is unsure.

        Abstaining(Reveal(dataset), 0.1)                  # one sample in ten
        Abstaining(Reveal(dataset), confidence < 0.6)     # those that a person is unsure about

    The oracle is not asked about samples without an answer. Oracles that abstain are studied by
    Fang, Zhu & Zhang 2012, "Active learning from oracle with knowledge blind spot".

    Args:
        oracle: oracle that is asked about the other samples.
        probability: probability of no answer in [0, 1]; one number, or one per sample of the
            dataset, ``(N,)``, booleans included.
        seed: seed of the draws. Default: a fresh one.
    """

    reason = "unsure"  # for which unanswered samples are excluded from the pool

    def __init__(
        self, oracle: Oracle, probability: float | ArrayLike, *, seed: int | None = None
    ) -> None:
        self.oracle = checked_oracle(oracle)
        self.probability = _probabilities(probability)
        self.seed = fresh_seed() if seed is None else check_seed(seed)

    def __call__(self, indices: Any) -> list[Any]:
        """Labels, None where there is no answer.

        Raises:
            SampleIndexError: an index is out of the range of the probabilities.
        """
        ids = as_indices(indices)
        chance = self.probability
        if chance.ndim:
            if len(ids) and not 0 <= ids.min() <= ids.max() < len(chance):
                raise SampleIndexError(
                    f"there is a probability for samples 0 to {len(chance) - 1}, got {ids.max()}."
                )
            chance = chance[ids]
        answered = np.flatnonzero(uniform(self.seed, "abstaining", ids) >= chance)
        labels: list[Any] = [None] * len(ids)
        if len(answered):
            answers = answers_of(self.oracle, ids[answered])
            for place, label in zip(answered.tolist(), answers, strict=True):
                labels[place] = label
        return labels

    def __repr__(self) -> str:
        return f"Abstaining({self.oracle!r}, {self.probability.mean():.2f})"


def _probabilities(given: Any) -> np.ndarray:
    try:
        chance = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        chance = np.asarray(np.nan)
    if isinstance(given, str) or chance.ndim > 1 or not ((chance >= 0) & (chance <= 1)).all():
        raise ConfigurationError(
            "probability must be a number from 0 to 1, or one per sample of the dataset (N,), "
            f"got {given!r}."
        )
    return chance
