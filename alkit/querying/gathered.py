"""What a stream of predictions says of all candidates, joined to samples by their ids."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from alkit.criteria import Criterion, check_scores
from alkit.hardware import check_memory
from alkit.pool.query import Query
from alkit.pool.trace import Evidence, Seen, Watch, difference
from alkit.prediction import Prediction


@dataclass(frozen=True)
class Gathered:
    """What was kept of a stream, in the order of the ids.

    Attributes:
        ids: ``(N,)`` ascending dataset indices.
        scores: ``(N,)`` of each term that was asked for.
        prediction: outputs and features of all, where they were asked for.
        guesses: ``(N,)`` what the model believes of each, on the CPU, where they were asked for.
        watched: what was seen of those that were watched.
    """

    ids: Tensor
    scores: list[Tensor]
    prediction: Prediction | None = None
    guesses: Tensor | None = None
    watched: Seen | None = None


def gather(
    predictions: Iterable[Prediction],
    total: int,
    *,
    terms: Iterable[Criterion] = (),
    keep: Set[str] = frozenset(),
    guesses: bool = False,
    watch: Tensor | None = None,
) -> Gathered:
    """Go over a stream of predictions once, and keep what is asked for.

    Each term is computed chunk by chunk, and stays on the model's device. Memory: O(N) a term;
    ``N K C`` outputs and ``N D`` features only where they are kept.

    Args:
        predictions: of distinct candidates, in any order.
        total: how many candidates there are.
        terms: of a criterion, whose scores are wanted.
        keep: ``"outputs"`` and ``"features"`` of all candidates, or one of them.
        guesses: whether the guesses are wanted.
        watch: ids of candidates of which a bounded number of rows is kept as evidence.

    Raises:
        NotEnoughMemoryError: what is to be kept does not fit; said after the first chunk.
    """
    terms = tuple(terms)
    ids: list[Tensor] = []
    columns: list[list[Tensor]] = [[] for _ in terms]
    kept: dict[str, Tensor] = {}
    kind, filled = "logits", 0
    guessed: list[Tensor] = []
    witness = None if watch is None else Watch(watch)
    for prediction in predictions:
        ids.append(prediction.ids.cpu())
        for column, term in zip(columns, terms, strict=True):
            column.append(check_scores(term, term.score(prediction), prediction))
        if keep and not kept:
            kept, kind = _room(prediction, total, keep), prediction.kind
        for name, rows in kept.items():
            rows[filled : filled + len(prediction)] = getattr(prediction, name)
        filled += len(prediction)
        if guesses:
            guessed.append(prediction.guesses.cpu())
        if witness is not None:
            witness.look(prediction)
    joined = torch.cat(ids)
    whole = Prediction(ids=joined, kind=kind, **kept) if kept else None  # type: ignore[arg-type]
    seen = Gathered(
        joined,
        [torch.cat(column) for column in columns],
        whole,
        torch.cat(guessed) if guessed else None,
        None if witness is None else witness.seen,
    )
    ascending = bool((joined[1:] > joined[:-1]).all())
    return seen if ascending else _in_order(seen, joined.argsort())


def _in_order(seen: Gathered, order: Tensor) -> Gathered:
    return replace(
        seen,
        ids=seen.ids[order],
        scores=[column[order.to(column.device)] for column in seen.scores],
        prediction=None if seen.prediction is None else seen.prediction[order],
        guesses=None if seen.guesses is None else seen.guesses[order],
    )


def reviewed(query: Query, seen: Gathered, again: Gathered) -> Query:
    """A query with the guesses of its picks, and with what a second look at them tells.

    Args:
        query: as it was asked.
        seen: all candidates, as the query was chosen from them.
        again: the picks, predicted once more: the same terms and rows as in ``seen``, and guesses.
    """
    rows = torch.searchsorted(again.ids, torch.from_numpy(query.indices))
    evidence = query.evidence or Evidence()
    evidence = replace(evidence, picks=again.watched, drift=_drift(seen, again))
    return replace(query, guesses=again.guesses[rows].numpy(), evidence=evidence)  # type: ignore[index]


def _drift(seen: Gathered, again: Gathered) -> float | None:
    """The largest difference between two looks at the picks; None where there was only one."""
    rows = torch.searchsorted(seen.ids, again.ids)
    pairs = list(zip(seen.scores, again.scores, strict=True))
    if seen.prediction is not None and again.prediction is not None:
        for name in ("outputs", "features"):
            ours, theirs = getattr(seen.prediction, name), getattr(again.prediction, name)
            pairs += [] if ours is None else [(ours, theirs)]
    drifts = [difference(ours, ours[rows.to(ours.device)], theirs) for ours, theirs in pairs]
    return max(drifts, default=None)


def _room(first: Prediction, total: int, keep: Set[str]) -> dict[str, Tensor]:
    """Empty tensors for what is kept of all candidates, shaped as those of the first chunk."""
    rows = {name: getattr(first, name) for name in ("outputs", "features") if name in keep}
    rows = {name: value for name, value in rows.items() if value is not None}
    nbytes = sum(total * value[:1].nbytes for value in rows.values())
    if rows:
        device = next(iter(rows.values())).device
        what = f"keeping the {' and '.join(rows)} of {total:,} candidates for the selector"
        check_memory(nbytes, device, what, "Choose from a part of the pool, or by scores alone.")
    return {name: value.new_empty(total, *value.shape[1:]) for name, value in rows.items()}
