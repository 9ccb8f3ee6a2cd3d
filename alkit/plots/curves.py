"""Learning curves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from alkit.plots.style import axes, dress, legend, look
from alkit.records import Records

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def learning_curves(records: Records, ax: Axes | None = None) -> Axes:
    """The result on the test data against the annotated samples, a line a strategy.

    The line is the mean over the trials, the band its 95 % interval by the bootstrap over
    trials. A dotted line at the ceiling, where the records have one: the mean result of the same
    model trained on all labels.

    Args:
        records: of a comparison.
        ax: where to draw. Default: a new figure.

    Returns:
        The Axes.
    """
    ax = axes(ax)
    trials = 1
    for k, name in enumerate(records.strategies):
        annotated, values = records.curves(name)
        style = look(k)
        if len(values) > 1:
            trials = len(values)
            ax.fill_between(annotated, *_interval(values), color=style["color"], alpha=0.15, lw=0)
        ax.plot(annotated, values.mean(0), ms=4, lw=1.8, label=name, **style)
    ceiling = (records.protocol.get("ceiling") or {}).get(records.metric)
    if ceiling:
        mean = float(np.mean(ceiling))
        ax.axhline(mean, color="0.35", lw=1.2, ls=(0, (1, 2)), label=f"all labels: {mean:.3f}")
    ax.set_xlabel("annotated samples")
    ax.set_ylabel(title(records.metric))
    legend(ax)
    note = f"{trials} trials, band: 95 % interval of the mean" if trials > 1 else "one trial"
    return dress(ax, note)


def _interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of the mean over trials, ``(T, R)`` to two of ``(R,)``: percentiles."""
    draws = np.random.default_rng(0).integers(len(values), size=(2000, len(values)))
    low, high = np.percentile(values[draws].mean(1), [2.5, 97.5], axis=0)
    return low, high


def title(metric: str) -> str:
    """The name of a metric for people: ``testMulticlassAccuracy`` is "test accuracy"."""
    name = metric.removesuffix("_epoch").removeprefix("test").strip("_")
    for prefix in ("Multiclass", "Binary", "Multilabel"):
        name = name.removeprefix(prefix)
    words = re.findall(r"[A-Z]{2,}|[A-Z]?[a-z0-9]+|[A-Z]\d", name)
    return " ".join(["test", *(word if word.isupper() else word.lower() for word in words)])
