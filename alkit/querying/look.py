"""Predictions of all candidates of a query, which several processes share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from alkit.errors import ProcessError
from alkit.pool.trace import joined
from alkit.prediction import Prediction
from alkit.processes import helped, is_led, rank, share
from alkit.querying.context import PoolContext
from alkit.querying.gathered import Gathered, gather, in_order
from alkit.storage import DEFAULT, Storage

ROWS = 4096  # rows that are copied at a time


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
    storage = kept.get("storage", DEFAULT)
    stored = partial(_stored, storage=storage)  # each part before the next one is received
    found = helped(part, f"scoring of {len(ids)} samples", stored)
    return merged([seen for seen in found if seen is not None], ids, storage)


def merged(parts: Sequence[Gathered], ids: Tensor, storage: Storage = DEFAULT) -> Gathered:
    """Join the parts that several processes gathered, by the ids of the samples.

    Args:
        parts: the part of each process that had samples.
        ids: ``(N,)`` ids of all samples, ascending.
        storage: place of the outputs and features.

    Raises:
        NotEnoughMemoryError: there is no room for the outputs and features.
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
        None,
        _column([part.guesses for part in parts]),
        joined(watched) if watched else None,
        _column(bare) if bare else None,
    )
    seen = in_order(seen, found.argsort())
    if not predictions:
        return seen
    whole = _whole(predictions, ids, storage)
    device = next(iter(_rows(whole).values())).device
    scores = [column.to(device) for column in seen.scores]
    return replace(seen, prediction=whole, scores=scores)


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


def _whole(parts: Sequence[Prediction], ids: Tensor, storage: Storage) -> Prediction:
    """The parts in the order of the ids, each row copied once, into a file if they are large."""
    places = [torch.searchsorted(ids, part.ids.cpu()) for part in parts]
    first, whole = _rows(parts[0]), {}
    nbytes = sum(len(ids) * rows[:1].nbytes for rows in first.values())
    for name, rows in first.items():
        device = rows.device if storage.holds(nbytes, rows.device) else torch.device("cpu")
        place = storage if storage.holds(nbytes, device) else replace(storage, share=0)
        what = f"the {name} of {len(ids):,} candidates"
        whole[name] = place.empty((len(ids), *rows.shape[1:]), rows.dtype, device, what)
        for part, at in zip(parts, places, strict=True):
            for some in torch.arange(len(at)).split(ROWS):
                whole[name][at[some]] = _rows(part)[name][some].to(whole[name])
    return replace(parts[0], ids=ids, **whole)


def _stored(seen: Gathered | None, storage: Storage) -> Gathered | None:
    """A part that was received, its rows in a file if they are large."""
    if seen is None or seen.prediction is None:
        return seen
    kept, nbytes = {}, sum(rows.nbytes for rows in _rows(seen.prediction).values())
    if storage.holds(nbytes, torch.device("cpu")):
        return seen
    for name, rows in _rows(seen.prediction).items():
        what = f"the {name} of {len(rows):,} candidates of another process"
        kept[name] = replace(storage, share=0).empty(rows.shape, rows.dtype, rows.device, what)
        kept[name].copy_(rows)
    return replace(seen, prediction=replace(seen.prediction, **kept))


def _rows(prediction: Prediction) -> dict[str, Tensor]:
    """Outputs and features, where they are kept."""
    both = {"outputs": prediction.outputs, "features": prediction.features}
    return {name: rows for name, rows in both.items() if rows is not None}


def _column(parts: Sequence[Tensor]) -> Tensor:
    """Concatenate parts on the device of the first."""
    return torch.cat([part.to(parts[0].device) for part in parts])


def _on_the_cpu(seen: Gathered) -> Gathered:
    whole = seen.prediction
    if whole is not None:
        rows = {name: rows.cpu() for name, rows in _rows(whole).items()}
        whole = replace(whole, ids=whole.ids.cpu(), **rows)
    return replace(seen, scores=[column.cpu() for column in seen.scores], prediction=whole)
