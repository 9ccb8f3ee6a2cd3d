"""Selecting, without a model, a pool or a Trainer: what ``al.select`` and the strategies share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Generator, Tensor

from alkit.criteria import (
    BALD,
    EPIG,
    Criterion,
    Margin,
    MeanStd,
    Variance,
    VoteEntropy,
    as_criterion,
)
from alkit.errors import ConfigurationError, SampleIndexError
from alkit.pool.annotations import check_query_size
from alkit.pool.query import Query
from alkit.pool.trace import Evidence, Seen, drawn, see
from alkit.prediction import Prediction
from alkit.seeds import derive, fresh_seed, generator
from alkit.selectors import Candidates, Selector, TopK, as_selector

DISAGREEMENT = (
    BALD,
    EPIG,
    MeanStd,
    Variance,
    VoteEntropy,
)  # of posterior samples: 0 where there is only one


def select(
    n: int,
    *,
    probabilities: Any = None,
    embeddings: Any = None,
    prediction: Prediction | None = None,
    annotated: Any = (),
    labels: Any = None,
    head: Callable[[Tensor], Tensor] | None = None,
    criterion: Criterion | Callable[[Prediction], Tensor] | None = None,
    selector: Selector | Callable[..., Any] | None = None,
    round: int = 0,
    seed: int | None = None,
) -> Query:
    """Which ``n`` rows of plain arrays to annotate: no model, pool or Trainer is needed.

        query = al.select(20, probabilities=p)                                 # margin
        query = al.select(20, embeddings=e, annotated=known, selector=al.KCenter())

    Arrays are of numpy, torch (any device) or nested lists; what is chosen stays on the device of
    its input. The code is that of the strategies.

    Args:
        n: how many, most wanted first.
        probabilities: ``(N, C)`` class probabilities, or ``(N, K, C)`` of K posterior samples.
        embeddings: ``(N, D)`` features.
        prediction: outputs of another kind (logits, values) in place of both; its ids are not
            looked at.
        annotated: rows that are annotated already; they are not chosen.
        labels: class numbers of the annotated rows, in their order; few selectors look at them.
        head: from features ``(M, D)`` to logits ``(M, C)``; few selectors look at it.
        criterion: how much each row is wanted. Default: ``Margin()``, where the selector uses
            scores.
        selector: which rows together. Default: ``TopK()``.
        round: for weights that change by round.
        seed: of the random choices, and of ties; default: a fresh one.

    Returns:
        A Query: array-like of rows, with scores, guesses, probabilities of the picks and the
        shares of the criterion's terms, as far as there are any.

    Raises:
        QuerySizeError: n is no integer of at least 1, or more than the rows that are left.
        SampleIndexError: annotated rows that are out of range, repeated, or no integers.
        PredictionError, NonFiniteError: arrays that are no prediction; rows are named.
    """
    if prediction is None:
        outputs, features = _tensor(probabilities), _tensor(embeddings)
        kind = "probabilities" if outputs is not None else "logits"
        prediction = Prediction(outputs, kind=kind, features=features)
    elif probabilities is not None or embeddings is not None:
        raise ConfigurationError("give probabilities and embeddings, or a prediction, not both.")
    else:
        outputs, features = prediction.outputs, prediction.features
        prediction = Prediction(outputs, kind=prediction.kind, features=features)
    chosen = as_selector(TopK() if selector is None else selector)
    known, free = _split(annotated, len(prediction))
    check_query_size(n, len(prediction) - len(known))
    ours = prediction[free]
    candidates = Candidates(
        prediction=ours,
        annotated=prediction[known] if len(known) else None,
        labels=None if labels is None else torch.as_tensor(labels),
        head=head,
    )
    rule = as_criterion(Margin() if criterion is None else criterion).at(round)
    scores = rule.term_scores(ours) if "scores" in chosen.needs else []
    seed = fresh_seed() if seed is None else seed
    watched = derive(seed, "doctor", round)
    sample = see(ours, drawn(len(ours), watched))
    query = ask(n, candidates, rule, scores, chosen, generator(seed, "select", round), sample)
    picked = torch.from_numpy(query.indices)
    evidence = replace(query.evidence, picks=see(prediction, picked[drawn(n, watched)]))  # type: ignore[type-var]
    guesses = None
    if prediction.outputs is not None:
        guesses = prediction[picked].guesses.cpu().numpy()
    return replace(query, guesses=guesses, round=round, evidence=evidence)


def ask(
    n: int,
    candidates: Candidates,
    criterion: Criterion,
    scores: Sequence[Tensor],
    selector: Selector,
    rng: Generator,
    sample: Seen | None = None,
) -> Query:
    """The query of a selector among candidates whose terms were scored, ``(N,)`` each.

    Where the selector uses no scores, ``scores`` is empty and the criterion is not asked.
    ``sample`` is what was seen of some of the candidates, for the evidence; their ids ascend.
    """
    if scores or criterion.terms == ():
        candidates = candidates.with_scores(criterion.combine(*scores))
    picks = selector(candidates, n, rng)
    evidence = Evidence(len(candidates), sample, unreachable=picks.unreachable)
    if "scores" not in selector.needs or candidates.scores is None:
        why, shares, values = repr(selector), {}, None
    else:
        why = f"{selector!r} of {criterion!r}"
        rows = picks.positions.to(candidates.scores.device)
        values = candidates.scores[rows].cpu().numpy()
        parts = criterion.shares(*scores)
        shares = {name: part[rows].cpu().numpy() for name, part in parts.items()}
        evidence = _with_scores(evidence, candidates, criterion, scores, float(values.min()))
    return Query(
        candidates.ids.cpu()[picks.positions].numpy(),
        scores=values,
        why=why,
        probabilities=None if picks.probabilities is None else picks.probabilities.numpy(),
        shares=shares,
        evidence=evidence,
    )


def _with_scores(
    evidence: Evidence,
    candidates: Candidates,
    criterion: Criterion,
    scores: Sequence[Tensor],
    lowest: float,
) -> Evidence:
    final: Tensor = candidates.scores  # type: ignore[assignment]
    terms = criterion.terms
    columns = [*zip(terms, scores, strict=True), (criterion, final)]
    constant = [repr(term) for term, column in columns if _is_constant(column)]
    sample = None
    if evidence.sample is not None:
        rows = torch.searchsorted(candidates.ids.cpu(), evidence.sample.prediction.ids)
        sample = final[rows.to(final.device)].cpu().numpy()
    return replace(
        evidence,
        scores=sample,
        tied=int((final == lowest).count_nonzero()),
        constant=tuple(dict.fromkeys(constant)),
        disagreement=tuple(repr(term) for term in terms if isinstance(term, DISAGREEMENT)),
    )


def _is_constant(scores: Tensor) -> bool:
    low, high = scores.aminmax()
    return bool(low == high)


def _tensor(rows: Any) -> Tensor | None:
    return None if rows is None else torch.as_tensor(rows)


def _split(annotated: Any, total: int) -> tuple[Tensor, Tensor | slice]:
    """The annotated rows as given, and the others, ascending; on the CPU.

    A slice, which copies nothing, where the others stand together.
    """
    known = torch.as_tensor(annotated).flatten().cpu()
    if not len(known):
        return known.long(), slice(None)
    if known.is_floating_point() or known.dtype == torch.bool:
        raise SampleIndexError(f"annotated must be row numbers, got {known.dtype}.")
    known = known.long()
    outside = known[(known < 0) | (known >= total)]
    if len(outside):
        raise SampleIndexError(f"annotated rows run from 0 to {total - 1}, got {int(outside[0])}.")
    free = torch.ones(total, dtype=torch.bool)
    free[known] = False
    if int(free.sum()) != total - len(known):
        raise SampleIndexError("annotated rows must be distinct: a row came twice.")
    rows = free.nonzero().flatten()
    together = len(rows) and int(rows[-1] - rows[0]) == len(rows) - 1
    return known, slice(int(rows[0]), int(rows[-1]) + 1) if together else rows
