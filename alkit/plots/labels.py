"""Plot of the labels needed to reach a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from alkit.evidence import statistics
from alkit.evidence.records import Records
from alkit.evidence.summary import not_stated, trials
from alkit.plots.curves import title
from alkit.plots.style import axes, dress, legend, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEVELS = 61  # per line
MARKED = 6  # levels between two markers


def labels_needed(records: Records, ax: Axes | None = None) -> Axes:
    """Annotated samples needed to reach a result, one line per strategy; lower is better.

    Each line is the median over the finished trials, as in ``alkit.evidence.summary.labels_to``.
    It ends at the best result that half or more of the trials reached; the legend states this
    result. A note says so where gaps between lines are due to chance, since the results of the
    reference are not shown to improve by more than their noise.

    Args:
        records: records of a comparison.
        ax: the Axes to draw on. Default: a new figure.

    Returns:
        The Axes. Better results are on the right, even if lower values are better.
    """
    ax = axes(ax)
    found = trials(records)
    half = "lower" if found.rising else "higher"
    for k, (name, values) in enumerate(found.values.items()):
        if not values:
            continue  # the reference has no finished trial
        curves = found.curves(name)
        fitted = statistics.monotone(curves, rising=found.rising)
        start, end = np.quantile(fitted[:, [0, -1]], 0.5, axis=0, method=half)
        levels = np.linspace(start, end, LEVELS)
        needed = [
            np.median(statistics.labels_needed(found.annotated, curves, level, rising=found.rising))
            for level in levels
        ]
        words = f"{name} (to {end:.3f})"
        ax.plot(levels, needed, ms=4, lw=1.8, markevery=MARKED, label=words, **look(k))
    if not found.rising:
        ax.invert_xaxis()
    ax.set_xlabel(title(records.metric))
    ax.set_ylabel("annotated samples needed")
    legend(ax)
    note = "lower is better; each line ends at the best result reached"
    if not_stated(found):
        note += f". {found.reference} is not shown to improve: gaps may be chance"
    return dress(ax, note)
