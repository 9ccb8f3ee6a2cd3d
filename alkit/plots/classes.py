"""Plot of the queried classes, round by round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from alkit.errors import ConfigurationError
from alkit.evidence.records import Records
from alkit.plots.style import axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NUMBERED = 320  # most cells that show their number


def queried_classes(
    records: Records,
    strategy: str | None = None,
    ax: Axes | None = None,
    *,
    names: Sequence[str] | None = None,
) -> Axes:
    """Number of labels per class that a strategy queried in each round, mean over trials.

    One row per class and one column per query, named after the number of annotated samples before
    the query. The number is shown as text and as shade.

    Args:
        records: records of a comparison, with ``queried_classes``.
        strategy: the strategy whose queries are shown. Default: the first.
        ax: the Axes to draw on. Default: a new figure.
        names: the names of the classes. Default: their numbers.

    Returns:
        The Axes.

    Raises:
        ConfigurationError: the strategy is unknown, or its records do not count classes.
    """
    strategy = records.strategies[0] if strategy is None else strategy
    annotated, counts = class_counts(records, strategy)
    classes = counts.shape[1]
    ax = axes(ax, 2.0 + 0.45 * len(annotated), 1.2 + 0.28 * classes)
    image = ax.imshow(counts.T, cmap="Blues", vmin=0, aspect="auto")
    if counts.size <= NUMBERED:
        middle, digits = 0.6 * counts.max(), int((counts % 1).any())
        for (column, row), count in np.ndenumerate(counts):
            shade = "white" if count > middle else "0.15"
            ax.text(
                column,
                row,
                f"{count:.{digits}f}",
                ha="center",
                va="center",
                color=shade,
                fontsize=8,
            )
        ax.set_yticks(range(classes), [str(name) for name in names or range(classes)])
    else:
        ax.figure.colorbar(image, ax=ax, label="labels")
    step = -(-len(annotated) // 12)
    ax.set_xticks(range(0, len(annotated), step), [str(n) for n in annotated[::step]])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("annotated samples before the query")
    ax.set_ylabel("class")
    ax.set_title(
        f"{strategy}: labels queried per round, by class", loc="left", fontsize=9, wrap=True
    )
    return ax


def class_counts(records: Records, strategy: str) -> tuple[np.ndarray, np.ndarray]:
    """Annotated samples before each query ``(R,)``, and labels by class ``(R, C)``, mean of trials.

    Raises:
        ConfigurationError: the strategy is unknown, or its records do not count classes.
    """
    if strategy not in records.strategies:
        known = ", ".join(records.strategies)
        raise ConfigurationError(f"no strategy {strategy!r} in these records, only {known}.")
    rows = [
        row
        for row in records.rows
        if row["strategy"] == strategy and len(row.get("queried_classes") or ())
    ]
    if not rows:
        raise ConfigurationError(
            f"the records of {strategy} do not count queried classes: its labels are not classes, "
            "or nothing was queried."
        )
    annotated = sorted({row["annotated"] for row in rows})
    classes = max(len(row["queried_classes"]) for row in rows)
    counts = np.zeros((len(annotated), classes))
    trials = np.zeros((len(annotated), 1))
    for row in rows:
        place = annotated.index(row["annotated"])
        counts[place, : len(row["queried_classes"])] += row["queried_classes"]
        trials[place] += 1
    return np.array(annotated), counts / trials
