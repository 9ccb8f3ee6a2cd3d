"""Making of the rows of a space that does not change with training."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from alkit.errors import ConfigurationError, FeaturesError
from alkit.features.components import COMPONENTS, fitted_to, principal_components
from alkit.features.encoders import Rows, of_named, of_network, of_transformer
from alkit.features.given import check_rows, digest, given, rows_of
from alkit.features.inputs import check_width, values_of
from alkit.features.networks import fingerprint, weights_name
from alkit.features.on_disk import on_disk
from alkit.features.source import Source
from alkit.features.texts import COMPONENTS as OF_TEXTS
from alkit.features.texts import singular_vectors, vectorized
from alkit.hardware import check_memory
from alkit.pool.kept import Same, pickled
from alkit.selectors import Fixed, Frozen, Given, Inputs

TINY = torch.finfo(torch.float32).tiny


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
    with tqdm(total=len(source.ids), desc=repr(space), delay=5, leave=False) as bar:
        for part in _chunks(space, source):
            part[~np.isfinite(part).all(1)] = np.nan
            rows = _room(len(source.ids), part.shape[1], space) if rows is None else rows
            check_width(part.shape[1], rows.shape[1], repr(space))
            rows[filled : filled + len(part)] = torch.from_numpy(np.ascontiguousarray(part))
            filled += len(part)
            bar.update(len(part))
    if rows is None or filled != len(source.ids):
        raise FeaturesError(f"{space!r} has {filled:,} rows for {len(source.ids):,} samples.")
    good = ~rows[:, 0].isnan()
    _check_varied(rows if bool(good.all()) else rows[good], space)
    if space.normalize or space.metric == "cosine":
        for part in rows.split(4096):
            part /= torch.linalg.vector_norm(part, dim=1, keepdim=True).clamp_min_(TINY)
    return rows


def check(space: Fixed, source: Source) -> None:
    """Raise a FeaturesError for what can be told before anything is computed.

    The number and the names of given rows, and the name of a network of torchvision.
    """
    if isinstance(space, Given):
        check_rows(space, rows_of(space), source)
    elif isinstance(space, Frozen) and isinstance(space.encoder, str):
        weights_name(space.encoder)


def _room(count: int, width: int, space: Fixed) -> Tensor:
    what = f"keeping {count:,} x {width:,} features, {space!r},"
    check_memory(4 * count * width, "cpu", what, "Use fewer features, Inputs(50).")
    return torch.empty(count, width)


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
    if not isinstance(encoder, str | nn.Module):
        return of_transformer(encoder, source)
    made = partial(of_named if isinstance(encoder, str) else of_network, encoder)
    if space.folder is None:
        return made(source)
    by = weights_name(encoder) if isinstance(encoder, str) else fingerprint(encoder)
    return on_disk(Path(space.folder), by, source, made)


def _of_inputs(space: Inputs, source: Source) -> Rows:
    """Principal components of numbers, or singular vectors of the TF-IDF of texts."""
    count = len(source.ids)
    if space.components is not None and count <= space.components:
        raise FeaturesError(
            f"{count:,} samples have at most {max(count - 1, 1)} components, and {space!r} wants "
            f"{space.components}: use Inputs(), which takes fewer where there are fewer."
        )
    chosen = source.ids[fitted_to(count)]
    parts: list[Any] = []
    for part in values_of(source, chosen):
        if not parts and not isinstance(part, list):
            nbytes = 3 * len(chosen) * part[:1].nbytes
            check_memory(nbytes, "cpu", f"fitting {space!r} to {len(chosen):,} samples")
        parts.append(part)
    every = parts if len(chosen) == count else values_of(source, source.ids)
    if isinstance(parts[0], list):
        texts = [text for part in parts for text in part]
        return _singular(texts, every, space.components or OF_TEXTS)
    fitted = np.concatenate(parts)
    good = np.isfinite(fitted).all(1)
    if not good.any():
        raise FeaturesError(f"{space!r}: the inputs of all samples have NaN or infinity.")
    pca = principal_components(fitted[good], space.components or COMPONENTS)
    return (_projected(pca, part) for part in every)


def _projected(pca: Any, rows: np.ndarray) -> np.ndarray:
    """Components of rows; NaN for those that are not finite."""
    good = np.isfinite(rows).all(1)
    result = np.full((len(rows), len(pca.components_)), np.nan, np.float32)
    result[good] = pca.transform(rows[good]) if good.any() else 0
    return result


def _singular(texts: list[str], batches: Iterable[Any], most: int) -> Rows:
    vectorizer, counts = vectorized(texts)
    svd = singular_vectors(counts, most)
    if svd is not None:
        svd.fit(counts)
    for part in batches:
        rows = vectorizer.transform(part)
        dense = rows.toarray() if svd is None else svd.transform(rows)
        yield dense.astype(np.float32)


def _check_varied(rows: Tensor, space: Fixed) -> None:
    """Raise a FeaturesError if all rows are the same, up to rounding."""
    if len(rows) < 2:
        return
    low, high = torch.aminmax(rows, dim=0)
    scale = torch.maximum(low.abs(), high.abs())
    if bool((high - low <= 1e-6 * scale).all()):
        raise FeaturesError(
            f"{space!r} is the same for all {len(rows):,} samples, so it cannot tell them apart: "
            "use other features, such as Given(array) or Frozen(encoder)."
        )


def recipe(space: Fixed) -> tuple[Hashable, ...]:
    """All that determines the rows of a space, but the samples.

    Cost: a hash of the weights of an encoder, or a checksum of given rows.
    """
    unit = space.normalize or space.metric == "cosine"
    if isinstance(space, Given):
        if space.path is None:
            return "given", digest(space.array), str(space.names), unit
        facts = space.path.stat()
        return "file", str(space.path), facts.st_size, facts.st_mtime_ns, str(space.names), unit
    if isinstance(space, Inputs):
        return "inputs", space.components, unit
    encoder = getattr(space, "encoder", space)
    if isinstance(encoder, nn.Module):  # weights change, and networks that print alike may differ
        return "module", Same(encoder), fingerprint(encoder), unit
    if isinstance(encoder, str):
        return "encoder", encoder, unit
    return "encoder", Same(encoder), pickled(encoder), unit
