"""What chance would have picked: other classes, or just the same?"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from alkit.diagnosis.finding import Finding, not_seen
from alkit.diagnosis.places import Distances
from alkit.pool.query import Query
from alkit.pool.trace import Trace

BATCHES = 500  # random batches that a query is compared with


def class_skew(query: Query, trace: Trace) -> Finding:
    """Guessed classes of the picks against those of the candidates."""
    name, sample = "class skew", trace.sample
    if query.guesses is None or sample is None or sample.prediction.kind == "values":
        return not_seen(name, "class outputs of the candidates")
    n, theirs = len(query), sample.prediction.guesses.numpy()
    classes, numbers = np.unique(np.concatenate([query.guesses, theirs]), return_inverse=True)
    picked, usual = (
        np.bincount(part, minlength=len(classes)) / len(part) for part in np.split(numbers, [n])
    )
    skew = float(abs(picked - usual).sum() / 2)
    rng, shares = np.random.default_rng(0), np.bincount(numbers) / len(numbers)
    ours, others = (rng.multinomial(m, shares, BATCHES) / m for m in (n, len(theirs)))
    chance = float((abs(ours - others).sum(1) / 2 >= skew - 1e-9).mean())
    says = f"{skew:.0%} of the picks would have to be of another guessed class"
    if chance > 0.01:
        return Finding(name, "ok", f"{says}, as by chance", skew)
    absent = classes[(picked == 0) & (n * usual >= 5)]
    fills = classes[(picked > 0.5) & (picked > 2 * usual)]
    says += f"; absent: {', '.join(map(str, absent))}" if len(absent) else ""
    says += f"; {picked.max():.0%} are of class {fills[0]}" if len(fills) else ""
    return Finding(
        name,
        "warning" if len(absent) or len(fills) else "note",
        says,
        skew,
        "some classes get few labels or none; where the model is wrong about them, it stays so.",
        "fair where a class is rare or confused; else set quotas, selector=PerClass(...), or mix "
        "in random picks, Mix(...).",
    )


def agreement_with_random(query: Query, trace: Trace, apart: Distances | None) -> Finding:
    """How many random batches have scores as high, or lie as unusually, as this one."""
    name, n, known = "agreement with random", len(query), query.probabilities
    if n >= trace.candidates:
        return not_seen(name, "more candidates than are picked")
    if known is not None and np.allclose(known, 1 / (trace.candidates - np.arange(n))):
        return Finding(name, "ok", "every candidate was equally likely, as asked for", 1.0)
    if query.scores is not None and trace.scores is not None:
        chance = _as_high(query.scores, trace.scores)
        says = f"{chance:.0%} of random batches have scores as high"
    elif apart is not None:
        chance = _as_unusual(apart)
        says = f"{chance:.0%} of random batches lie as unusually"
    else:
        return not_seen(name, "scores, features or outputs of the candidates")
    if chance <= 0.05:
        return Finding(name, "ok", says, chance)
    return Finding(
        name,
        "warning" if known is None else "note",
        says,
        chance,
        "nothing shows that criterion and selector chose: random picks could look like these.",
        "see the sign and the ties of the scores; lower the temperature of a stochastic selector; "
        "compare learning curves with those of Random().",
    )


def _as_high(scores: np.ndarray, sample: np.ndarray) -> float:
    """The share of random batches whose mean rank in the sample is at least that of the picks."""
    ascending = np.sort(sample)
    ours, theirs = (
        np.searchsorted(ascending, part) for part in (scores[:: 1 + len(scores) // 1000], sample)
    )
    drawn = np.random.default_rng(0).choice(theirs, (BATCHES, len(ours)))
    return float((drawn.mean(1) >= ours.mean()).mean())


def _as_unusual(apart: Distances) -> float:
    """How often chance is as far from the middle, on either side, in spread or in density.

    Spread: the mean distance to the nearest pick. Density: the mean distance to the 10th of the
    sample. The smaller of both shares, times two for two looks.
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
    """The mean distance to the nearest of the same rows, ``(...)`` for rows ``(..., n)``."""
    return distances.numpy()[rows[..., :, None], rows[..., None, :]].min(-1).mean(-1)


def _two_sided(ours: np.ndarray, theirs: np.ndarray) -> float:
    return 2 * float(min((theirs >= ours).mean(), (theirs <= ours).mean()))
