"""Command line: ``alkit compare``, ``resume``, ``report``, ``replay`` and ``select``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from alkit.cli import labeling
from alkit.cli.names import DATASETS, KINDS, NETWORKS, parse, split, wrapped
from alkit.cli.selection import MORE, add_options
from alkit.errors import AlkitError, ConfigurationError, likely


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, or 2 for an error that the user can fix."""
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
    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default in (None, []) else super()._get_help_string(action)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="alkit",
        description="Deep active learning: label files, compare strategies, or select on arrays.",
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

    for name, (what, more, example, options) in labeling.COMMANDS.items():
        options(command(name, what, more, example))
    _compare(
        command(
            "compare",
            "compare strategies, paired and at equal gradient steps",
            "Writes records.csv, learning_curves.png, report.html and protocol.json to a folder.\n"
            "You can stop it at any time; run the command again, or alkit resume, to continue.\n\n"
            "A strategy is one of these names, with or without arguments, or a formula:\n"
            f"{wrapped(KINDS)}",
            "alkit compare --strategies "
            "'badge,rank(margin)+rank(entropy),strategy(selector=power(beta=4))'",
        )
    )
    add = command(
        "resume",
        "resume a comparison that was stopped",
        "It ends in the same records as a comparison that was never stopped.",
        "alkit resume alkit-results",
    )
    _folder(add)
    add("--data-dir", type=Path, help="folder of the data, if it was moved")
    add = command(
        "report",
        "write the report of a folder again",
        "For an unfinished comparison: of the trials that all strategies have finished.",
        "alkit report alkit-results",
    )
    _folder(add)
    add = command(
        "replay",
        "train another model on the labels of a recorded trial",
        "Labels are added in their recorded order: do labels that one model chose suit another?",
        "alkit replay alkit-results --strategy uncertainty --seed 0 --network linear",
    )
    _folder(add)
    add("--strategy", required=True, help="the strategy whose labels are replayed")
    add("--seed", type=int, default=0, help="the seed of the trial")
    add("--network", type=_one_of(NETWORKS), default="linear", help=_listed(NETWORKS))
    add("--max-steps", type=_positive, help="gradient steps per round, if other than recorded")
    add("--data-dir", type=Path, help="folder of the data, if it was moved")
    add("--out", type=Path, default=Path("alkit-replay"), help="folder for the results")
    add_options(
        command(
            "select",
            "select samples from arrays in files, to be annotated anywhere",
            MORE,
            "alkit select --embeddings e.npy --probabilities p.npy --names names.txt "
            "--annotated done.csv -n 100 --selector coral --tag round-1",
        )
    )
    return parser


def _compare(add: Callable[..., argparse.Action]) -> None:
    add("--dataset", type=_one_of(DATASETS), default="digits", help=_listed(DATASETS))
    add("--data-dir", type=Path, default=Path("data"), help="torchvision's data folder")
    add("--download", action="store_true", help="let torchvision download missing data")
    add(
        "--strategies",
        type=_arms,
        default="uniform,uncertainty,adversarial",
        help="comma-separated; uniform, the baseline, is always added",
    )
    add("--without", type=_arms, default="", help="names to leave out, such as uniform")
    add("--criterion", type=_arm, default="margin", help="for uncertainty and adversarial")
    add("--rounds", type=_positive, default=8, help="rounds per trial")
    add("--query-size", type=_positive, default=20, help="labels per round, and at the start")
    add("--trials", type=_positive, default=3, help="paired trials, with the seeds from --seed on")
    add("--max-steps", type=_positive, default=100, help="gradient steps per round")
    add("--warm-start", action="store_true", help="start from the weights of the previous round")
    add("--ceiling", type=_positive, help="gradient steps of a model trained on all labels")
    add("--seed", type=int, default=0, help="seed of the first trial")
    add("--out", type=Path, default=Path("alkit-results"), help="folder for the results")


def _folder(add: Callable[..., argparse.Action]) -> None:
    add("folder", type=Path, help="folder with the results of alkit compare")


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
            raise argparse.ArgumentTypeError(f"unknown name {text!r}{likely(text, names)}")
        return text

    return name


def _arm(text: str) -> str:
    try:
        parse(text)
    except ConfigurationError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _arms(text: str) -> list[str]:
    return list(map(_arm, split(text)))
