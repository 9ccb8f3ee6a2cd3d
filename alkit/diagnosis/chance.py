"""Comparison of a query with random batches, by guessed classes, scores and places."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from alkit.diagnosis.finding import Finding, not_seen
from alkit.diagnosis.places import Distances
from alkit.pool.query import Query
from alkit.pool.spread import Spread
from alkit.pool.trace import Trace

BATCHES = 500  # number of random batches to compare a query with


def class_skew(query: Query, trace: Trace) -> Finding:
    """Compare the guessed classes of the picks with those of the candidates."""
    name, sample = "class skew", trace.sample
    if query.guesses is None or sample is None or sample.prediction.task != "multiclass":
        return not_seen(name, "outputs of exclusive classes")
    n, theirs = len(query), sample.prediction.guesses.numpy()
    classes, numbers = np.unique(np.concatenate([query.guesses, theirs]), return_inverse=True)
    picked, usual = (
        np.bincount(part, minlength=len(classes)) / len(part) for part in np.split(numbers, [n])
    )
    skew = float(abs(picked - usual).sum() / 2)
    rng, shares = np.random.default_rng(0), np.bincount(numbers) / len(numbers)
    ours, others = (rng.multinomial(m, shares, BATCHES) / m for m in (n, len(theirs)))
    chance = float((abs(ours - others).sum(1) / 2 >= skew - 1e-9).mean())
    says = f"guessed classes differ from the candidates' by {skew:.0%}"
    if chance > 0.01:
        return Finding(name, "ok", f"{says}, as expected by chance", skew)
    absent = classes[(picked == 0) & (n * usual >= 5)]
    fills = classes[(picked > 0.5) & (picked > 2 * usual)]
    says += f"; absent: {', '.join(map(str, absent))}" if len(absent) else ""
    says += f"; {picked.max():.0%} are of class {fills[0]}" if len(fills) else ""
    return Finding(
        name,
        "warning" if len(absent) or len(fills) else "note",
        says,
        skew,
        "some classes get few labels or none, so the model cannot correct its errors on them.",
        "acceptable if a class is rare or confused with others; otherwise set quotas, "
        "selector=PerClass(...), or add random picks, Mix(...).",
    )


def class_spread(query: Query, trace: Trace) -> Finding:
    """Compare the number of guessed classes of the picks with that of random candidates."""
    name, sample = "class spread", trace.sample
    if query.guesses is None or sample is None or sample.prediction.task != "multiclass":
        return not_seen(name, "outputs of exclusive classes")
    spread = Spread.of(np.asarray(query.guesses), sample.prediction.guesses.numpy())
    if spread is None:
        return not_seen(name, "outputs of exclusive classes")
    if not spread.narrow:
        return Finding(name, "ok", str(spread), float(spread.classes))
    return Finding(
        name,
        "warning",
        str(spread),
        float(spread.classes),
        "the picks are of few kinds, as when the features of a network that is trained on few "
        "labels collapse; the other classes get no labels.",
        "compare samples in features that training does not change, al.auto(net, pool) or "
        "selector=MaxHerding(space=al.Inputs()).",
    )


def agreement_with_random(query: Query, trace: Trace, apart: Distances | None) -> Finding:
    """Share of random batches whose scores are as high, or whose places are as unusual."""
    name, n, known = "agreement with random", len(query), query.probabilities
    if n >= trace.candidates:
        return not_seen(name, "more candidates than picks")
    if known is not None and np.allclose(known, 1 / (trace.candidates - np.arange(n))):
        return Finding(name, "ok", "every candidate was equally likely, as intended", 1.0)
    if query.scores is not None and trace.scores is not None:
        chance = _as_high(query.scores, trace.scores)
        says = f"{chance:.0%} of random batches have scores at least as high"
    elif apart is not None:
        chance = _as_unusual(apart)
        says = f"{chance:.0%} of random batches are in places at least as unusual"
    else:
        return not_seen(name, "scores, features or outputs of the candidates")
    if chance <= 0.05:
        return Finding(name, "ok", says, chance)
    return Finding(
        name,
        "warning" if known is None else "note",
        says,
        chance,
        "criterion and selector had no visible effect: random picks could look like these.",
        "check the scores for a wrong sign and for ties; lower the temperature of a stochastic "
        "selector; compare the learning curve with that of Random().",
    )


def _as_high(scores: np.ndarray, sample: np.ndarray) -> float:
    """Share of random batches whose mean rank in the sample is at least that of the picks."""
    ascending = np.sort(sample)
    ours, theirs = (
        np.searchsorted(ascending, part) for part in (scores[:: 1 + len(scores) // 1000], sample)
    )
    drawn = np.random.default_rng(0).choice(theirs, (BATCHES, len(ours)))
    return float((drawn.mean(1) >= ours.mean()).mean())


def _as_unusual(apart: Distances) -> float:
    """Two-sided p-value of the spread and the density of the picks among random batches.

    Spread: mean distance to the nearest pick. Density: mean distance to the 10th neighbor in the
    sample. Returns the smaller of the two p-values, times two because there are two tests.
    """
    rng = np.random.default_rng(0)
    n = min(len(apart.picks), len(apart.sample), 100)
    some = rng.choice(len(apart.picks), n, replace=False)
    batches = rng.random((BATCHES, len(apart.sample))).argpartition(n - 1)[:, :n]
    usual, ours = (part.numpy() for part in apart.to_neighbor())
    shares = [_two_sided(ours[some].mean(), usual[batches].mean(1))]
    if n > 1:
        shares.append(_two_sided(_spread(apart.picks, some), _spread(apart.sample, batches)))
    return min(1.0, len(shares) * min(shares))


def _spread(distances: Tensor, rows: np.ndarray) -> np.ndarray:
    """Mean distance of each row to the nearest other one, ``(...)`` for rows ``(..., n)``."""
    return distances.numpy()[rows[..., :, None], rows[..., None, :]].min(-1).mean(-1)


def _two_sided(ours: np.ndarray, theirs: np.ndarray) -> float:
    return 2 * float(min((theirs >= ours).mean(), (theirs <= ours).mean()))
