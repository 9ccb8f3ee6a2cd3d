"""Which classes were queried, round by round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from alkit.errors import ConfigurationError
from alkit.evidence.records import Records
from alkit.plots.style import axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NUMBERED = 320  # cells, at most, that have their number written into them


def queried_classes(
    records: Records,
    strategy: str | None = None,
    ax: Axes | None = None,
    *,
    names: Sequence[str] | None = None,
) -> Axes:
    """How many labels of each class a strategy bought in each round, mean over the trials.

    A row a class, a column a query (at the labels that were there before it), the number in the
    cell and as its shade.

    Args:
        records: of a comparison, with ``queried_classes``.
        strategy: whose queries. Default: the first.
        ax: where to draw. Default: a new figure.
        names: of the classes. Default: their numbers.

    Returns:
        The Axes.

    Raises:
        ConfigurationError: no such strategy, or its records count no classes.
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
    ax.set_title(f"{strategy}: labels bought a round, by class", loc="left", fontsize=9, wrap=True)
    return ax


def class_counts(records: Records, strategy: str) -> tuple[np.ndarray, np.ndarray]:
    """Annotated samples before each query ``(R,)``, and labels by class ``(R, C)``, mean of trials.

    Raises:
        ConfigurationError: no such strategy, or its records count no classes.
    """
    if strategy not in records.strategies:
        known = ", ".join(records.strategies)
        raise ConfigurationError(f"no strategy {strategy!r} in these records; there is {known}.")
    rows = [
        row
        for row in records.rows
        if row["strategy"] == strategy and len(row.get("queried_classes") or ())
    ]
    if not rows:
        raise ConfigurationError(
            f"the records of {strategy} do not say which classes were queried: its labels are no "
            "classes, or nothing was queried."
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
