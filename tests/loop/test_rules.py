"""Each rule decides as the algorithm of its paper, written here once more as a plain loop."""

import math

import numpy as np
import pytest

from alkit.errors import ConfigurationError, ScoreError
from alkit.loop.decider import Decider
from alkit.loop.rules import (
    FixedUncertainty,
    Quantile,
    RandomSampling,
    Rule,
    Split,
    VariableUncertainty,
)
from alkit.seeds import derive

SEED, B, W = 3, 0.15, 60


def drifting(n=1500, seed=0):
    """Posterior of two classes of a model that is right until its concept moves, and learns it."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(-4, 4, n)
    confidence = 1 / (1 + np.exp(-np.abs(place)))
    confidence[n // 2 :] = np.maximum(0.5, confidence[n // 2 :] - np.linspace(0.4, 0, n - n // 2))
    return 1 - confidence  # the least confidence


def by_the_paper(scores, decide):
    """Framework of the paper: ask if the estimate of the spent budget is below B, and decide."""
    lam, u, answers, theta = (W - 1) / W, 0.0, [], 1.0
    for t, score in enumerate(scores):
        eta = np.random.default_rng(derive(SEED, "stream", t))
        labeling = False
        if u / W < B:
            labeling, theta = decide(1 - score, theta, eta, scores[max(0, t - W + 1) : t + 1])
        u = u * lam + labeling
        answers.append(labeling)
    return answers


def random(confidence, theta, eta, last):
    return eta.uniform() < B, theta


def fixed(confidence, theta, eta, last):
    return confidence <= 0.7 + 1e-12, theta


def variable(s):
    def decide(confidence, theta, eta, last):
        if confidence <= theta:
            return True, theta * (1 - s)
        return False, theta * (1 + s)

    return decide


def randomized(s, delta):
    def decide(confidence, theta, eta, last):
        threshold = theta * eta.normal(1, delta)
        if confidence <= threshold:
            return True, theta * (1 - s)
        return False, theta * (1 + s)

    return decide


def split(nu, s):
    def decide(confidence, theta, eta, last):
        if eta.uniform() < nu:
            return eta.uniform() < B, theta
        return variable(s)(confidence, theta, eta, last)

    return decide


def highest(confidence, theta, eta, last):
    """``theta`` is what the share of the budget is multiplied by."""
    rank = sum(other > last[-1] for other in last)
    ties = sum(other == last[-1] for other in last)
    asked = rank + eta.uniform() * ties < B * theta * len(last)
    return asked, theta * math.exp((B - asked) / 4)


@pytest.mark.parametrize(
    ("rule", "decide"),
    [
        (RandomSampling(), random),
        (FixedUncertainty(0.3), fixed),
        (VariableUncertainty(delta=0), variable(0.01)),
        (VariableUncertainty(0.05, delta=0), variable(0.05)),
        (VariableUncertainty(), randomized(0.01, 1)),
        (VariableUncertainty(0.02, 0.3), randomized(0.02, 0.3)),
        (Split(), split(0.2, 0.01)),
        (Split(0.6, VariableUncertainty(0.02, 0)), split(0.6, 0.02)),
        (Quantile(), highest),
    ],
    ids=repr,
)
def test_a_rule_is_the_loop_of_its_paper(rule, decide):
    scores = drifting()
    asked = Decider(B, rule, window=W, seed=SEED)(scores)
    assert 20 < asked.sum() < len(scores) / 2
    assert asked.tolist() == by_the_paper(scores.tolist(), decide)


def test_a_sample_like_those_before_is_asked_for_with_the_probability_of_the_budget():
    rng, rule = np.random.default_rng(0), Quantile()
    for length in (1, 7, 40):
        asked = [rule.asks(rng.permutation(length), 0.15, rng, {}) for _ in range(4000)]
        assert abs(np.mean(asked) - 0.15) < 4 * math.sqrt(0.15 * 0.85 / 4000)


@pytest.mark.parametrize(
    ("rule", "window", "rate", "rank"),
    [
        (Quantile(), 100, 0.089, 0.94),
        (Quantile(), 1000, 0.098, 0.94),
        (RandomSampling(), 100, 0.087, 0.5),
        (VariableUncertainty(delta=0), 100, 0.103, 0.75),
        (VariableUncertainty(), 100, 0.103, 0.62),
        (Split(), 100, 0.103, 0.74),
    ],
    ids=repr,
)
def test_the_rates_and_ranks_of_the_docs_are_right(rule, window, rate, rank):
    scores = np.random.default_rng(0).random(20_000)
    asked = Decider(0.1, rule, window=window, seed=1)(scores)
    assert asked.mean() == pytest.approx(rate, abs=0.0015)
    assert scores[asked].mean() == pytest.approx(rank, abs=0.01)


@pytest.mark.parametrize("budget", [0.02, 0.1, 0.5])
@pytest.mark.parametrize("moving", ["falling", "rising", "falling after each training", "waves"])
def test_the_rate_is_kept_while_the_scores_move(moving, budget):
    n = max(2000, int(200 / budget))
    time, noise = np.arange(n), np.random.default_rng(0).random(n)
    scores = {
        "falling": -time / n,
        "rising": time / n,
        "falling after each training": 0.3 * noise - time * budget / 20 % 1,
        "waves": np.sin(time * budget / 20) + 0.3 * noise,
    }[moving]
    decider = Decider(budget, seed=1)
    asked = decider(scores)
    assert 0.7 * budget < asked.mean() < 1.1 * budget
    if moving in ("falling", "rising"):  # also in each part, after the start
        assert min(part.mean() for part in np.split(asked, 4)[1:]) > 0.8 * budget


def test_ties_are_broken_at_random_so_that_a_constant_score_keeps_the_rate():
    rng, rule = np.random.default_rng(0), Quantile()
    asked = [rule.asks([0.5] * 40, 0.15, rng, {}) for _ in range(4000)]
    assert abs(np.mean(asked) - 0.15) < 4 * math.sqrt(0.15 * 0.85 / 4000)


def test_the_threshold_follows_scores_of_any_unit():
    scores = drifting()
    asked = Decider(0.1, seed=0)(scores)
    np.testing.assert_array_equal(Decider(0.1, seed=0)(1000 * scores - 7), asked)
    assert scores[asked].mean() > np.quantile(scores, 0.8)


def test_a_fixed_threshold_asks_nothing_of_a_confident_model_and_a_variable_one_does():
    confident = np.random.default_rng(0).uniform(0, 0.05, 3000)
    rates = {}
    for rule in (FixedUncertainty(0.45), VariableUncertainty(delta=0), VariableUncertainty()):
        rates[rule] = Decider(0.1, rule, seed=0)(confident).mean()
    fixed, *variable = rates.values()
    assert fixed == 0
    assert all(0.09 < rate < 0.11 for rate in variable)


def test_randomization_finds_a_drift_among_samples_that_the_model_is_sure_of():
    scores = np.random.default_rng(0).uniform(0, 0.4, 4000)
    sure = scores < 0.05
    plain = Decider(0.1, VariableUncertainty(delta=0), seed=0)(scores)
    randomized = Decider(0.1, VariableUncertainty(), seed=0)(scores)
    assert randomized[sure].mean() > plain[sure].mean()
    assert randomized[sure].sum() > 20


def test_a_share_of_a_split_represents_the_stream():
    scores = np.random.default_rng(0).uniform(0, 0.4, 4000)
    below = [
        Decider(0.1, Split(share, Quantile()), seed=0)(scores)[scores < 0.2].sum()
        for share in (0, 0.5, 1)
    ]
    assert below[0] == 0 < below[1] < below[2]
    everything = Decider(0.1, RandomSampling(), seed=0)(scores)
    assert abs(scores[everything].mean() - scores.mean()) < 0.03


@pytest.mark.parametrize("bad", [-0.1, 1.01])
def test_a_score_outside_of_the_scale_is_refused_and_changes_nothing(bad):
    decider = Decider(0.1, Split(0.5), seed=0)
    with pytest.raises(ScoreError, match=r"scores in \[0, 1\]"):
        decider([0.3, bad])
    assert decider.seen == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: VariableUncertainty(step=0),
        lambda: VariableUncertainty(step=1),
        lambda: VariableUncertainty(delta=-1),
        lambda: FixedUncertainty(math.nan),
        lambda: Split(1.5),
        lambda: Split(0.5, "random"),
        lambda: Decider(0.1, Quantile),
    ],
)
def test_wrong_arguments_are_refused(make):
    with pytest.raises(ConfigurationError):
        make()


def test_a_class_in_the_place_of_a_rule_is_named():
    with pytest.raises(ConfigurationError, match=r"Did you mean Quantile\(\.\.\.\)\?"):
        Decider(0.1, Quantile)


def test_a_rule_of_your_own_keeps_its_numbers_in_the_memory():
    class EveryOther(Rule):
        def asks(self, scores, budget, chance, memory):
            memory["count"] = memory.get("count", 0) + 1
            return memory["count"] % 2 == 1

    decider = Decider(1, EveryOther(), seed=0)
    assert decider([0.0] * 4).tolist() == [True, False, True, False]
    with pytest.raises(NotImplementedError):
        Decider(1, Rule(), seed=0)([0.0])
