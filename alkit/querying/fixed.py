"""Features that do not change with training, of the candidates and annotated samples of a query."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence, Set
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from alkit.errors import ConfigurationError, FeaturesError, UnreadableSampleError, warn
from alkit.features import Source, check, make, recipe
from alkit.pool import ActiveLearningDataset
from alkit.pool.annotations import OUTSIDE
from alkit.pool.fingerprint import content_of_some, fixed_draws
from alkit.pool.kept import Same
from alkit.pool.loaders import scoring_loader
from alkit.querying.arrays import check_whole
from alkit.querying.row_numbers import RowNumbers
from alkit.selectors import Fixed, FixedRows, Given
from alkit.selectors.fixed import fixed_needs
from alkit.storage import some
from alkit.training.batches import INPUTS, Places

if TYPE_CHECKING:
    from alkit.querying.context import PoolContext

BATCH = 32  # samples that al.select reads at once


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
        ConfigurationError: the strategy trains the encoder of a space.
    """
    pool, learner = context.pool, context.learner

    def batches(some: np.ndarray) -> Iterable[Any]:
        return learner.scoring_batches(pool, some)

    collate = learner.loader.get("collate_fn")
    samples = Samples(pool, batches, learner.predictor.places, collate)

    def held(space: Fixed) -> tuple[np.ndarray, Tensor]:
        _check_not_trained(space, learner.module)
        return _kept(samples, space, np.union1d(ids, known))

    return _rows(needs, ids, known, held, pool.names, device)


def _check_not_trained(space: Fixed, module: nn.Module) -> None:
    """Raise a ConfigurationError if training changes weights of a frozen encoder."""
    encoder = getattr(space, "encoder", None)
    if not isinstance(encoder, nn.Module):
        return
    trained = {id(weight) for weight in module.parameters() if weight.requires_grad}
    if any(id(weight) in trained for weight in encoder.parameters()):
        raise ConfigurationError(
            f"{space!r} has weights that the strategy trains, so its features would change with "
            "training: pass a copy, Frozen(copy.deepcopy(encoder)), freeze the encoder, "
            "encoder.requires_grad_(False), or use Features() for those of the network."
        )


def check_spaces(pool: ActiveLearningDataset, needs: Set[Any]) -> None:
    """Raise a FeaturesError for fixed features that cannot be those of the samples of a pool."""
    for space in fixed_needs(needs):
        check(space, Source(pool.indices, len(pool), names=pool.names))


def of_arrays(
    rows: RowNumbers,
    inputs: ActiveLearningDataset | None,
    needs: Set[Any],
    device: torch.device,
) -> FixedRows | None:
    """Fixed features that a selector needs of rows of arrays; None if it needs none.

    Args:
        rows: the row numbers.
        inputs: pool of the samples of all rows, the unannotated or the candidates; None if there
            are arrays alone.
        needs: the needs of the selector.
        device: the device of the rows.

    Raises:
        FeaturesError: as ``of_pool``.
        PredictionError: features of annotated rows are needed, and ``inputs`` has not these.
    """
    ids, known = rows.numbers.numpy(), rows.annotated.cpu().numpy()

    def held(space: Fixed) -> tuple[np.ndarray, Tensor]:
        if inputs is None or isinstance(space, Given):
            source = Source(np.arange(rows.total), rows.total, names=rows.names)
            return source.ids, make(space, source)
        compared = len(known) > 0 and "annotated" in needs
        check_whole("inputs", inputs, rows.total, needed=compared)
        numbers = rows.held(len(inputs)).numpy()
        wanted = np.isin(numbers, np.union1d(ids, known) if compared else ids)
        places = Places(None, inputs.input_key, inputs.label_key)
        samples = Samples(inputs, partial(_scored, inputs), places)
        found, features = _kept(samples, space, np.flatnonzero(wanted))
        return numbers[found], features

    return _rows(needs, ids, known, held, rows.names, device)


def _scored(pool: ActiveLearningDataset, ids: np.ndarray) -> Iterable[Any]:
    return scoring_loader(pool.view(ids, labels=False, scoring=True), BATCH)


