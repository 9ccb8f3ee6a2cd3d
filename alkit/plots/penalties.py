"""Plot of the pairwise penalty matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from alkit.evidence.records import Records
from alkit.evidence.summary import Penalties, penalties
from alkit.plots.style import axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 18  # letters of a name; longer ones leave no room for the numbers


def penalty_matrix(records: Records | Penalties, ax: Axes | None = None) -> Axes:
    """Pairwise penalty matrix (Ash et al. 2020): share of rounds in which the row beat the column.

    Args:
        records: records of a comparison, or the result of ``alkit.evidence.summary.penalties``, or
            a sum of such matrices over several data sets.
        ax: the Axes to draw on. Default: a new figure.

    Returns:
        The Axes. Below the name of each column is its mean, the penalty; lower is better.
    """
    found = records if isinstance(records, Penalties) else penalties(records)
    names, wins = found.strategies, np.asarray(found.matrix, dtype=float)
    names = [
        name if len(name) <= MOST else f"{name[: MOST - 1]}\N{HORIZONTAL ELLIPSIS}"
        for name in names
    ]
    n = len(names)
    ax = axes(ax, 2.6 + 0.75 * n, 1.5 + 0.6 * n)
    most = max(1.0, float(wins.max(initial=0)))
    ax.imshow(wins, cmap="Blues", vmin=0, vmax=most, aspect="auto")
    losses = wins.mean(0)
    for i in range(n):
        for j in range(n):
            shade = "white" if wins[i, j] > 0.6 * most else "0.15"
            text = "" if i == j else f"{wins[i, j]:.2g}"
            ax.text(j, i, text, ha="center", va="center", color=shade)
    ax.set_yticks(range(n), [f"{name} beat" for name in names])
    ax.set_xticks(range(n), [f"{name}\n{losses[j]:.2f}" for j, name in enumerate(names)])
    if n > 3:
        ax.tick_params(axis="x", labelrotation=45)
        for label in ax.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("penalty: mean of the column")
    rounds = len(found.annotated)
    note = (
        f"share of {rounds} rounds in which the row won"
        if rounds > 1
        else "wins of the row in one round"
    )
    ax.set_title(note, loc="left", fontsize=9, wrap=True)
    return ax
