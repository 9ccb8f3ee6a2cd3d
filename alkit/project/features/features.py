"""Features of the samples of a project: computed once, and kept on disk by content."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, cast

import numpy as np
from torch import nn
from torch.utils.data import default_collate

from alkit.errors import ConfigurationError, FeaturesError, ProjectError
from alkit.features import networks
from alkit.features.cache import ROWS, Cache
from alkit.features.npy import rows_of
from alkit.features.reading import read_ahead
from alkit.features.saved import SUFFIXES, check_mode, content, load
from alkit.features.vectors import Job, Made, Vectors, alike, scaled, vectors
from alkit.features.weights import fingerprint
from alkit.lock import wait_for
from alkit.project.catalog import Catalog
from alkit.project.features.given import unchanged
from alkit.project.features.pixels import NOTE, pixels
from alkit.project.features.tfidf import tfidf
from alkit.project.samples.images import Images
from alkit.project.samples.source import ImageSource, Source

FOLDER = "features"
PATIENCE = 5.0  # seconds
DEFAULTS = {"image": "pixels", "text": "tfidf", "vector": "embeddings"}


@dataclass(frozen=True)
class Features:
    """Features of samples.

    Attributes:
        rows: ``(N, D)`` in float32, mapped to a file.
        names: ``(N,)`` names of the samples that have features, in the order of the catalog.
        name: name of the features, such as ``"pixels"`` or ``"resnet18"``.
        key: text that differs when the same sample may have other features than before.
        note: advice for the status; empty if there is none.
        problems: reason by name of each sample that could not be read; see
            ``Catalog.with_problems``.
        missing: names of samples that a given ``.npy`` file has no row for, or that of a content
            which the sample had when the file was first read.
    """

    rows: np.ndarray
    names: list[str]
    name: str
    key: str
    note: str = ""
    problems: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def compute(
    source: Source,
    catalog: Catalog,
    folder: Path,
    wanted: str | os.PathLike[str] | nn.Module | None = None,
    *,
    names: Path | None = None,
    transform: Callable[[Any], Any] | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Features:
    """Compute the features of the samples of a catalog, or read them where they are on disk.

    Interrupted at any moment, it continues where it was. With ``"pixels"`` and ``"tfidf"``, which
    depend on all samples, new samples change the features of the others a little (``key`` tells);
    with a network, a new sample costs one forward pass of itself, and the others keep theirs.

    Args:
        source: the samples.
        catalog: the catalog of them, as ``Catalog.scan`` returns it.
        folder: folder of the project; the features are in ``features`` in it.
        wanted: ``"pixels"``, ``"tfidf"``, a network of torchvision by name, a module, the path of a
            saved one (see ``Frozen``), or of a ``.npy`` file. Default: pixels for images, TF-IDF
            for texts, and embeddings as they are.
        names: text file with the name of each row of a ``.npy`` file. Default: the file beside it
            with the suffix ``.txt``.
        transform: function from a sample to an input of a module. Default for images: as
            torchvision prepares them for its networks (224 x 224 pixels).
        seed: seed of the random draws.
        progress: if True, a bar shows the time left.

    Raises:
        ProjectError: the features do not fit the samples, or no sample can be read.
        FolderError: the folder cannot be written or is in use; nothing of a file remains.
    """
    if transform is not None and not isinstance(wanted, nn.Module):
        raise ConfigurationError("transform= is for a module as features.")
    known = catalog.names
    if not known:
        raise ProjectError(f"{source.where} has no samples that can be used.")
    job = Job(folder / FOLDER, known, catalog.hashes(known), seed, progress)
    with ExitStack() as stack:
        wait_for(stack, job.folder, PATIENCE)  # another process may open the project
        if isinstance(wanted, nn.Module):
            return _checked(job, _of_module(job, source, wanted, transform))
        name = DEFAULTS.get(source.kind, "") if wanted is None else os.fspath(wanted)
        if name.endswith(".npy"):
            return _checked(job, _of_file(job, Path(name), names))
        if name.endswith(SUFFIXES):
            network, weights = load(Path(name)), content(Path(name))
            return _checked(job, _of_module(job, source, network, transform, weights))
        if name == "pixels":
            return _shared(name, job, pixels(job, _images(source, name)), NOTE)
        if name == "tfidf":
            _check_kind(source, name, "text")
            return _shared(name, job, tfidf(job, source.read))
        if name == "embeddings":
            _check_kind(source, name, "vector")
            return _embeddings(job, source)
        if not name:
            raise ProjectError(
                f"the samples of {source.where} are neither images, texts nor vectors: pass a "
                "network as features=, or a .npy file."
            )
        return _checked(job, _of_torchvision(job, source, name))


def _checked(job: Job, found: Features) -> Features:
    """Features that do not depend on all samples, if they are numbers and tell samples apart."""
    for start in range(0, len(found.rows), ROWS):
        good = np.isfinite(found.rows[start : start + ROWS]).all(1)
        if not good.all():
            name = found.names[start + int(good.argmin())]
            raise FeaturesError(
                f"features={found.name!r} are NaN or infinite for {name!r}: mend this row, or "
                "leave it out."
            )
    if len(set(job.contents)) > 1 and len(found.rows) > 1 and alike(found.rows):
        raise FeaturesError(
            f"features={found.name!r} are the same for all {len(found.rows):,} samples, so they "
            "cannot tell them apart: pass others."
        )
    return found


def _shared(name: str, job: Job, found: Vectors, note: str = "") -> Features:
    """Features that depend on all samples."""
    key = _digest(name, str(job.seed), *sorted(set(found.contents)))
    return Features(found.rows, found.names, name, key, note, job.problems)


def _of_torchvision(job: Job, source: Source, name: str) -> Features:
    read = _images(source, name)
    network, transform, weights = networks.of_torchvision(name)
    found = networks.of_module(
        job, lambda sample: transform(read(sample, None)), network, name, weights, finish=scaled
    )
    return Features(found.rows, found.names, name, weights, problems=job.problems)


def _of_module(
    job: Job,
    source: Source,
    network: nn.Module,
    transform: Callable[[Any], Any] | None,
    weights: str = "",
) -> Features:
    check_mode(network)
    read, collate = source.read, list if source.kind == "text" else default_collate
    if transform is None and source.kind == "image" and isinstance(source, Images):
        transform = networks.prepared
    if transform is not None:
        read, collate = (lambda name: transform(source.read(name))), default_collate
    recipe = f"{weights or fingerprint(network)} of {networks.described(transform)}"
    name = f"module-{_digest(recipe)}"
    found = networks.of_module(job, read, network, name, recipe, collate)
    return Features(found.rows, found.names, type(network).__name__, name, problems=job.problems)


def _embeddings(job: Job, source: Source) -> Features:
    rows = getattr(source, "rows", None)
    if rows is not None and rows.dtype == np.float32 and list(source.names) == job.names:
        return Features(rows, job.names, "embeddings", "embeddings")

    def make(todo: list[str]) -> Made:
        for done, items in read_ahead(job, todo, source.read, ROWS):
            yield done, np.stack([np.asarray(item, np.float32) for item in items])

    found = vectors(Cache(job.folder, "embeddings", "as given"), job, make)
    return Features(found.rows, found.names, "embeddings", "embeddings", problems=job.problems)


def _of_file(job: Job, path: Path, names_file: Path | None) -> Features:
    rows, places = rows_of(path, names_file, job.names)
    facts = [file.stat() for file in (path, names_file or path.with_suffix(".txt"))]
    key = _digest(str(path), *(f"{fact.st_size} {fact.st_mtime_ns}" for fact in facts))
    has = unchanged(job, places >= 0, key)
    names = [name for name, known in zip(job.names, has) if known]
    missing = [name for name, known in zip(job.names, has) if not known]
    if not names:
        raise ProjectError(
            f"{path} has no row for any of the samples, such as {missing[0]!r}: its names must be "
            "those of the samples, and their contents those of its rows."
        )
    places = places[has]
    if rows.dtype != np.float32 or not np.array_equal(places, np.arange(len(rows))):
        keys = [f"{place}" for place in places]  # rows of this file
        cache = Cache(job.folder, "given", key)
        copied = cache.ordered(keys)
        rows = cache.write_chunks(keys, _chunks(rows, places)) if copied is None else copied
    return Features(rows, names, path.name, key, missing=missing)


def _chunks(rows: np.ndarray, places: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(places), ROWS):
        yield rows[places[start : start + ROWS]].astype(np.float32)


def _images(source: Source, name: str) -> Callable[[str, int | None], Any]:
    _check_kind(source, name, "image")
    return cast(ImageSource, source).image


def _check_kind(source: Source, name: str, kind: str) -> None:
    if source.kind != kind:
        default = DEFAULTS.get(source.kind)
        use = f"; use {default!r}, which is the default" if default else ""
        raise ProjectError(
            f"features={name!r} are made of {kind}s, and the samples of {source.where} are "
            f"{source.kind}s{use}."
        )


def _digest(*parts: str) -> str:
    return blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()
