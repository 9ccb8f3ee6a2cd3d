"""Selection from plain arrays, without a model, a pool or a Trainer: ``al.select``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from alkit.criteria import Context, Criterion
from alkit.errors import ConfigurationError, SampleIndexError
from alkit.pool import Query
from alkit.pool.annotations import check_query_size
from alkit.pool.trace import SecondLook, drawn, see
from alkit.prediction import Prediction
from alkit.querying.acquisition import Acquisition
from alkit.seeds import derive, generator
from alkit.selectors import Candidates, Selector


def select(
    n: int,
    *,
    probabilities: ArrayLike | Tensor | None = None,
    embeddings: ArrayLike | Tensor | None = None,
    prediction: Prediction | None = None,
    annotated: ArrayLike | Tensor = (),
    labels: ArrayLike | Tensor | None = None,
    head: Callable[[Tensor], Tensor] | None = None,
    criterion: Criterion | Callable[[Prediction], Tensor] | None = None,
    selector: Selector | Callable[..., Any] | None = None,
    round: int = 0,
    seed: int | None = None,
) -> Query:
    """Select ``n`` rows of plain arrays to annotate; no model, pool or Trainer is needed.

        query = al.select(20, probabilities=p)                                 # margin
        query = al.select(20, embeddings=e, annotated=known, selector=al.KCenter())

    Arrays are numpy arrays, torch tensors (any device) or nested lists; computation stays on the
    device of the input. Strategies run the same code.

    Args:
        n: number of rows, returned most wanted first.
        probabilities: ``(N, C)`` class probabilities, or ``(N, K, C)`` of K posterior samples.
        embeddings: ``(N, D)`` features.
        prediction: outputs of another kind (logits, values), instead of both; its ids are ignored.
        annotated: row numbers that are annotated already; they are never chosen.
        labels: class numbers of the annotated rows, in their order; few selectors use them.
        head: function from features ``(M, D)`` to logits ``(M, C)``; few selectors use it.
        criterion: score of each row. Default: ``Margin()``, if the selector uses scores.
        selector: choice of a batch. Default: ``TopK()``.
        round: round number, for weights that change by round.
        seed: seed of the random choices and of ties. Default: one from torch's generator, which is
            not advanced.

    Returns:
        A Query: array-like of row numbers, with scores, guesses, probabilities of the picks and
        the shares of the criterion's terms, where these exist.

    Raises:
        QuerySizeError: n is not an integer of at least 1, or exceeds the rows that remain.
        SampleIndexError: annotated rows are out of range, repeated, or not integers.
        PredictionError, NonFiniteError: the arrays are not a prediction; rows are named.
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
    known, free = _split(annotated, len(prediction))
    check_query_size(n, len(prediction) - len(known))
    context = Context(round, seed)
    acquisition = Acquisition(criterion, selector).at(context)
    ours = prediction[free]
    scored = "scores" in acquisition.selector.needs
    scores = acquisition.criterion.term_scores(ours) if scored else []
    candidates = Candidates(
        scores=acquisition.combined(scores),
        prediction=ours,
        annotated=prediction[known] if len(known) else None,
        labels=None if labels is None else torch.as_tensor(labels),
        head=head,
    )
    picks = acquisition.selector(candidates, n, generator(context.seed, "select", round))
    watched = derive(context.seed, "doctor", round)
    picked = candidates.ids.cpu()[picks.positions]
    again = SecondLook(see(prediction, picked[drawn(n, watched)]))
    return acquisition.query(
        candidates,
        picks,
        scores,
        see(ours, drawn(len(ours), watched)),
        round=round,
        guesses=None if outputs is None else prediction[picked].guesses.cpu().numpy(),
        look_again=lambda: again,
    )


def _tensor(rows: ArrayLike | Tensor | None) -> Tensor | None:
    return None if rows is None else torch.as_tensor(rows)


def _split(annotated: ArrayLike | Tensor, total: int) -> tuple[Tensor, Tensor | slice]:
    """Split into the annotated rows as given and the others, ascending; on the CPU.

    The others are a slice, which copies nothing, where they are consecutive.
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
