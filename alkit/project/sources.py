"""Source of the samples that the settings of a project name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alkit.errors import ProjectError
from alkit.project.samples import Embeddings, Images, Items, Source, Texts
from alkit.project.settings import Data


def place(folder: Path, path: str) -> Path:
    """Path of a file of the settings, which may be relative to a folder that does not exist yet."""
    return Path(os.path.normpath(folder.resolve() / path))


def source_of(
    data: Data,
    folder: Path,
    dataset: Any = None,
    render: Callable[[Any], Any] | None = None,
    names: Any = None,
) -> Source:
    """The samples of a project.

    Args:
        data: the settings.
        folder: folder of the project, to which paths are relative.
        dataset: the dataset, for the kind ``"dataset"``.
        render: function from one of its inputs to what a page shows; see ``Items``.
        names: names of its samples.

    Raises:
        ProjectError: the samples cannot be used; the message says why.
    """
    if data.kind == "dataset":
        if dataset is None:
            raise ProjectError(
                f"{folder} labels a dataset that is given in Python: pass dataset=, and render= if "
                "it had one."
            )
        return Items(dataset, render, names)
    path = place(folder, data.path or "")
    if data.kind == "images":
        return Images(path, leave_out=folder)
    if data.kind == "texts":
        return Texts(path, data.column, data.names)
    return Embeddings(path, place(folder, data.names) if data.names else None)
