"""The command line: ``alkit compare``, ``resume``, ``report`` and ``replay``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from alkit.errors import AlkitError, likely

STRATEGIES = ("uniform", "uncertainty", "adversarial")
CRITERIA = ("margin", "entropy", "least-confidence", "ratio")
DATASETS = ("digits", "mnist", "fashionmnist", "cifar10")
NETWORKS = ("default", "linear")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, or 2 for what a user can mend."""
    args = _parser().parse_args(arguments)
    try:
        from alkit.cli import commands

        return getattr(commands, args.command)(args)
    except AlkitError as error:
        print(f"alkit: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("alkit: stopped.", file=sys.stderr)
        return 130


class _Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    pass


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="alkit", description="Deep active learning: compare strategies on data."
    )
    commands = parser.add_subparsers(required=True, metavar="command", dest="command")

    def command(name: str, what: str, more: str, example: str) -> Callable[..., argparse.Action]:
        return commands.add_parser(
            name,
            help=what,
            description=f"{what[0].upper()}{what[1:]}.\n{more}",
            epilog=f"example:\n  {example}",
            formatter_class=_Help,
        ).add_argument

    _compare(
        command(
            "compare",
            "compare strategies, paired and at equal gradient steps",
            "Leaves records.csv, learning_curves.png, report.html and protocol.json in a folder.\n"
            "Stopped at any moment, it goes on where it was: start it again, or alkit resume.",
            "alkit compare --dataset digits --strategies uncertainty,uniform --trials 5",
        )
    )
    add = command(
        "resume",
        "go on with a comparison that was stopped",
        "It ends as if it had never been stopped.",
        "alkit resume alkit-results",
    )
    _folder(add)
    add("--data-dir", type=Path, help="where the data is now, if it was moved")
    add = command(
        "report",
        "make the report of a folder again",
        "Of a comparison that is not finished: of the trials that all strategies have finished.",
        "alkit report alkit-results",
    )
    _folder(add)
    add = command(
        "replay",
        "train another model on the labels of a recorded trial",
        "In the order in which they came: do labels that one model chose suit another?",
        "alkit replay alkit-results --strategy uncertainty --seed 0 --network linear",
    )
    _folder(add)
    add("--strategy", required=True, help="whose labels")
    add("--seed", type=int, default=0, help="of the trial")
    add("--network", type=_one_of(NETWORKS), default="linear", help=_listed(NETWORKS))
    add("--max-steps", type=_positive, help="gradient steps a round, if other than recorded")
    add("--data-dir", type=Path, help="where the data is now, if it was moved")
    add("--out", type=Path, default=Path("alkit-replay"), help="folder of the results")
    return parser


def _compare(add: Callable[..., argparse.Action]) -> None:
    add("--dataset", type=_one_of(DATASETS), default="digits", help=_listed(DATASETS))
    add("--data-dir", type=Path, default=Path("data"), help="where torchvision keeps the data")
    add("--download", action="store_true", help="let torchvision download what is missing")
    add(
        "--strategies",
        type=_several(STRATEGIES),
        default=",".join(STRATEGIES),
        help="comma-separated; uniform, which the others are compared with, is always added",
    )
    add("--without", type=_several(STRATEGIES), default="", help="leave these out: uniform, say")
    add("--criterion", type=_one_of(CRITERIA), default="margin", help=_listed(CRITERIA))
    add("--rounds", type=_positive, default=8, help="rounds a trial")
    add("--query-size", type=_positive, default=20, help="labels a round, and at the start")
    add("--trials", type=_positive, default=3, help="paired trials, with the seeds after --seed")
    add("--max-steps", type=_positive, default=100, help="gradient steps a round")
    add("--warm-start", action="store_true", help="train on from the round before")
    add("--ceiling", type=_positive, help="gradient steps of a model trained on all labels")
    add("--seed", type=int, default=0, help="of the first trial")
    add("--out", type=Path, default=Path("alkit-results"), help="folder of the results")


def _folder(add: Callable[..., argparse.Action]) -> None:
    add("folder", type=Path, help="where alkit compare left its results")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def _one_of(names: Sequence[str]) -> Callable[[str], str]:
    def name(text: str) -> str:
        if text not in names:
            raise argparse.ArgumentTypeError(f"there is no {text!r}{likely(text, names)}")
        return text

    return name


def _several(names: Sequence[str]) -> Callable[[str], list[str]]:
    one = _one_of(names)
    return lambda text: [one(part.strip()) for part in text.split(",") if part.strip()]
