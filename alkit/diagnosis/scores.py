"""What the scores tell: ties, posterior samples, and whether they come out the same again."""

from __future__ import annotations

import torch

from alkit.diagnosis.finding import Finding, is_many, not_seen
from alkit.pool.query import Query
from alkit.pool.trace import SecondLook, Trace


def ties(query: Query, trace: Trace) -> Finding:
    """Picks that were taken, by chance, among candidates of an equal score."""
    name = "tied scores"
    if query.scores is None or len(query) >= trace.candidates:
        return not_seen(name, "scores, of more candidates than are picked")
    last = torch.from_numpy(query.scores == query.scores.min())
    drawn = last & (trace.tied > int(last.sum()))
    share = float(drawn.float().mean())
    verdict, says = "ok", f"{share:.0%} of the picks were drawn among candidates of an equal score"
    if trace.tied == trace.candidates:
        verdict, says = "warning", f"all {trace.candidates:,} candidates have one score"
    elif is_many(drawn):
        verdict = "warning"
    elif trace.constant:
        verdict, says = "note", f"the same for every candidate: {', '.join(trace.constant)}"
    if verdict == "ok":
        return Finding(name, "ok", says, share)
    return Finding(
        name,
        verdict,
        says,
        share,
        "where scores are equal, chance decides: the model says the same of all these samples, "
        "or the criterion measures nothing here.",
        "see that the model was trained, and is not certain of everything; add a term that tells "
        "them apart, such as 0.01 * Rank(Entropy()).",
    )


def posterior(trace: Trace, again: SecondLook | None) -> Finding:
    """Posterior samples that say the same, or a single one where several are needed."""
    name = "posterior samples"
    seen = trace.sample or (again.picks if again else None)
    if seen is None or (seen.posterior_samples < 2 and not trace.disagreement):
        return not_seen(name, "outputs (N, K, C) of K > 1 posterior samples")
    k, spread = seen.posterior_samples, seen.spread
    if spread > 1e-6:
        return Finding(name, "ok", f"{k} samples differ by up to {spread:.2g}", spread)
    names = ", ".join(trace.disagreement)
    return Finding(
        name,
        "warning",
        f"{k} samples, all equal" if k > 1 else f"one sample (K = 1) for {names}",
        spread,
        "disagreement between posterior samples is 0 for every candidate.",
        "give outputs (N, K, C) of different passes or members; nn.Dropout is off while scoring, "
        "so a network that samples by dropout must apply it in any mode.",
    )


def repeatability(trace: Trace, again: SecondLook | None) -> Finding:
    """Scores, outputs or features that are others when a sample is predicted once more."""
    name, drift = "repeatable scores", again.drift if again else None
    if drift is None:
        return not_seen(name, "a strategy that looks at the candidates: it predicts picks twice")
    says = f"predicted twice, picks differ by up to {drift:.1g} of the candidates' range"
    if drift <= 0.01:
        return Finding(name, "ok", says, drift)
    if trace.sample is not None and trace.sample.posterior_samples > 1:
        verdict = "note"
        means = "posterior samples are drawn anew each time; more of them would differ less."
    else:
        verdict = "warning"
        means = (
            "what is said of a sample depends on chance or on its batch: augmentation, BatchNorm "
            "or Dropout is active while scoring, or the score looks at the batch."
        )
    return Finding(
        name,
        verdict,
        says,
        drift,
        means,
        "give the pool a scoring_transform without augmentation; let forward() leave the mode of "
        "its layers alone, which is eval while scoring.",
    )
