"""Rules of a stream: whether the label of a sample that has just arrived is asked for.

A rule sees the scores of the last samples and never a label. The budget is kept by the stream: a
rule is not called while the budget is spent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from alkit.arguments import check_number
from alkit.errors import ConfigurationError, ScoreError


class Rule:
    """Base class of rules. Its random numbers depend on the seed and the place in the stream."""

    needs_scores: bool = True
    """False for a rule that needs no scores; no forward pass is made for it."""

    def check(self, scores: np.ndarray) -> None:
        """Raise a ScoreError if a rule cannot use the scores; called before anything changes."""

    def asks(
        self,
        scores: Sequence[float],
        budget: float,
        chance: np.random.Generator,
        memory: dict[str, float],
    ) -> bool:
        """True to ask for the label of the last of the samples.

        Args:
            scores: the scores of the last samples, at most ``window`` of the stream.
            budget: the share of samples to ask for.
            chance: random numbers for this sample.
            memory: numbers that the rule keeps from sample to sample; empty at first.
        """
        raise NotImplementedError(f"{type(self).__name__} must define asks(...).")


@dataclass(frozen=True)
class Quantile(Rule):
    """Ask for a score among the highest share of the last ``window`` ones.

        share = budget exp(owed / 4),    owed <- owed + budget - asked,    0 at first

    The threshold follows the scores, whatever their unit, and what is owed keeps the rate where
    the scores rise or fall, as those of a model that learns. Ties are broken at random, so a
    sample like those before it is asked for with the probability ``share``; it is not while the
    budget is spent, which leaves 0.089 of a budget of 0.1 by the default window, and 0.098 of it by
    a window of 1000. Cost: O(window).

    Such a balance is from Kottke, Krempl & Spiliopoulou 2015, "Probabilistic active learning in
    datastreams", who move the threshold in the unit of the scores.
    """

    def asks(
        self,
        scores: Sequence[float],
        budget: float,
        chance: np.random.Generator,
        memory: dict[str, float],
    ) -> bool:
        last = np.asarray(scores)
        above, equal = int((last > last[-1]).sum()), int((last == last[-1]).sum())
        owed = memory.get("owed", 0.0)  # labels; 0 if the budget is everything
        asked = above + chance.random() * equal < budget * math.exp(owed / 4) * len(last)
        memory["owed"] = owed + budget - asked
        return asked


@dataclass(frozen=True)
class RandomSampling(Rule):
    """Ask with the probability ``budget``: the baseline, without any forward pass."""

    needs_scores = False

    def asks(
        self,
        scores: Sequence[float],
        budget: float,
        chance: np.random.Generator,
        memory: dict[str, float],
    ) -> bool:
        return chance.random() < budget


@dataclass(frozen=True)
class FixedUncertainty(Rule):
    """Ask for a score of at least ``threshold``.

    Of ``LeastConfidence``, the paper suggests ``(1 - budget) (1 - 1 / C)`` for C classes. Once the
    model is confident, nothing is asked, also after a drift.

    Paper: Zliobaite, Bifet, Pfahringer & Holmes 2014, "Active learning with drifting streaming
    data", Fixed Uncertainty (theta, of the confidence, is ``1 - threshold``).

    Args:
        threshold: the lowest score that is asked for.

    Raises:
        ConfigurationError: it is not a finite number.
    """

    threshold: float

    def __post_init__(self) -> None:
        check_number("threshold", self.threshold, "a finite number", lambda _: True)

    def asks(
        self,
        scores: Sequence[float],
        budget: float,
        chance: np.random.Generator,
        memory: dict[str, float],
    ) -> bool:
        return scores[-1] >= self.threshold


@dataclass(frozen=True)
class VariableUncertainty(Rule):
    """Ask if the confidence, ``1 - score``, is at most a threshold that follows the budget.

        confidence <= theta * eta,    eta ~ N(1, delta)
        theta <- theta (1 - step) after a question, theta (1 + step) otherwise; 1 at first

    Thus a confident model is still asked about its least confident samples, and eta lets some
    confident ones through, where a drift may begin. ``delta=0`` is the paper's Variable
    Uncertainty, without random numbers; ``delta > 0`` is its Uncertainty with Randomization. For
    scores in [0, 1], such as ``LeastConfidence`` (of the paper) and ``Margin``.

    Theta settles where about half of the samples are asked for while the budget lasts, so the
    budget and not the threshold keeps the rate. For equally frequent scores and a budget of 0.1,
    the mean rank of those that are asked for is 0.75 of 1 (``delta=0``) or 0.62 (``delta=1``), and
    0.95 by ``Quantile()``.

    Paper: Zliobaite, Bifet, Pfahringer & Holmes 2014, "Active learning with drifting streaming
    data".

    Args:
        step: s, the relative change of theta, in (0, 1).
        delta: the standard deviation of eta, at least 0.

    Raises:
        ConfigurationError: an argument is outside its range.
    """

    step: float = 0.01
    delta: float = 1.0

    def __post_init__(self) -> None:
        check_number("step", self.step, "a number in (0, 1)", lambda s: 0 < s < 1)
        check_number("delta", self.delta, "a number of at least 0", lambda d: d >= 0)

    def check(self, scores: np.ndarray) -> None:
        outside = scores[(scores < 0) | (scores > 1)]
        if outside.size:
            raise ScoreError(
                f"{self!r} needs scores in [0, 1], got {outside[0]:g}. Take LeastConfidence() or "
                "Margin(), divide an Entropy() by its largest value, log C, or take the rule "
                "Quantile(), which works with all scores."
            )

    def asks(
        self,
        scores: Sequence[float],
        budget: float,
        chance: np.random.Generator,
        memory: dict[str, float],
    ) -> bool:
        theta = memory.get("theta", 1.0)
        eta = chance.normal(1, self.delta) if self.delta else 1.0
        asked = 1 - scores[-1] <= theta * eta
        memory["theta"] = theta * (1 - self.step if asked else 1 + self.step)
        return bool(asked)


@dataclass(frozen=True)
class Split(Rule):
    """Ask at random for a share of the samples, and by another rule for the others.

    The share is of all samples, drawn at random; each of them is asked for with the probability
    ``budget``. So a part of the labels represents the stream.

    Paper: Zliobaite, Bifet, Pfahringer & Holmes 2014, "Active learning with drifting streaming
    data", Split, whose change detector on the random labels is not included.

    Args:
        share: nu, in [0, 1].
        rule: the rule for the others. Default: ``VariableUncertainty(delta=0)``, as in the paper.

    Raises:
        ConfigurationError: an argument is of another type, or outside its range.
    """

    share: float = 0.2
    rule: Rule = field(default_factory=lambda: VariableUncertainty(delta=0.0))

    def __post_init__(self) -> None:
        check_number("share", self.share, "a number in [0, 1]", lambda nu: 0 <= nu <= 1)
        checked_rule(self.rule)

    @property
    def needs_scores(self) -> bool:  # type: ignore[override]
        return self.rule.needs_scores

    def check(self, scores: np.ndarray) -> None:
        self.rule.check(scores)

    def asks(
        self,
        scores: Sequence[float],
        budget: float,
        chance: np.random.Generator,
        memory: dict[str, float],
    ) -> bool:
        if chance.random() < self.share:
            return chance.random() < budget
        return self.rule.asks(scores, budget, chance, memory)


def checked_rule(rule: object) -> Rule:
    """Return a rule; a ConfigurationError for anything else."""
    if not isinstance(rule, Rule):
        called = isinstance(rule, type) and issubclass(rule, Rule)
        hint = f" Did you mean {rule.__name__}(...)?" if called else ""  # type: ignore[union-attr]
        raise ConfigurationError(
            f"rule must be a rule of alkit.loop.rules, such as Quantile(), got {rule!r}.{hint}"
        )
    return rule
