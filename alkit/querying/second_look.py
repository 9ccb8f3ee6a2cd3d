"""Second look at the picks of a query, when the doctor asks for it."""

from __future__ import annotations

import torch
from torch import Tensor

from alkit.criteria import Criterion
from alkit.pool.trace import SecondLook, difference, drawn, scale_of
from alkit.querying.context import PoolContext
from alkit.querying.gathered import Gathered, gather
from alkit.seeds import derive


class LookAgain:
    """Function that predicts the picks of a query once more, as long as the model is the same.

    Holds the first predictions of at most 1,000 picks, and of all candidates their range alone.

    Args:
        context: the context of the query.
        criterion: the criterion, with all that it needs from the context.
        seen: the first look at all candidates.
        ids: ``(n,)`` the picks.
    """

    def __init__(
        self, context: PoolContext, criterion: Criterion, seen: Gathered, ids: Tensor
    ) -> None:
        self._context = context
        watched = ids[drawn(len(ids), derive(context.seed, "doctor", context.round))]
        self._watched, self._ids = watched, watched.sort().values
        self._terms = criterion.terms if seen.scores else ()
        self._keep = seen.kept
        rows = torch.searchsorted(seen.ids, self._ids)
        self._first = [(scale_of(whole), whole[rows.to(whole.device)]) for whole in seen.columns]
        self._weights = context.weights()

    def __call__(self) -> SecondLook | None:
        """The picks as they are predicted now; None once the weights have changed.

        Cost: a forward pass over at most 1,000 picks.
        """
        if self._context.weights() != self._weights:
            return None
        with self._context.stream(self._ids.numpy()) as predictions:
            again = gather(
                predictions,
                len(self._ids),
                terms=self._terms,
                keep=self._keep,
                watch=self._watched,
            )
        if again.watched is None:
            return None
        pairs = zip(self._first, again.columns, strict=True)
        drifts = [difference(scale, first, second.to(first)) for (scale, first), second in pairs]
        return SecondLook(again.watched, max(drifts, default=None))
