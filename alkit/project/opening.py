"""Opening of a project: its settings, written at the first time and compared later."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from torch import nn

from alkit.errors import ProjectError
from alkit.pool.ledger import Entry, Ledger
from alkit.project.changes import Changes
from alkit.project.settings import (
    FILE,
    AskingSettings,
    Data,
    FeatureSettings,
    ModelSettings,
    Settings,
)
from alkit.seeds import fresh_seed

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
        seed: seed of a new project. Default: a fresh one.

    Raises:
        ProjectError: a new project lacks data or classes, or the arguments differ from the file.
    """
    given = {kind: value for kind, value in data.items() if value is not None}
    if len(given) > 1:
        raise ProjectError(f"a project has samples of one kind, got {' and '.join(given)}.")
    kind, value = next(iter(given.items()), ("", None))
    wanted = None if not kind else _data(folder, kind, value, names)
    name = IN_PYTHON if isinstance(features, nn.Module) else _text(folder, features)
    path = folder / FILE
    if path.exists():
        settings = Settings.read(path)
        _compare(path, settings, folder, wanted, classes, name, model)
        return settings
    if wanted is None or classes is None:
        lacks = "images=, texts=, embeddings= or dataset=" if wanted is None else "classes="
        raise ProjectError(f"{folder} is not a project yet: to create one, pass {lacks}.")
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


def _data(folder: Path, kind: str, value: Any, names: Any) -> Data:
    if kind == "dataset":
        return Data(kind)
    if not isinstance(value, str | os.PathLike):
        raise ProjectError(f"{kind} must be a path, got {value!r:.100}.")
    if kind == "texts":
        return Data(kind, _relative(folder, value), names=names)
    file = None if names is None else _relative(folder, names)
    return Data(kind, _relative(folder, value), names=file)


def _text(folder: Path, features: Any) -> str | None:
    text = None if features is None else os.fspath(features)
    return _relative(folder, text) if text is not None and text.endswith(".npy") else text


def _relative(folder: Path, path: str | os.PathLike[str]) -> str:
    try:
        return os.path.relpath(Path(path).expanduser(), folder).replace(os.sep, "/")
    except ValueError:  # on another drive
        return str(Path(path).expanduser().resolve())


def _compare(
    path: Path,
    settings: Settings,
    folder: Path,
    data: Data | None,
    classes: Sequence[str] | None,
    features: str | None,
    model: str | None,
) -> None:
    """Raise a ProjectError if arguments differ from the settings of the file."""
    pairs: list[tuple[str, Any, Any]] = [("features", features, settings.features.name)]
    pairs += [("model", model, settings.model.name)]
    if classes is not None:
        pairs += [("classes", list(classes), list(settings.classes))]
    if data is not None:
        there = settings.data
        pairs += [(f"{there.kind}", _place(folder, data), _place(folder, there))]
    for what, mine, theirs in pairs:
        if mine is not None and mine != theirs:
            raise ProjectError(
                f"{path} has {what} {theirs!r}, and the arguments {mine!r}: leave the argument out "
                "to open the project as it is, or change the file."
            )


def _place(folder: Path, data: Data) -> tuple[str, str]:
    path = "" if data.path is None else str((folder / data.path).resolve())
    return data.kind, path


def follow(ledger: Ledger, changes: Changes) -> None:
    """Let the answers of a ledger follow the contents of files that moved or were replaced.

    The answers about a content that is gone are undone, so that the new content is asked about;
    they stay in the ledger, and ``restore`` brings them back.
    """
    with ledger.transaction():
        ledger.add(
            Entry(entry.sample, undoes=entry.uid, who=REPLACED)
            for entry in ledger.live(list(changes.changed))
        )
        ledger.move(changes.moved)


def restore(ledger: Ledger, names: Sequence[str]) -> list[Entry]:
    """Bring the answers back that ``follow`` has undone; return the new entries."""
    entries = ledger.entries()
    wanted = set(names)
    undone = {e.undoes for e in entries if e.who == REPLACED and e.sample in wanted}
    again = {entry.sample for entry in ledger.live(list(names))}
    kept = [entry for entry in entries if entry.uid in undone and entry.sample not in again]
    return ledger.add(replace(entry, uid=f"restored {entry.uid}", seq=None) for entry in kept)
