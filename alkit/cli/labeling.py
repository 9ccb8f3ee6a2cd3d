"""Commands for people who label: ``alkit label``, ``status`` and ``export``."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alkit.errors import ConfigurationError, ProjectError

if TYPE_CHECKING:
    from alkit.project import Project

SETTINGS = "project.toml"
KINDS = {".csv": "texts", ".txt": "texts", ".npy": "embeddings"}


def _label(add: Callable[..., Any]) -> None:
    add("data", type=Path, help="folder of images, .csv or .txt of texts, .npy, or a project")
    add("--classes", help="comma-separated names, in the order of the keys; for a new project")
    add("--project", type=Path, help="folder of a new project; by default DATA-labels, here")
    add("--names", help="names of embeddings (file), or of texts (column)")
    add("--column", help="column of the texts, if it is not text")
    add(
        "--features",
        help="pixels, tfidf, resnet18 or others of torchvision, .npy, or a saved network, .pt2",
    )
    add("-n", type=int, help="number of answers after which the page ends")
    add("--as", dest="who", default="", metavar="NAME", help="name of the person")
    add("--votes", type=int, help="number of people who answer about each sample")
    add("--port", type=int, default=0, help="port; 0 for that of the last time")
    add("--host", default="127.0.0.1", help="interface of this machine")
    add("--allow-remote", action="store_true", help="let other machines reach the page")
    add("--no-browser", action="store_true", help="print the address only")


def _status(add: Callable[..., Any]) -> None:
    add("project", type=Path, help="folder of the project")


def _export(add: Callable[..., Any]) -> None:
    add("project", type=Path, help="folder of the project")
    add("file", type=Path, help="file to write: .csv, .json or .parquet")
    add("--predictions", action="store_true", help="add the model's prediction for the others")
    add("--to", choices=["label-studio"], help="write the next samples as tasks (.json) instead")
    add("-n", type=int, default=50, help="number of tasks")


COMMANDS = {
    "label": (
        "label samples on a page in the browser, the most useful ones first",
        "Creates a project at the first time, and opens it again afterwards. An answer counts\n"
        "once it is on the disk, and the page keeps those that are on their way; Ctrl-C ends.",
        "alkit label photos/ --classes glass,paper,metal --project trash",
        _label,
    ),
    "status": (
        "print the labels, the accuracy with its interval, and whether it is worth going on",
        "",
        "alkit status trash",
        _status,
    ),
    "export": (
        "write the labels of a project to a file",
        "",
        "alkit export trash labels.csv",
        _export,
    ),
}


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
    """Print the status of a project; of what its folder has, if the samples are not there."""
    from alkit.project import kept

    try:
        found = _opened(args.project).status()
    except ProjectError as error:
        if not (args.project / SETTINGS).exists():
            raise
        found = kept.status_of(args.project, str(error))
    print(found)
    return 0


def export(args: Namespace) -> int:
    """Write the labels of a project to a file, also if the samples are not there."""
    from alkit.project import kept

    try:
        project = _opened(args.project)
    except ProjectError as error:
        if args.to or args.predictions or not (args.project / SETTINGS).exists():
            raise
        print(f"{kept.export_of(args.project, args.file)} rows in {args.file}. Note: {error}")
        return 0
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

    given: dict[str, Any] = {"features": args.features, "column": args.column}
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
    place = args.data.resolve()
    folder = args.project or Path(f"{place.name if place.is_dir() else place.stem}-labels")
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
