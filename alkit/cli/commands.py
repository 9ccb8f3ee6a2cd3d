"""The commands; PyTorch is loaded when one of them needs it."""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import chdir
from pathlib import Path

from alkit.cli.labeling import export as export
from alkit.cli.labeling import label as label
from alkit.cli.labeling import status as status
from alkit.cli.selection import select as select
from alkit.errors import FolderError
from alkit.evidence.records import Records
from alkit.evidence.whole import PROTOCOL, read_protocol

SETTINGS = (  # arguments of alkit compare, kept for alkit resume
    "dataset", "data_dir", "strategies", "without", "criterion", "rounds", "query_size", "trials",
    "max_steps", "warm_start", "ceiling", "seed",
)  # fmt: skip


def compare(args: Namespace) -> int:
    """Compare strategies, and write the results to a folder."""
    _load_torch()
    import alkit as al
    from alkit.cli import datasets
    from alkit.cli.arms import Arm
    from alkit.experiment.termination import STATUS, kept, terminable

    train, test = datasets.load(args.dataset, args.data_dir, download=args.download)
    names = dict.fromkeys([*args.strategies, *args.without])
    settings = {name: getattr(args, name) for name in SETTINGS}
    settings |= {"data_dir": str(Path(args.data_dir).resolve()), "started_in": str(Path.cwd())}
    again = f"alkit resume {args.out}"
    try:
        with terminable(args.out, again):
            result = al.compare(
                {name: Arm(name, args.criterion, args.max_steps, test) for name in names},
                train,
                seeds=range(args.seed, args.seed + args.trials),
                rounds=args.rounds,
                query_size=args.query_size,
                max_steps=args.max_steps,
                warm_start=args.warm_start,
                ceiling=args.ceiling,
                without=args.without,
                folder=args.out,
                protocol={
                    "dataset": args.dataset,
                    "criterion": args.criterion,
                    "test": len(test),
                    "command": settings,
                },
            )
    except KeyboardInterrupt:
        print(kept(args.out, again), file=sys.stderr)
        return 130
    except SystemExit as stopped:
        if stopped.code != STATUS:
            raise
        return STATUS
    _show(result, args.out)
    return 0


def resume(args: Namespace) -> int:
    """Resume a comparison of ``alkit compare`` in a folder."""
    try:
        protocol = read_protocol(args.folder)
    except FileNotFoundError:
        raise FolderError(f"{args.folder} has no results to resume.") from None
    except (OSError, ValueError) as error:
        raise FolderError(
            f"{args.folder / PROTOCOL} is damaged: {error}. Run the same alkit compare command "
            "again: if the trials are whole, it writes the protocol anew and continues."
        ) from error
    settings = protocol.get("command")
    if settings is None:
        raise FolderError(
            f"{args.folder} was not started by alkit compare: call al.compare(..., "
            f"folder={str(args.folder)!r}) again as before, and it resumes."
        )
    moved = {} if args.data_dir is None else {"data_dir": args.data_dir.absolute()}
    again = Namespace(**{**settings, **moved}, out=args.folder.absolute(), download=False)
    started_in = Path(settings.get("started_in", ""))  # where paths in strategies begin
    with chdir(started_in if started_in.is_dir() else "."):
        return compare(again)


def report(args: Namespace) -> int:
    """Write the report of a folder again."""
    result = Records.load(args.folder)
    if not result.rows:
        raise FolderError(f"{args.folder} has no finished round yet.")
    _load_torch()
    import alkit as al

    _show(al.load(args.folder), args.folder)
    return 0


def replay(args: Namespace) -> int:
    """Train another model on the labels of a recorded trial."""
    recorded = Records.load(args.folder)
    settings = recorded.protocol.get("command")
    if settings is None:
        raise FolderError(
            f"{args.folder} was not written by alkit compare, so its data set is unknown: call "
            "al.replay(al.load(folder), strategy, seed, factory, dataset) in Python."
        )
    _load_torch()
    import alkit as al
    from alkit.cli import datasets
    from alkit.cli.arms import Arm

    data_dir = settings["data_dir"] if args.data_dir is None else args.data_dir
    train, test = datasets.load(settings["dataset"], data_dir)
    steps = settings["max_steps"] if args.max_steps is None else args.max_steps
    arm = Arm("uniform", settings["criterion"], steps, test, args.network)
    result = al.replay(
        recorded, args.strategy, args.seed, arm, train, max_steps=steps, folder=args.out
    )
    ours = {row["annotated"]: row[result.metric] for row in result.rows}
    print(f"\n{result.metric} of {args.strategy}, seed {args.seed}")
    print("labels  recorded  replayed")
    for row in recorded.rows:
        if (row["strategy"], row["seed"]) == (args.strategy, args.seed):
            n = row["annotated"]
            print(f"{n:6d}  {row[result.metric]:8.3f}  {ours[n]:8.3f}")
    return 0


def _load_torch() -> None:
    print("Loading PyTorch ...", file=sys.stderr, flush=True)
    import matplotlib
    import torch

    matplotlib.use("Agg")
    torch.set_num_threads(1)  # these networks are small: threads would wait for each other


def _show(result: Records, folder: Path) -> None:
    """Write the figure and the page of what can be compared; print the table."""
    from alkit import plots
    from alkit.reporting.page import save
    from alkit.reporting.text import as_text, legend

    whole = result.paired()
    if len(whole.protocol["seeds"]) < len(result.protocol["seeds"]):
        seeds = ", ".join(map(str, whole.protocol["seeds"]))
        print(f"Not finished yet. These are the seeds that all strategies finished: {seeds}.")
    plots.save(plots.learning_curves(whole), folder / "learning_curves.png")
    save(whole, folder / "report.html")
    print(f"\n{as_text(whole)}\n\n{legend(whole)}\n")
    print(f"Report: {(folder / 'report.html').resolve()}")
