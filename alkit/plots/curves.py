"""Learning curves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from alkit.records import Records

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito 2008: told apart with every kind of color vision
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def learning_curves(records: Records, ax: Axes | None = None) -> Axes:
    """The result on the test data against the annotated samples, a line a strategy.

    The line is the mean over the trials, the band reaches from the worst to the best of them.

    Args:
        records: of a comparison.
        ax: where to draw. Default: a new figure.

    Returns:
        The Axes.
    """
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=(6.4, 4.0), layout="constrained")[1]
    for k, name in enumerate(records.strategies):
        annotated, values = records.curves(name)
        color = COLORS[k % len(COLORS)]
        ax.fill_between(annotated, values.min(0), values.max(0), color=color, alpha=0.15, lw=0)
        ax.plot(annotated, values.mean(0), color=color, marker="o", ms=4, lw=1.8, label=name)
    ax.set_xlabel("annotated samples")
    ax.set_ylabel(title(records.metric))
    ax.grid(axis="y", color="0.9", lw=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    trials = len(records.protocol.get("seeds", [])) or 1
    note = "band: worst to best trial" if trials > 1 else "one trial"
    ax.set_title(f"{trials} trials, {note}" if trials > 1 else note, loc="left", fontsize=9)
    return ax


def title(metric: str) -> str:
    """The name of a metric for people: ``testMulticlassAccuracy`` is "test accuracy"."""
    name = metric.removesuffix("_epoch").removeprefix("test").strip("_")
    for prefix in ("Multiclass", "Binary", "Multilabel"):
        name = name.removeprefix(prefix)
    words = re.findall(r"[A-Z]{2,}|[A-Z]?[a-z0-9]+|[A-Z]\d", name)
    return " ".join(["test", *(word if word.isupper() else word.lower() for word in words)])


def save(ax: Any, path: Any, **options: Any) -> None:
    """Write the figure of an Axes to a file, and let it go."""
    figure = ax.figure
    figure.savefig(path, dpi=160, **options)

    import matplotlib.pyplot as plt

    plt.close(figure)
