"""Making of the rows of a space that does not change with training."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from alkit.errors import ConfigurationError, FeaturesError
from alkit.features.components import COMPONENTS, fitted_to, principal_components, units_of
from alkit.features.encoders import Rows, of_file, of_named, of_network, of_transformer
from alkit.features.given import check_rows, contents, given, rows_of
from alkit.features.inputs import check_width, values_of
from alkit.features.networks import weights_name
from alkit.features.on_disk import on_disk
from alkit.features.saved import content
from alkit.features.source import Source
from alkit.features.texts import COMPONENTS as OF_TEXTS
from alkit.features.texts import singular_vectors, vectorized
from alkit.features.vectors import alike
from alkit.features.weights import fingerprint
from alkit.hardware import check_memory
from alkit.pool.kept import Same, pickled
from alkit.progress import Bar
from alkit.selectors import Fixed, Frozen, Given, Inputs
from alkit.storage import DEFAULT, some

TINY = torch.finfo(torch.float32).tiny
Units = tuple[np.ndarray, np.ndarray]  # mean and standard deviation of each column


def make(space: Fixed, source: Source) -> Tensor:
    """Rows ``(M, D)`` of a space in float32, on the CPU, of norm one where the space wants that.

    A row with NaN or infinity is NaN throughout: it is an error once the sample is used.

    Args:
        space: the space.
        source: the samples.

    Raises:
        FeaturesError: features do not fit the samples, or are all the same.
        NotEnoughMemoryError: the rows do not fit into memory; raised after the first batch.
    """
    rows: Tensor | None = None
    filled = 0
    with Bar(len(source.ids), repr(space)) as bar:
        for part in _chunks(space, source):
            part[~np.isfinite(part).all(1)] = np.nan
            if rows is None:
                rows = _room(len(source.ids), part.shape[1], space)
                bar.what = f"{space!r}, {rows.nbytes / 1e6:,.1f} MB"
            check_width(part.shape[1], rows.shape[1], repr(space))
            rows[filled : filled + len(part)] = torch.from_numpy(np.ascontiguousarray(part))
            filled += len(part)
            bar.update(len(part))
    if rows is None or filled != len(source.ids):
        raise FeaturesError(f"{space!r} has {filled:,} rows for {len(source.ids):,} samples.")
    good = ~rows[:, 0].isnan()
    _check_varied(rows, good, space)
    unit = space.normalize or space.metric == "cosine"
    if unit and rows.shape[1] == 1 and space.metric != "cosine":  # else only their sign is left
        rows /= rows[good].abs().amax().clamp_min_(TINY)
    elif unit:
        for part in rows.split(4096):
            _to_norm_one(part)
    _check_varied(rows, good, space, " once its rows have norm one")
    return rows


def check(space: Fixed, source: Source) -> None:
    """Raise a FeaturesError for what can be told before anything is computed.

    The number and the names of given rows, the name of a network of torchvision, and whether
    the file of one can be read.
    """
    if isinstance(space, Given):
        check_rows(space, rows_of(space), source)
    elif isinstance(space, Frozen) and isinstance(space.encoder, str):
        weights_name(space.encoder)
    elif isinstance(space, Frozen) and isinstance(space.encoder, Path):
        content(space.encoder)


def _to_norm_one(rows: Tensor) -> None:
    """Scale rows in place, first by powers of two so that no square overflows or underflows."""
    _, exponents = torch.frexp(rows.abs().amax(1, keepdim=True))
    rows *= torch.exp2(-exponents.clamp_(-126, 126).float())
    rows /= torch.linalg.vector_norm(rows, dim=1, keepdim=True).clamp_min_(TINY)


def _room(count: int, width: int, space: Fixed) -> Tensor:
    what = f"{count:,} x {width:,} features, {space!r},"
    return DEFAULT.empty((count, width), torch.float32, torch.device("cpu"), what)


def _chunks(space: Fixed, source: Source) -> Rows:
    if isinstance(space, Given):
        return given(space, source)
    if isinstance(space, Inputs):
        return _of_inputs(space, source)
    if not isinstance(space, Frozen):
        raise ConfigurationError(
            f"{space!r} declares no features: use Inputs(), Frozen(encoder) or Given(array)."
        )
    encoder = space.encoder
    if isinstance(encoder, Path):
        made = partial(of_file, encoder)
    elif isinstance(encoder, str | nn.Module):
        made = partial(of_named if isinstance(encoder, str) else of_network, encoder)
    else:
        return of_transformer(encoder, source)
    if space.folder is None:
        return made(source)
    network = encoder if isinstance(encoder, nn.Module) else None
    return on_disk(space.folder, _weights(encoder), source, made, network)


def _weights(encoder: nn.Module | Path | str) -> str:
    """Text that differs for other weights."""
    if isinstance(encoder, Path):
        return content(encoder)
    return weights_name(encoder) if isinstance(encoder, str) else fingerprint(encoder)


def _of_inputs(space: Inputs, source: Source) -> Rows:
    """Principal components of numbers, or singular vectors of the TF-IDF of texts."""
    count = len(source.ids)
    chosen = source.ids[fitted_to(count)]
    _check_components(space, len(chosen))
    parts, whole = _values(space, source, chosen)
    every = parts if len(chosen) == count else values_of(source, source.ids)
    if whole is None:
        texts = [text for part in parts for text in part]
        return _singular(texts, every, space.components or OF_TEXTS)
    good = np.concatenate([np.isfinite(part).all(1) for part in parts])
    if not good.any():
        raise FeaturesError(f"{space!r}: the inputs of all samples have NaN or infinity.")
    _check_components(space, int(good.sum()))
    try:
        fitted = whole if good.all() else whole[good]
        units = units_of(fitted)
        pca = principal_components(_scaled(fitted, units), space.components or COMPONENTS)
    except ValueError as error:  # sums of squares
        raise FeaturesError(f"{space!r}: the inputs overflow float32: scale them down.") from error
    return (_projected(pca, part, units) for part in every)


def _values(
    space: Inputs, source: Source, chosen: np.ndarray
) -> tuple[list[Any], np.ndarray | None]:
    """Batches of texts, or of the rows of a matrix ``(n, V)``, which comes second."""
    parts: list[Any] = []
    whole, filled = None, 0
    for part in values_of(source, chosen):
        if not isinstance(part, list):
            if whole is None:
                nbytes = 2 * len(chosen) * part[:1].nbytes  # they are centered in a copy
                check_memory(nbytes, "cpu", f"fitting {space!r} to {len(chosen):,} samples")
                whole = np.empty((len(chosen), part.shape[1]), np.float32)
            whole[filled : filled + len(part)] = part  # held once
            part, filled = whole[filled : filled + len(part)], filled + len(part)
        parts.append(part)
    return parts, whole


def _check_components(space: Inputs, count: int) -> None:
    """Raise a FeaturesError if so few samples have fewer components than are wanted."""
    if space.components is not None and count <= space.components:
        raise FeaturesError(
            f"{count:,} samples have at most {max(count - 1, 1)} components, and {space!r} wants "
            f"{space.components}: use Inputs(), which takes fewer where there are fewer."
        )


def _projected(pca: Any, rows: np.ndarray, units: Units | None) -> np.ndarray:
    """Components of rows; NaN for those that are not finite."""
    good = np.isfinite(rows).all(1)
    result = np.full((len(rows), len(pca.components_)), np.nan, np.float32)
    result[good] = pca.transform(_scaled(rows[good], units)) if good.any() else 0
    return result


def _scaled(rows: np.ndarray, units: Units | None) -> np.ndarray:
    """Columns with mean zero and variance one if their units differ, else as they are."""
    return rows if units is None else ((rows - units[0]) / units[1]).astype(np.float32)


def _singular(texts: list[str], batches: Iterable[Any], most: int) -> Rows:
    vectorizer, counts = vectorized(texts)
    svd = singular_vectors(counts, most)
    if svd is not None:
        svd.fit(counts)
    for part in batches:
        rows = vectorizer.transform(part)
        dense = rows.toarray() if svd is None else svd.transform(rows)
        yield dense.astype(np.float32)


def _check_varied(rows: Tensor, good: Tensor, space: Fixed, once: str = "") -> None:
    """Raise a FeaturesError if no row is good, or all of these are the same, up to rounding."""
    if not bool(good.any()):
        raise FeaturesError(
            f"{space!r} is NaN or infinite for all samples: look at its inputs, which may need "
            "their normalization, and at its weights."
        )
    finite = (rows if bool(good.all()) else some(rows, good)).numpy()
    if len(finite) > 1 and alike(finite):
        remedy = "normalize=False, or " if once else ""
        raise FeaturesError(
            f"{space!r} is the same for all {len(finite):,} samples{once}, so it cannot tell them "
            f"apart: use {remedy}other features, such as Given(array) or Frozen(encoder)."
        )


def recipe(space: Fixed) -> tuple[Hashable, ...]:
    """All that determines the rows of a space, but the samples.

    Cost: a hash of the weights of an encoder, or a checksum of given rows in memory.
    """
    unit = space.normalize or space.metric == "cosine"
    if isinstance(space, Given):
        return "given", *contents(space), unit
    if isinstance(space, Inputs):
        return "inputs", space.components, unit
    encoder = getattr(space, "encoder", space)
    if isinstance(encoder, nn.Module):  # weights change, and networks that print alike may differ
        return "module", Same(encoder), fingerprint(encoder), unit
    if isinstance(encoder, Path):
        return "file", content(encoder), unit
    if isinstance(encoder, str):
        return "encoder", encoder, unit
    return "encoder", Same(encoder), pickled(encoder), unit
