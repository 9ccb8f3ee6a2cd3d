"""Commands for people who label: ``alkit label``, ``status`` and ``export``."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alkit.errors import ConfigurationError, ProjectError

if TYPE_CHECKING:
    from alkit.project import Project

SETTINGS = "project.toml"
KINDS = {".csv": "texts", ".txt": "texts", ".npy": "embeddings"}


def label(args: Namespace) -> int:
    """Open the labeling page of a project, which is created at the first time."""
    project = _project(args)
    if project.changes:
        print(project.changes, file=sys.stderr)
    count = project.label(
        args.n, who=args.who, votes=args.votes, host=args.host, port=args.port,
        allow_remote=args.allow_remote, open_browser=not args.no_browser,
    )  # fmt: skip
    print(f"\n{count} answers. {project}\nGo on: alkit label {project.folder}")
    return 0


def status(args: Namespace) -> int:
    """Print the status of a project."""
    print(_opened(args.project).status())
    return 0


def export(args: Namespace) -> int:
    """Write the labels of a project to a file."""
    project = _opened(args.project)
    if args.to == "label-studio":
        count = project.export_tasks(args.file, args.n)
        print(f"{count} tasks in {args.file}: import the file in Label Studio.")
        return 0
    count = project.export(args.file, predictions=args.predictions)
    print(f"{count} rows in {args.file}.")
    return 0


def _opened(folder: Path) -> Project:
    if not (folder / SETTINGS).exists():
        raise ProjectError(
            f"{folder} is not a project: it has no {SETTINGS}. Create one: alkit label photos/ "
            "--classes glass,paper,metal."
        )
    from alkit.project import Project

    return Project(folder)


def _project(args: Namespace) -> Project:
    """The project of a folder, or one that is created beside the data."""
    from alkit.project import Project

    given: dict[str, Any] = {"features": args.features}
    if args.classes is not None:
        given["classes"] = [name.strip() for name in args.classes.split(",")]
    if (args.data / SETTINGS).exists():
        if args.project is not None:
            raise ConfigurationError(f"{args.data} is a project itself: leave --project out.")
        return Project(args.data, **given)
    if not args.data.exists():
        raise ProjectError(
            f"there is no {args.data}: give a folder of images, a file, or a project."
        )
    folder = args.project or Path(f"{args.data.resolve().stem}-labels")
    kind = "images" if args.data.is_dir() else KINDS.get(args.data.suffix.lower())
    if kind is None:
        raise ProjectError(
            f"{args.data} is neither a folder of images, a .csv or .txt file of texts, nor a .npy "
            "file of embeddings."
        )
    if args.classes is None and not (folder / SETTINGS).exists():
        raise ConfigurationError("a new project needs its classes: --classes glass,paper,metal")
    print(f"Project: {folder}", file=sys.stderr)
    return Project(folder, **{kind: args.data}, names=args.names, **given)
