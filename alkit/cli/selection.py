"""``alkit select``: choose samples from arrays in files, and write their names."""

from __future__ import annotations

import json
import re
import secrets
import sys
import warnings
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alkit.atomic import write_whole
from alkit.cli.names import part, split, wrapped
from alkit.cli.tags import FORMS, Tags
from alkit.errors import (
    AlkitError,
    ConfigurationError,
    DatasetMissingError,
    FolderError,
    SelectionWarning,
)

if TYPE_CHECKING:
    from alkit.pool import Query

FILES = ("embeddings", "probabilities", "scores", "names")
OPTIONS = (*FILES, "annotated", "among", "criterion", "selector", "total")
WORDS = {
    "The model's features contain": "--embeddings: the rows contain",
    "The model's outputs contain": "--probabilities: the rows contain",
    "outputs declared as probabilities are": "--probabilities: the rows are",
    "pass these to al.select, inputs=, or use Given(array) as space.": "leave the space out, which "
    "takes --embeddings, or use space=given('FILE.npy').",
    "the first: sample": "the first: row",
}

MORE = f"""An array (.npy) has a row for each sample, or for each one that is not annotated, or for
each one to choose from, in the order of the names. Lists of names are .csv files with a
column name, .json lists, or .txt files with one name per line. A tag is such a list in a
folder. The picks are those of al.select with the same seed.

A criterion or a selector is one of these names, with or without arguments, or a formula:
{wrapped(("criteria", "selectors"))}"""


def add_options(add: Callable[..., Any]) -> None:
    """Add the options of the command to its parser."""
    file: dict[str, Any] = {"type": Path, "metavar": "FILE"}
    add("--embeddings", **file, help="features of the samples, .npy of shape (N, D)")
    add("--probabilities", **file, help="class probabilities, .npy of (N, C) or (N, K, C)")
    add("--scores", **file, help="scores instead of a criterion, .npy, or .csv of name,score")
    add("--names", **file, help="names of the N samples, in the order of the arrays")
    add("--annotated", **file, help="list of the samples that are annotated")
    add("--after", nargs="+", action="extend", metavar="TAG", default=[],
        help="tags that count as annotated, with those that they were chosen after")  # fmt: skip
    add("--among", metavar="TAG|FILE", help="choose from these samples alone")
    add("-n", type=int, help="number of new samples")
    add("--total", type=int, help="number of samples with the annotated ones, instead of -n")
    add("--criterion", help="a criterion or a formula of criteria; margin if one is needed")
    add("--selector", help="a selector, with or without arguments; top-k if none is given")
    add("--seed", type=int, help="seed of the random choices; a fresh one if none is given")
    add("--tag", help="name of the tag to write; an existing one is never overwritten")
    add("--tags", type=Path, metavar="FOLDER", help="folder of the tags; tags/ beside the arrays")
    add("-o", "--out", **file, help="new file of the picks: .csv with scores and a column for "
        "labels, or .json or .txt with names alone")  # fmt: skip


def select(args: Namespace) -> int:
    """Select samples as ``al.select`` does, and write their names to new files."""
    given = [getattr(args, name) for name in FILES]
    beside = next((path.parent for path in given if path is not None), Path())
    tags = Tags(beside / "tags" if args.tags is None else args.tags)
    _check(args, tags)
    print("Loading PyTorch ...", file=sys.stderr, flush=True)
    try:
        query, annotated = _selected(args, tags)
    except AlkitError as error:
        raise type(error)(_with_options(str(error))) from error
    written = _write(args, tags, query)
    summary = (
        f"Chose {len(query):,} of {query.trace.candidates if query.trace else 0:,} candidates by "
        f"{query.why} (seed {args.seed}). Annotated before: {annotated:,}."
    )
    if written:
        print(summary, *written, sep="\n")
    else:
        print(*_rows(query), sep="\n")
        print(summary, file=sys.stderr)
    return 0


