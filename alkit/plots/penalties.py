"""Who beat whom, and how often: the penalty matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from alkit.errors import ConfigurationError
from alkit.plots.style import axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def penalty_matrix(matrix: Any, names: Sequence[str], ax: Axes | None = None) -> Axes:
    """A penalty matrix as numbers on shades (Ash et al. 2020): who beat whom, and how often.

    Args:
        matrix: ``(S, S)``: how often the strategy of the row beat that of the column, from 0
            to the number of settings.
        names: ``S`` names of strategies.
        ax: where to draw. Default: a new figure.

    Returns:
        The Axes. Below the matrix stands the mean of each column, the penalty; lower is better.

    Raises:
        ConfigurationError: a matrix that does not fit the names.
    """
    wins = np.asarray(matrix, dtype=float)
    n = len(names)
    if wins.shape != (n, n):
        raise ConfigurationError(f"expected a matrix ({n}, {n}) for {n} names, got {wins.shape}.")
    ax = axes(ax, 2.6 + 0.75 * n, 1.5 + 0.6 * n)
    most = max(1.0, float(wins.max(initial=0)))
    ax.imshow(wins, cmap="Blues", vmin=0, vmax=most)
    penalties = wins.mean(0)
    for i in range(n):
        for j in range(n):
            shade = "white" if wins[i, j] > 0.6 * most else "0.15"
            text = "" if i == j else f"{wins[i, j]:.2g}"
            ax.text(j, i, text, ha="center", va="center", color=shade)
    ax.set_yticks(range(n), [f"{name} beat" for name in names])
    ax.set_xticks(range(n), [f"{name}\n{penalties[j]:.2f}" for j, name in enumerate(names)])
    if n > 3:
        ax.tick_params(axis="x", labelrotation=45)
        for label in ax.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("mean of the column: the penalty, lower is better")
    ax.set_title(
        "share of the rounds in which the row beat the column", loc="left", fontsize=9, wrap=True
    )
    return ax
