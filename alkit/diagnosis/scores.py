"""Checks of the scores: ties, posterior samples, and repeatability."""

from __future__ import annotations

import torch

from alkit.diagnosis.finding import Finding, is_many, not_seen
from alkit.pool.query import Query
from alkit.pool.trace import SecondLook, Trace


def meaning(trace: Trace, again: SecondLook | None) -> Finding:
    """Kind and task of the outputs, as they were declared or assumed."""
    name = "meaning of outputs"
    seen = trace.sample or (again.picks if again else None)
    if seen is None or seen.prediction.outputs is None:
        return not_seen(name, "outputs of the candidates")
    columns = seen.prediction.outputs.shape[-1]
    parts = {
        "multiclass": f"{max(columns, 2)} exclusive classes",
        "multilabel": f"{columns} independent labels",
        "regression": f"{columns} target{'s' if columns > 1 else ''}",
    }
    kind = seen.kind.replace("_", "-")
    rows = seen.unit and seen.prediction.task != "multilabel"
    of = f"{seen.unit}, {columns} columns" if rows else parts[seen.prediction.task]
    by = trace.declared or "as given"
    if by.startswith("assumed") and kind != "logits":  # nothing but logits is ever assumed
        by = "declared by outputs="
    says = f"{kind} of {of}, {by}"
    if seen.like_probabilities:
        return Finding(
            name,
            "warning",
            f"{says}; but the outputs look like probabilities",
            None,
            "a softmax or sigmoid of probabilities makes every sample look uncertain, and training "
            "with a loss of logits slow.",
            'remove the softmax or sigmoid from the model, or declare outputs="probabilities".',
        )
    if by.startswith("assumed"):
        do = 'declare outputs= and task= of the strategy, such as outputs="logits".'
        return Finding(name, "note", says, None, "other outputs would be misread.", do)
    return Finding(name, "ok", says)


def ties(query: Query, trace: Trace) -> Finding:
    """Picks that were drawn by chance from candidates with equal scores."""
    name = "tied scores"
    if query.scores is None or len(query) >= trace.candidates:
        return not_seen(name, "scores, and more candidates than picks")
    last = torch.from_numpy(query.scores == query.scores.min())
    drawn = last & (trace.tied > int(last.sum()))
    share = float(drawn.float().mean())
    verdict, says = "ok", f"{share:.0%} of the picks were drawn from candidates with equal scores"
    if trace.tied == trace.candidates:
        verdict, says = "warning", f"all {trace.candidates:,} candidates have the same score"
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
        "where scores are equal, chance decides: the model predicts the same for all these "
        "samples, or the criterion measures nothing here.",
        "check that the model was trained and is not certain of everything; add a term that "
        "breaks the ties, such as 0.01 * Rank(Entropy()).",
    )


def posterior(trace: Trace, again: SecondLook | None) -> Finding:
    """Posterior samples that are equal, or a single one where several are needed."""
    name = "posterior samples"
    seen = trace.sample or (again.picks if again else None)
    if seen is None or seen.posterior_samples < 2:
        return not_seen(name, "outputs (N, K, C) of K > 1 posterior samples")
    k, spread = seen.posterior_samples, seen.spread
    if spread > 1e-6:
        return Finding(name, "ok", f"{k} samples differ by up to {spread:.2g}", spread)
    return Finding(
        name,
        "warning",
        f"{k} samples, all equal",
        spread,
        "disagreement between posterior samples is 0 for every candidate.",
        "return outputs (N, K, C) of different passes or members; nn.Dropout is off during "
        "scoring, so a network that samples by dropout must apply it in every mode.",
    )


def repeatability(trace: Trace, again: SecondLook | None) -> Finding:
    """Scores, outputs or features that change when a sample is predicted again."""
    name, drift = "repeatable scores", again.drift if again else None
    if drift is None:
        return not_seen(name, "a strategy that predicts the candidates, to predict picks again")
    says = f"predicted twice, picks differ by up to {drift:.1g} of the candidates' range"
    if drift <= 0.01:
        return Finding(name, "ok", says, drift)
    if trace.sample is not None and trace.sample.posterior_samples > 1:
        verdict = "note"
        means = "posterior samples are drawn again each time; with more of them, scores vary less."
    else:
        verdict = "warning"
        means = (
            "the prediction of a sample depends on chance or on its batch: augmentation, BatchNorm "
            "or Dropout is active during scoring, or the score depends on the batch."
        )
    return Finding(
        name,
        verdict,
        says,
        drift,
        means,
        "give the pool a scoring_transform without augmentation; do not change the mode of layers "
        "in forward(), which is eval during scoring.",
    )
