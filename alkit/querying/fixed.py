"""Features that do not change with training, of the candidates and annotated samples of a query."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Set
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from alkit.errors import FeaturesError, warn
from alkit.features import Source, make, recipe
from alkit.hardware import check_memory
from alkit.pool.annotations import OUTSIDE
from alkit.pool.fingerprint import content_of_some, fixed_draws
from alkit.pool.kept import Same
from alkit.selectors import Fixed, FixedRows, Given
from alkit.selectors.fixed import fixed_needs
from alkit.training.batches import INPUTS

if TYPE_CHECKING:
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
    ours, theirs, pool = {}, {}, context.pool
    for space in fixed_needs(needs):
        key = _key(context, space)
        held = _kept(context, space, key, np.union1d(ids, known))
        try:
            ours[space] = _taken(*held, ids, space, pool.names).to(device)
            if len(known) and "annotated" in needs:
                theirs[space] = _taken(*held, known, space, pool.names).to(device)
        except FeaturesError:
            pool.features.forget(key)  # the input or row of a sample may be mended
            raise
    return FixedRows(ours, theirs) if ours else None


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


def _key(context: PoolContext, space: Fixed) -> tuple[Hashable, ...]:
    """All that determines the rows of a space but the content of the samples."""
    pool, learner = context.pool, context.learner
    places, collate = learner.predictor.places, learner.loader.get("collate_fn")
    named = None if pool.names is None else pool._identity.fingerprint
    key = (recipe(space), named, pool._identity.among, len(pool))
    if isinstance(space, Given):
        return key
    where = Same(places.inputs) if callable(places.inputs) else places.inputs
    keys = places.input_key, places.label_key, pool.label_key
    return (*key, Same(pool._scoring_transform), where, keys, Same(collate))


def _kept(
    context: PoolContext, space: Fixed, key: tuple[Hashable, ...], wanted: np.ndarray
) -> tuple[np.ndarray, Tensor]:
    """Ids and rows of all samples of the pool, made at the first use."""
    pool, learner = context.pool, context.learner
    places = learner.predictor.places
    every = np.flatnonzero(pool.rounds != OUTSIDE)
    view = pool.view(every, labels=False, scoring=True)

    def input_of(batch: Any, network: nn.Module | None) -> Any:
        whole = (places.inputs, places.input_key, network) == (None, None, None)
        if whole and isinstance(batch, Mapping) and not batch.keys() & set(INPUTS):
            return batch  # nothing declares which part is the input
        return places.input_of(batch, network, INPUTS)

    def read(ids: np.ndarray) -> Any:
        return learner.scoring_batches(pool, ids)

    def content(seed: int = 0) -> str:
        if isinstance(space, Given):
            return ""
        return content_of_some(view.__getitem__, np.arange(len(every)), seed)

    def made(ids: np.ndarray) -> tuple[np.ndarray, Tensor]:
        with fixed_draws():  # augmentation at random has no effect on the features
            return ids, make(space, Source(ids, len(pool), read, pool.names, input_of))

    def all_made() -> tuple[np.ndarray, Tensor]:
        if content(0) != content(1):
            warn(
                f"the samples are read differently each time, as by random augmentation, and "
                f"{space!r} is of one reading: give the pool a dataset without it, and the "
                "augmentation as transform=, with scoring_transform=lambda x: x."
            )
        try:
            return made(every)  # excluded ones as well, so that features do not depend on these
        except Exception:
            if len(pool.indices) == len(every):
                raise
            return made(pool.indices)  # an excluded sample may be broken

    return pool.features.rows(key, all_made, wanted, content)


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