def _rows(
    needs: Set[Any],
    ids: np.ndarray,
    known: np.ndarray,
    held: Callable[[Fixed], tuple[np.ndarray, Tensor]],
    names: Sequence[str] | None,
    device: torch.device,
) -> FixedRows | None:
    """Rows of the candidates and of the annotated samples in each space that is needed."""
    ours, theirs = {}, {}
    for space in fixed_needs(needs):
        found = held(space)
        ours[space] = _taken(*found, ids, space, names).to(device)
        if len(known) and "annotated" in needs:
            theirs[space] = _taken(*found, known, space, names).to(device)
    return FixedRows(ours, theirs) if ours else None


class Samples(NamedTuple):
    """Samples of a pool, and how they are read: ``batches`` of ids and inputs."""

    pool: ActiveLearningDataset
    batches: Callable[[np.ndarray], Iterable[Any]]
    places: Places
    collate: object = None

    def key(self, space: Fixed) -> tuple[Hashable, ...]:
        """All that determines the rows of a space but the content of the samples."""
        pool = self.pool
        named = None if pool.names is None else pool._identity.fingerprint
        key = (recipe(space), named, pool._identity.among, len(pool))
        return key if isinstance(space, Given) else (*key, *self.reading)

    @property
    def reading(self) -> tuple[Hashable, ...]:
        """Everything that determines how the samples are read."""
        places, pool = self.places, self.pool
        where = Same(places.inputs) if callable(places.inputs) else places.inputs
        keys = places.input_key, places.label_key, pool.label_key
        return Same(pool._scoring_transform), where, keys, Same(self.collate)


def _kept(samples: Samples, space: Fixed, wanted: np.ndarray) -> tuple[np.ndarray, Tensor]:
    """Ids and rows of all samples of the pool, made at the first use."""
    pool, places, key = samples.pool, samples.places, samples.key(space)
    every = np.flatnonzero(pool.rounds != OUTSIDE)
    view = pool.view(every, labels=False, scoring=True)

    def input_of(batch: Any, network: nn.Module | None) -> Any:
        whole = (places.inputs, places.input_key, network) == (None, None, None)
        if whole and isinstance(batch, Mapping) and not batch.keys() & set(INPUTS):
            return batch  # nothing declares which part is the input
        return places.input_of(batch, network, INPUTS)

    def content(seed: int = 0) -> str:
        if isinstance(space, Given):
            return ""
        return content_of_some(view.__getitem__, np.arange(len(every)), seed)

    def made(ids: np.ndarray) -> tuple[np.ndarray, Tensor]:
        source = Source(ids, len(pool), samples.batches, pool.names, input_of)
        with fixed_draws():  # augmentation at random has no effect on the features
            return ids, make(space, source)

    def all_made() -> tuple[np.ndarray, Tensor]:
        if content(0) != content(1):
            warn(
                f"the samples are read differently each time, as by random augmentation, and "
                f"{space!r} is of one reading: give the pool a dataset without it, and the "
                "augmentation as transform=, with scoring_transform=lambda x: x."
            )
        try:
            return made(every)  # excluded ones as well, so that features do not depend on these
        except Exception as error:
            left = wanted if isinstance(error, UnreadableSampleError) else pool.indices
            if len(left) == len(every):
                raise
            return made(left)  # an excluded sample, or one that is left out, may be broken

    found, rows = pool.features.rows(key, all_made, wanted, content)
    if bool(rows[torch.from_numpy(np.searchsorted(found, wanted)), 0].isnan().any()):
        pool.features.forget(key)  # it is an error now, and the sample may be mended
    return found, rows


def _taken(ids: np.ndarray, rows: Tensor, wanted: np.ndarray, space: Fixed, names: Any) -> Tensor:
    """Rows of some samples.

    Raises:
        FeaturesError: the features of one of these are NaN or infinite.
    """
    if np.array_equal(ids, wanted):
        part = rows
    else:
        part = some(rows, torch.from_numpy(np.searchsorted(ids, wanted)))
    bad = part[:, 0].isnan()
    if bool(bad.any()):
        index = int(wanted[int(bad.byte().argmax())])
        named = "" if names is None else f" ({names[index]!r})"
        raise FeaturesError(
            f"{space!r} has NaN or infinity for {int(bad.sum()):,} of {len(part):,} samples, such "
            f"as sample {index}{named}: mend its input or its row, or leave it out, "
            'pool.exclude(ids, "broken"), or among= of al.select.'
        )
    return part
