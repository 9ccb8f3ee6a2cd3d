"""Features that do not change with training, of the candidates and annotated samples of a query."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from alkit.errors import FeaturesError
from alkit.features import Source, check, make, recipe
from alkit.hardware import check_memory
from alkit.pool.annotations import OUTSIDE
from alkit.pool.kept import Same
from alkit.selectors import Fixed, FixedRows, Given
from alkit.selectors.fixed import fixed_needs
from alkit.training.batches import INPUTS

if TYPE_CHECKING:
    from alkit.pool import ActiveLearningDataset
    from alkit.querying.context import PoolContext


def of_pool(
    context: PoolContext, needs: Set[Any], ids: np.ndarray, known: np.ndarray, device: torch.device
) -> FixedRows | None:
    """Fixed features that a selector needs of samples of a pool; None if it needs none.

    They are computed once for all samples of the pool, and kept in ``pool.features``.

    Args:
        context: the context of the query.
        needs: the needs of the selector.
        ids, known: dataset indices of the candidates and of the annotated samples.
        device: the device of the rows.

    Raises:
        FeaturesError: features do not fit the samples; see ``alkit.features.make``.
    """
    ours, theirs = {}, {}
    for space in fixed_needs(needs):
        held = _kept(context, space, np.union1d(ids, known))
        ours[space] = _taken(*held, ids, space, context.pool.names).to(device)
        if len(known) and "annotated" in needs:
            theirs[space] = _taken(*held, known, space, context.pool.names).to(device)
    return FixedRows(ours, theirs) if ours else None


def check_spaces(pool: ActiveLearningDataset, needs: Set[Any]) -> None:
    """Raise a FeaturesError for fixed features that cannot be those of the samples of a pool."""
    for space in fixed_needs(needs):
        check(space, Source(pool.indices, len(pool), names=pool.names))


def of_arrays(
    needs: Set[Any], ids: Tensor, known: Tensor, source: Source, device: torch.device
) -> FixedRows | None:
    """Fixed features that a selector needs of rows of arrays; None if it needs none."""
    ours, theirs = {}, {}
    for space in fixed_needs(needs):
        held = source.ids, make(space, source)
        ours[space] = _taken(*held, ids.cpu().numpy(), space, source.names).to(device)
        if len(known) and "annotated" in needs:
            theirs[space] = _taken(*held, known.cpu().numpy(), space, source.names).to(device)
    return FixedRows(ours, theirs) if ours else None


def _kept(context: PoolContext, space: Fixed, wanted: np.ndarray) -> tuple[np.ndarray, Tensor]:
    """Ids and rows of all samples of the pool, made at the first use."""
    pool, learner = context.pool, context.learner
    places, collate = learner.predictor.places, learner.loader.get("collate_fn")
    named = None if pool.names is None else pool._identity.fingerprint
    key = (recipe(space), named, pool._identity.among, len(pool))
    if not isinstance(space, Given):
        scoring = Same(pool._scoring_transform)
        where = Same(places.inputs) if callable(places.inputs) else places.inputs
        key += (pool._identity.inputs, scoring, where, places.input_key, Same(collate))

    def input_of(batch: Any, network: nn.Module | None) -> Any:
        whole = (places.inputs, places.input_key, network) == (None, None, None)
        if whole and isinstance(batch, Mapping) and not batch.keys() & set(INPUTS):
            return batch  # nothing declares which part is the input
        return places.input_of(batch, network, INPUTS)

    def read(ids: np.ndarray) -> Any:
        return learner.scoring_batches(pool, ids)

    def made(ids: np.ndarray) -> tuple[np.ndarray, Tensor]:
        return ids, make(space, Source(ids, len(pool), read, pool.names, input_of))

    def all_made() -> tuple[np.ndarray, Tensor]:
        every = np.flatnonzero(pool.rounds != OUTSIDE)
        try:
            return made(every)  # excluded ones as well, so that features do not depend on these
        except Exception:
            if len(pool.indices) == len(every):
                raise
            return made(pool.indices)  # an excluded sample may be broken

    return pool.features.rows(key, all_made, wanted)


def _taken(ids: np.ndarray, rows: Tensor, wanted: np.ndarray, space: Fixed, names: Any) -> Tensor:
    """Rows of some samples.

    Raises:
        FeaturesError: the features of one of these are NaN or infinite.
    """
    if np.array_equal(ids, wanted):
        part = rows
    else:
        nbytes = len(wanted) * rows[:1].nbytes
        check_memory(nbytes, "cpu", f"{space!r} of {len(wanted):,} samples")
        part = rows[torch.from_numpy(np.searchsorted(ids, wanted))]
    bad = part[:, 0].isnan()
    if bool(bad.any()):
        index = int(wanted[int(bad.byte().argmax())])
        named = "" if names is None else f" ({names[index]!r})"
        raise FeaturesError(
            f"{space!r} has NaN or infinity for {int(bad.sum()):,} of {len(part):,} samples, such "
            f"as sample {index}{named}: mend its input or its row, or leave it out, "
            'pool.exclude(ids, "broken").'
        )
    return part
