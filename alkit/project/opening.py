"""Opening of a project: its settings, written at the first time and compared later."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from torch import nn

from alkit.atomic import write_whole
from alkit.errors import FolderError, ProjectError
from alkit.features.networks import download
from alkit.features.saved import SUFFIXES
from alkit.launched import check_alone
from alkit.pool.ledger import Entry, Ledger
from alkit.project.changes import Changes
from alkit.project.results import Results
from alkit.project.samples.source import hash_of
from alkit.project.settings import (
    FILE,
    AskingSettings,
    Data,
    FeatureSettings,
    ModelSettings,
    Settings,
)
from alkit.project.sources import place
from alkit.seeds import check_seed, fresh_seed

LABELS = "labels.db"
FILES = (".npy", *SUFFIXES)
IN_PYTHON = "given in Python"  # name of features and models that are not in the file
REPLACED = "machine: replaced content"  # who undoes labels of files with another content


def settled(
    folder: Path,
    *,
    data: dict[str, Any],
    names: Any = None,
    classes: Sequence[str] | None = None,
    features: str | os.PathLike[str] | nn.Module | None = None,
    model: str | None = None,
    column: str | None = None,
    seed: int | None = None,
) -> Settings:
    """Settings of a project, new or opened.

    Args:
        folder: folder of the project.
        data: path or dataset by kind of the samples; all but one are None.
        names: file or column of the names of the samples.
        classes: the classes.
        features: the features.
        model: the model by name, or ``IN_PYTHON``.
        column: column of the texts.
        seed: seed of a new project. Default: a fresh one.

    Raises:
        ProjectError: a new project lacks data or classes, or the arguments differ from the file.
    """
    check_alone("a project")
    given = {kind: value for kind, value in data.items() if value is not None}
    if len(given) > 1:
        raise ProjectError(f"a project has samples of one kind, got {' and '.join(given)}.")
    kind, value = next(iter(given.items()), ("", None))
    if not kind and not (names is None and column is None):
        raise ProjectError("names= and column= are read together with texts= or embeddings=.")
    wanted = None if not kind else _data(folder, kind, value, names, column)
    name = IN_PYTHON if isinstance(features, nn.Module) else _text(folder, features)
    seed = None if seed is None else check_seed(seed)
    path = folder / FILE
    if path.exists():
        settings = Settings.read(path)
        _compare(path, settings, folder, wanted, classes, name, model, seed)
        return settings
    if wanted is None or classes is None:
        lacks = "images=, texts=, embeddings= or dataset=" if wanted is None else "classes="
        if (folder / LABELS).exists():
            raise ProjectError(
                f"{folder} has labels, and {FILE} is missing: bring it back, or pass {lacks} "
                "again, as when the project was created."
            )
        raise ProjectError(f"{folder} is not a project yet: to create one, pass {lacks}.")
    if isinstance(classes, Set | Mapping):
        raise ProjectError(f"classes must be a list, in the order of their keys, got {classes!r}.")
    if name is not None and name != IN_PYTHON:
        _check_features(name, wanted.kind)
    settings = Settings(
        classes=tuple(classes) if not isinstance(classes, str) else classes,  # type: ignore[arg-type]
        data=wanted,
        title=folder.resolve().name,
        features=FeatureSettings(name),
        model=ModelSettings() if model is None else ModelSettings(model),
        asking=AskingSettings(seed=fresh_seed() % 2**31 if seed is None else seed),
        created=datetime.now().replace(microsecond=0),
    )
    return settings


def written(folder: Path, settings: Settings) -> Settings:
    """Write the settings of a new project; return those of the file, perhaps of another process."""
    path = folder / FILE
    if not path.exists():
        try:
            write_whole(path, settings.text(), new=True)
            return settings
        except FolderError:
            if not path.exists():
                raise
    return Settings.read(path)


def _data(folder: Path, kind: str, value: Any, names: Any, column: str | None) -> Data:
    if column is not None and kind != "texts":
        raise ProjectError(f"column= is that of texts, and the samples are {kind}.")
    if kind == "dataset":
        return Data(kind)
    if not isinstance(value, str | os.PathLike):
        raise ProjectError(f"{kind} must be a path, got {value!r:.100}.")
    if names is not None and kind == "images":
        raise ProjectError("names= is not for images: their names are their paths.")
    if names is not None and not isinstance(names, str | os.PathLike):
        raise ProjectError(f"names= of {kind} must be a file or a column, got {names!r:.100}.")
    path = _relative(folder, value)
    if kind == "texts":
        return Data(kind, path, names=None if names is None else os.fspath(names), column=column)
    return Data(kind, path, names=None if names is None else _relative(folder, names))


def _text(folder: Path, features: Any) -> str | None:
    if features is not None and not isinstance(features, str | os.PathLike):
        raise ProjectError(
            f"features must be a name, a path or a module, got {features!r:.100}. In place of "
            'Inputs(), pass "pixels" or "tfidf"; of Frozen(encoder), the encoder; of an array or '
            "Given(array), the path of a .npy file."
        )
    text = None if features is None else os.fspath(features)
    return _relative(folder, text) if text is not None and text.endswith(FILES) else text


def _check_features(name: str, kind: str) -> None:
    """Raise a ProjectError if features of this name cannot be made of samples of this kind."""
    if name.endswith(FILES) or kind == "dataset":
        return
    of = {"tfidf": "texts", "embeddings": "embeddings"}.get(name, "images")
    if of == "images" and name != "pixels":
        download(name)  # an error if there is no such network; nothing is downloaded here
    if kind != of:
        raise ProjectError(f"features={name!r} are made of {of}, and the samples are {kind}.")


def _relative(folder: Path, path: str | os.PathLike[str]) -> str:
    found = Path(os.path.abspath(Path(path).expanduser()))
    found = found.parent.resolve() / found.name  # the last part may be a link on purpose
    try:
        return os.path.relpath(found, folder.resolve()).replace(os.sep, "/")
    except ValueError:  # on another drive
        return str(found)


def _compare(
    path: Path,
    settings: Settings,
    folder: Path,
    data: Data | None,
    classes: Sequence[str] | None,
    features: str | None,
    model: str | None,
    seed: int | None,
) -> None:
    """Raise a ProjectError if arguments differ from the settings of the file."""
    pairs: list[tuple[str, Any, Any]] = [("features", features, settings.features.name)]
    pairs += [("model", model, settings.model.name), ("seed", seed, settings.asking.seed)]
    if classes is not None:
        pairs += [("classes", list(classes), list(settings.classes))]
    if data is not None:
        there = settings.data
        pairs += [("kind", data.kind, there.kind)]
        pairs += [("path", _real(folder, data.path), _real(folder, there.path))]
        pairs += [("names", data.names, there.names), ("column", data.column, there.column)]
    for what, mine, theirs in pairs:
        if mine is not None and mine != theirs:
            raise ProjectError(
                f"{path} has {what} {theirs!r}, and the arguments {mine!r}: leave the argument out "
                "to open the project as it is, or change the file."
            )


def _real(folder: Path, path: str | None) -> str | None:
    return None if path is None else str(place(folder, path).resolve())


def check_labels(folder: Path, results: Results) -> None:
    """Raise a ProjectError if the labels of a project that had some are gone."""
    known = max((record.annotated for record in results.records), default=0)
    if known and not (folder / LABELS).exists():
        raise ProjectError(
            f"{folder / LABELS} is missing, and {results.path.name} has results with {known:,} "
            f"labels: bring the file back, or delete {results.path} to start without labels."
        )


def content(path: Path) -> bytes:
    """Content of a file; empty if there is none."""
    return path.read_bytes() if path.exists() else b""


def follow(ledger: Ledger, changes: Changes, before: bytes) -> None:
    """Let the answers of a ledger follow the contents of files that moved or were replaced.

    The answers about a content that is gone are undone, so that the new content is asked about;
    they stay in the ledger, and ``restore`` brings them back. It is done once for each catalog,
    also if the process ends before it has written the next one, or if two processes open the
    project at once: names that were exchanged would be exchanged back.

    Args:
        ledger: the ledger.
        changes: what differs from the catalog.
        before: content of the file of the catalog.
    """
    if not (changes.moved or changes.changed):
        return
    mark, of = uuid4().hex, hash_of(before + repr((changes.moved, changes.changed)).encode())
    with ledger.transaction():
        if ledger.agree(f"followed {of}", mark) != mark:
            return
        ledger.add(
            Entry(entry.sample, undoes=entry.uid, who=REPLACED)
            for entry in ledger.live(list(changes.changed))
        )
        ledger.move(changes.moved)


def restore(ledger: Ledger, names: Sequence[str]) -> list[Entry]:
    """Bring the answers back that ``follow`` has undone; return the new entries."""
    entries = ledger.entries()
    names = [names] if isinstance(names, str) else names
    wanted = set(names)
    undone = {e.undoes for e in entries if e.who == REPLACED and e.sample in wanted}
    again = {entry.sample for entry in ledger.live(list(names))}
    kept = [entry for entry in entries if entry.uid in undone and entry.sample not in again]
    return ledger.add(replace(entry, uid=f"restored {entry.uid}", seq=None) for entry in kept)
