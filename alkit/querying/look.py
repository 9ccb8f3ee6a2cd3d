"""Predictions of all candidates of a query, which several processes share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from alkit.errors import ProcessError
from alkit.pool.trace import joined
from alkit.prediction import Prediction
from alkit.processes import helped, is_led, rank, share
from alkit.querying.context import PoolContext
from alkit.querying.gathered import Gathered, gather, in_order


def look_at(context: PoolContext, ids: Tensor, **kept: Any) -> Gathered:
    """Predict some samples once, and keep what ``gather`` is asked to keep.

    Within ``processes.led``, each process predicts its share of the batches, which are those of one
    process. The first gathers them by id, and the others return from ``led``.

    Args:
        context: the context of the query.
        ids: ``(N,)`` dataset indices, ascending.
        **kept: see ``gather``.

    Raises:
        ProcessError: a sample was predicted by no process, or by two.
    """

    def part() -> Gathered | None:
        mine = _dealt(ids, context.learner.test_batch_size)
        if not len(mine):
            return None
        seen = _look(context, mine, kept)
        return seen if rank() == 0 else _on_the_cpu(seen)  # the first keeps its own part

    if not is_led():
        return _look(context, ids, kept)
    found = helped(part, f"scoring of {len(ids)} samples")
    return merged([seen for seen in found if seen is not None], ids)


def merged(parts: Sequence[Gathered], ids: Tensor) -> Gathered:
    """Join the parts that several processes gathered, by the ids of the samples.

    Args:
        parts: the part of each process that had samples.
        ids: ``(N,)`` ids of all samples, ascending.

    Raises:
        ProcessError: a sample is missing, or was predicted twice.
    """
    found = torch.cat([part.ids for part in parts])
    _check_each_once(found, ids)
    predictions = [part.prediction for part in parts if part.prediction is not None]
    watched = [part.watched for part in parts if part.watched is not None]
    bare = [part.bare for part in parts if part.bare is not None]
    seen = Gathered(
        found,
        [_column(column) for column in zip(*(part.scores for part in parts), strict=True)],
        _whole(predictions, found) if predictions else None,
        _column([part.guesses for part in parts]),
        joined(watched) if watched else None,
        _column(bare) if bare else None,
    )
    return in_order(seen, found.argsort())


def _check_each_once(found: Tensor, ids: Tensor) -> None:
    values, counts = found.unique(return_counts=True)
    wrong = [("twice", values[counts > 1]), ("in no process", ids[~torch.isin(ids, values)])]
    wrong.append(("though it is not a candidate", values[~torch.isin(values, ids)]))
    for how, those in wrong:
        if len(those):
            raise ProcessError(
                f"sample {int(those[0])} was predicted {how}, and {len(those) - 1} others: the "
                "processes of a distributed training do not agree on the candidates or on the "
                "batch size of the scoring."
            )


def _look(context: PoolContext, ids: Tensor, kept: dict[str, Any]) -> Gathered:
    with context.stream(ids) as predictions:
        return gather(predictions, len(ids), **kept)


def _dealt(ids: Tensor, size: int) -> Tensor:
    """Share of a process in whole batches, so that each is as in one process, bit for bit."""
    return torch.cat([*share(ids.split(size)), ids[:0]])


def _whole(parts: Sequence[Prediction], ids: Tensor) -> Prediction:
    rows = {
        name: _column([getattr(part, name) for part in parts])
        for name in ("outputs", "features")
        if getattr(parts[0], name) is not None
    }
    return replace(parts[0], ids=ids, **rows)


def _column(parts: Sequence[Tensor]) -> Tensor:
    """Concatenate parts on the device of the first."""
    return torch.cat([part.to(parts[0].device) for part in parts])


def _on_the_cpu(seen: Gathered) -> Gathered:
    whole = seen.prediction
    if whole is not None:
        rows = {name: getattr(whole, name).cpu() for name in seen.kept}
        whole = replace(whole, ids=whole.ids.cpu(), **rows)
    return replace(seen, scores=[column.cpu() for column in seen.scores], prediction=whole)