def _check(args: Namespace, tags: Tags) -> None:
    """Raise the errors that need no array to be read, so that they come at once."""
    for name in (*FILES, "annotated"):
        path = getattr(args, name)
        if path is not None and not path.is_file():
            kind = "is a folder" if path.is_dir() else "does not exist"
            raise DatasetMissingError(f"--{name} {path}: the file {kind}.")
    if args.out is not None and args.out.suffix.lower() not in FORMS:
        raise ConfigurationError(f"--out {args.out}: the suffix must be one of {', '.join(FORMS)}.")
    if args.out is not None and args.out.exists():
        raise FolderError(
            f"--out {args.out} exists already, and may hold labels: take another name."
        )
    if args.tag is not None:
        tags.check_new(args.tag)
    args.after = [tag for text in args.after for tag in split(text)]
    tags.with_former(args.after)
    if args.among is not None:
        tags.find(args.among, or_file=True)
    if args.seed is None:
        args.seed = secrets.randbits(31)
    if args.probabilities is None and args.scores is None and args.selector is None:
        raise ConfigurationError(
            "give --probabilities or --scores to choose by, or a selector that needs neither, "
            "such as --selector max-herding with --embeddings, or --selector random."
        )


def _selected(args: Namespace, tags: Tags) -> tuple[Query, int]:
    """Return the query, and the number of rows that were annotated before."""
    import alkit as al
    from alkit.cli import files
    from alkit.querying.row_list import RowList
    from alkit.querying.row_names import rows_of_file

    parts = {
        kind: part(text, kind)
        for kind in ("criterion", "selector")
        if (text := getattr(args, kind)) is not None
    }
    names = None if args.names is None else files.names_of(args.names)
    arrays = {
        name: files.array(f"--{name}", path)
        for name in ("embeddings", "probabilities")
        if (path := getattr(args, name)) is not None
    }
    total = max(map(len, arrays.values()), default=0) if names is None else len(names)

    def rows(option: str, path: Path) -> list[int]:
        listed = RowList(f"{option} {path}", rows_of_file(option, path, names), names)
        if total:
            listed.check(total, names)
        return listed.numbers.tolist()

    annotated = [] if args.annotated is None else rows("--annotated", args.annotated)
    for path in tags.with_former(args.after).values():
        annotated += rows("--after", path)
    annotated = list(dict.fromkeys(annotated))  # a tagged sample is annotated sooner or later
    among = None
    if args.among is not None:
        among = rows("--among", tags.find(args.among, or_file=True))
    if args.scores is not None:
        candidates = set(range(total) if among is None else among).difference(annotated)
        arrays["scores"] = files.scores_of(args.scores, names, total, sorted(candidates))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SelectionWarning)  # the reason is in query.why
        query = al.select(
            args.n, total=args.total, names=names, annotated=annotated, among=among,
            seed=args.seed, **arrays, **parts,
        )  # fmt: skip
    return query, len(annotated)


def _write(args: Namespace, tags: Tags, query: Query) -> list[str]:
    """Write the files, and return a line for each."""
    rows, written = _rows(query), []
    if args.out is not None:
        kind = args.out.suffix.lower()
        if kind == ".csv":
            query.save(args.out)
        else:
            lines = "".join(f"{row}\n" for row in rows)
            text = lines if kind == ".txt" else json.dumps(rows, ensure_ascii=False, indent=1)
            write_whole(args.out, text, new=True)
        written.append(f"Picks: {args.out}")
    if args.tag is not None:
        named = query.names is not None
        path = tags.write(args.tag, rows, named=named, after=args.after)
        written.append(f"Tag {args.tag}: {path}")
    return written


def _rows(query: Query) -> list:
    return list(query) if query.names is None else list(query.names)


def _with_options(text: str) -> str:
    """Return the message of ``al.select`` with the options in place of the arguments."""
    for words, option in WORDS.items():
        text = text.replace(words, option)
    text = re.sub(r" (Check the learning rate|Declare what the model returns).*", "", text)
    return re.sub(rf"\b({'|'.join(OPTIONS)})=(?=[ ,.:;)]|$)", r"--\1", text)
