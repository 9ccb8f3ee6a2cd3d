"""The command line: ``alkit compare``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from alkit.errors import AlkitError, ConfigurationError

STRATEGIES = ("uniform", "uncertainty", "adversarial")
CRITERIA = ("margin", "entropy", "least-confidence", "ratio")
DATASETS = ("digits", "mnist", "fashionmnist", "cifar10")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, or 2 for what a user can mend."""
    parser = _parser()
    args = parser.parse_args(arguments)
    try:
        return args.run(args)
    except AlkitError as error:
        print(f"alkit: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("alkit: stopped; nothing was written.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="alkit", description="Deep active learning: compare strategies on data."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    compare = commands.add_parser(
        "compare",
        help="compare strategies, paired and at equal gradient steps",
        description="Compare strategies over paired trials at equal gradient steps, and leave "
        "records.csv, learning_curves.png, report.html and protocol.json in a folder.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    compare.set_defaults(run=_compare)
    add = compare.add_argument
    add("--dataset", choices=DATASETS, default="digits", help="digits needs no download")
    add("--data-dir", type=Path, default=Path("data"), help="where torchvision keeps the data")
    add("--download", action="store_true", help="let torchvision download what is missing")
    add(
        "--strategies",
        default=",".join(STRATEGIES),
        help="comma-separated; the others are compared with the first",
    )
    add("--criterion", choices=CRITERIA, default="margin", help="the uncertainty")
    add("--rounds", type=_positive, default=8, help="rounds a trial")
    add("--query-size", type=_positive, default=20, help="labels a round, and at the start")
    add("--trials", type=_positive, default=3, help="paired trials, with the seeds after --seed")
    add("--max-steps", type=_positive, default=100, help="gradient steps a round")
    add("--seed", type=int, default=0, help="of the first trial")
    add("--out", type=Path, default=Path("alkit-results"), help="folder of the results")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def _compare(args: argparse.Namespace) -> int:
    names = [name.strip() for name in args.strategies.split(",") if name.strip()]
    unknown = [name for name in names if name not in STRATEGIES]
    if unknown or not names:
        raise ConfigurationError(
            f"unknown strategies: {', '.join(unknown) or 'none given'}; "
            f"there is {', '.join(STRATEGIES)}."
        )
    print("Loading PyTorch ...", file=sys.stderr, flush=True)
    import matplotlib
    import torch

    matplotlib.use("Agg")
    torch.set_num_threads(1)  # these networks are small: threads would wait for each other

    from alkit import datasets, plots, report
    from alkit.experiment import compare

    train, test = datasets.load(args.dataset, args.data_dir, download=args.download)
    result = compare(
        {name: _factory(name, args.criterion, args.max_steps, test) for name in names},
        train,
        seeds=range(args.seed, args.seed + args.trials),
        rounds=args.rounds,
        query_size=args.query_size,
        max_steps=args.max_steps,
        protocol={"dataset": args.dataset, "criterion": args.criterion, "test": len(test)},
    )
    result.save(args.out)
    plots.save(plots.learning_curves(result), args.out / "learning_curves.png")
    report.save(result, args.out / "report.html")
    print(f"\n{report.as_text(result)}\n\n{report.legend(result)}\n")
    print(f"The report: {(args.out / 'report.html').resolve()}")
    return 0


def _factory(name: str, criterion: str, steps: int, test: Any) -> Callable[..., Any]:
    """A function ``(pool, seed) -> strategy`` over a network that fits the test images."""
    from torchmetrics.classification import MulticlassAccuracy

    import alkit as al
    from alkit.networks import classifier_parts

    chosen = {
        "margin": al.Margin,
        "entropy": al.Entropy,
        "least-confidence": al.LeastConfidence,
        "ratio": al.Ratio,
    }[criterion]()
    accuracy = MulticlassAccuracy(num_classes=10, average="micro")

    def factory(pool: Any, seed: int) -> Any:
        backbone, head, width = classifier_parts(test.images.shape[1:], classes=10)
        options: dict[str, Any] = {
            "test": test,
            "test_metrics": [accuracy],
            "optimizer": al.Adam(lr=3e-3),
            "batch_size": 32,
            "steps_per_epoch": steps,  # a round is one epoch: the same batches, less ado
            "test_batch_size": 256,
            "seed": seed,
        }
        if name == "adversarial":
            critic = al.Discriminator(width)
            return al.AdversarialStrategy(backbone, head, critic, pool, chosen, **options)
        network = al.Sequential(backbone, head)
        if name == "uncertainty":
            return al.UncertaintyStrategy(network, chosen, pool, **options)
        return al.UniformStrategy(network, pool, **options)

    return factory
