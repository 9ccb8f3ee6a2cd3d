"""Learning curves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from alkit.evidence.records import Records
from alkit.evidence.statistics import bootstrap_interval
from alkit.evidence.summary import trials
from alkit.plots.style import axes, dress, legend, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def learning_curves(records: Records, ax: Axes | None = None) -> Axes:
    """Learning curves: test result against annotated samples, one line per strategy.

    The line is the mean over the finished trials, the band its 95 % interval by the bootstrap over
    trials. A dotted line marks the ceiling, if the records have one: the mean result of the same
    model trained on all labels.

    Args:
        records: records of a comparison.
        ax: the Axes to draw on. Default: a new figure.

    Returns:
        The Axes.
    """
    ax = axes(ax)
    found = trials(records)
    counts = set()
    for k, (name, values) in enumerate(found.values.items()):
        if not values:
            continue  # the reference has no finished trial
        curves, style = found.curves(name), look(k)
        counts.add(len(curves))
        if len(curves) > 1:
            low, high = bootstrap_interval(curves)
            ax.fill_between(found.annotated, low, high, color=style["color"], alpha=0.15, lw=0)
        ax.plot(found.annotated, curves.mean(0), ms=4, lw=1.8, label=name, **style)
    ceiling = (records.protocol.get("ceiling") or {}).get(records.metric)
    if ceiling:
        mean = float(np.mean(ceiling))
        ax.axhline(mean, color="0.35", lw=1.2, ls=(0, (1, 2)), label=f"all labels: {mean:.3f}")
    ax.set_xlabel("annotated samples")
    ax.set_ylabel(title(records.metric))
    legend(ax)
    if max(counts) == 1:
        return dress(ax, "one trial")
    several = " to ".join(map(str, sorted({min(counts), max(counts)})))
    return dress(ax, f"{several} trials, band: 95 % interval of the mean")


def title(metric: str) -> str:
    """Readable name of a metric: ``testMulticlassAccuracy`` becomes "test accuracy"."""
    name = metric.removesuffix("_epoch").removeprefix("test").strip("_")
    for prefix in ("Multiclass", "Binary", "Multilabel"):
        name = name.removeprefix(prefix)
    words = re.findall(r"IoU|mAP|[A-Z]{2,}|[A-Z]?[a-z0-9]+|[A-Z]\d?", name)
    capitals = [word.isupper() or word in ("IoU", "mAP") for word in words]
    kept = [word if keep else word.lower() for word, keep in zip(words, capitals, strict=True)]
    return " ".join(["test", *kept])
