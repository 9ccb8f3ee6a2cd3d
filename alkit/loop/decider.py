"""Decisions of a stream: a rule and a budget, from scores alone."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from alkit.arguments import check_integer, check_number
from alkit.errors import ConfigurationError, NonFiniteError, ScoreError
from alkit.loop.rules import Quantile, Rule, checked_rule
from alkit.seeds import check_seed, derive, fresh_seed


@dataclass(frozen=True, eq=False)
class Decisions:
    """Decisions about the samples of a mini-batch.

    Attributes:
        numbers: ``(n,)`` numbers of the samples in the stream: 0, 1, ...
        scores: ``(n,)`` scores by the strategy's criterion; 0 where the rule needs none.
        asked: ``(n,)`` True where the label is asked for.
    """

    numbers: np.ndarray
    scores: np.ndarray
    asked: np.ndarray


class Decider:
    """Decisions about samples from their scores alone, in the order in which they arrive.

        decider = Decider(0.1)
        asked = decider(scores)

    A label is asked for only while less than ``budget`` of it is ``spent``,

        spent <- spent (1 - 1 / window) + asked / window,    0 at first,

    and the rule asks. So among any T consecutive samples, from the start or later, fewer than

        (budget + (1 - budget) / window) (T + window - 1)

    are asked for: in the long run ``budget`` and at most a tenth of it, by the default of
    ``window``. The random numbers depend on the seed and on the number of a sample alone, so the
    decisions do not depend on how the scores are cut into mini-batches.

    Paper of the budget: Zliobaite, Bifet, Pfahringer & Holmes 2014, "Active learning with drifting
    streaming data". Cost: about 50 microseconds per sample. Memory: O(window).

    Args:
        budget: share of the samples to ask for, in (0, 1].
        rule: the rule. Default: ``Quantile()``.
        window: number of samples that the budget, and a rule, are about. Default: 100, as in the
            paper, or ``10 / budget`` if that is more.
        seed: seed of the random numbers. Default: one from torch's generator, not advanced.

    Attributes:
        seen: number of samples so far.
        asked: number of those that were asked for.
        spent: estimated share of the last ones that were asked for.

    Raises:
        ConfigurationError: an argument is wrong, or the window has no room for one label.
    """

    def __init__(
        self,
        budget: float,
        rule: Rule | None = None,
        *,
        window: int | None = None,
        seed: int | None = None,
    ) -> None:
        check_number("budget", budget, "a share in (0, 1]", lambda share: 0 < share <= 1)
        self.budget = float(budget)
        self.rule = checked_rule(Quantile() if rule is None else rule)
        usual = max(100, math.ceil(10 / self.budget))
        self.window = usual if window is None else check_integer("window", window)
        if self.window * self.budget < 1:
            raise ConfigurationError(
                f"window must be at least 1 / budget, {math.ceil(1 / self.budget)}, got {window}: "
                "a shorter one has no room for a single label."
            )
        self.seed = fresh_seed() if seed is None else check_seed(seed)
        self.seen = self.asked = 0
        self.spent = 0.0
        self._last: deque[float] = deque(maxlen=self.window)
        self._memory: dict[str, float] = {}

    @property
    def rate(self) -> float:
        """Share of all samples so far that were asked for; 0 before the first one."""
        return self.asked / self.seen if self.seen else 0.0

    def __call__(self, scores: ArrayLike) -> np.ndarray:
        """Decide about the next samples: ``(n,)`` True where the label is asked for.

        Args:
            scores: ``(n,)`` score of each, higher is wanted sooner.

        Raises:
            ScoreError: they are not numbers ``(n,)``, or not those that the rule needs.
            NonFiniteError: a score is NaN or infinite. Nothing was decided.
        """
        values = np.asarray(scores)
        if values.ndim != 1 or values.dtype.kind not in "biuf":
            raise ScoreError(f"expected scores (n,), got {values.dtype} of shape {values.shape}.")
        values = values.astype(np.float64)
        if not np.isfinite(values).all():
            raise NonFiniteError("a score is NaN or infinite; nothing was decided.")
        self.rule.check(values)
        return np.array([self._one(score) for score in values.tolist()], dtype=bool)

    def _one(self, score: float) -> bool:
        self._last.append(score)
        asked = False
        if self.spent < self.budget:
            chance = np.random.default_rng(derive(self.seed, "stream", self.seen))
            asked = bool(self.rule.asks(self._last, self.budget, chance, self._memory))
        self.spent = self.spent * (1 - 1 / self.window) + asked / self.window
        self.seen, self.asked = self.seen + 1, self.asked + asked
        return asked

    def state_dict(self) -> dict[str, Any]:
        """All that the next decisions depend on, as plain values."""
        return {
            "made_with": {"rule": repr(self.rule), "budget": self.budget, "window": self.window},
            **{name: getattr(self, name) for name in ("seed", "seen", "asked", "spent")},
            "last": list(self._last),
            "memory": dict(self._memory),
        }

    def check_state(self, state: dict[str, Any]) -> None:
        """Raise a ConfigurationError if a state is of another rule, budget or window."""
        mine, others = self.state_dict()["made_with"], state["made_with"]
        unlike = [f"{k} was {others.get(k)} and is {mine[k]}" for k in mine
                  if mine[k] != others.get(k)]  # fmt: skip
        if unlike:
            raise ConfigurationError(f"this is the state of another stream: {'; '.join(unlike)}.")

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from the result of ``state_dict``.

        Raises:
            ConfigurationError: it is of another rule, budget or window.
        """
        self.check_state(state)
        for name in ("seed", "seen", "asked", "spent"):
            setattr(self, name, state[name])
        self._last = deque(state["last"], maxlen=self.window)
        self._memory = dict(state["memory"])

    def __repr__(self) -> str:
        return (
            f"{self.asked} of {self.seen} samples asked for, {self.rate:.3f} of a budget of "
            f"{self.budget:g} ({self.rule!r})"
        )
