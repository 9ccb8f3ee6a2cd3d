"""The figures of the page, as embedded images."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING

from alkit import plots
from alkit.errors import ConfigurationError
from alkit.evidence.records import Records
from alkit.evidence.summary import Penalties, penalties, trials
from alkit.plots.classes import class_counts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 4.6  # inches; on a phone, 10-point text is then as large as the text of the page


def figures(records: Records) -> list[str]:
    """Learning curves, labels needed and, where available, penalty matrix and queried classes."""
    import matplotlib.pyplot as plt

    def panel(height: float) -> Axes:
        return plt.subplots(figsize=(WIDTH, height), layout="constrained")[1]

    names = ", ".join(records.strategies)
    drawn = [
        (plots.learning_curves(records, panel(3.6)), "Learning curves", f"of {names}"),
        (plots.labels_needed(records, panel(3.6)), "Labels needed", f"for each level: {names}"),
    ]
    compared = _penalties(records)
    if compared is not None:
        ax = plots.penalty_matrix(compared, panel(2.0 + 0.4 * len(compared.strategies)))
        drawn.append((ax, "Penalty matrix", f"of {names}"))
    for name in records.strategies:
        try:
            classes = class_counts(records, name)[1].shape[1]
        except ConfigurationError:
            continue  # nothing was queried, or labels are not classes
        ax = plots.queried_classes(records, name, panel(min(1.1 + 0.26 * classes, 6.0)))
        drawn.append((ax, f"Classes queried by {name}", "in each round"))
    return [_figure(ax, title, more) for ax, title, more in drawn]


def _penalties(records: Records) -> Penalties | None:
    """The penalty matrix, if at least three strategies share at least two trials; else None."""
    found = [set(seeds) for seeds in trials(records).values.values()]
    several = len(found) > 2 and len(set.intersection(*found)) > 1
    return penalties(records) if several else None


def _figure(ax: Axes, title: str, more: str) -> str:
    image = io.BytesIO()
    plots.save(ax, image, format="png", dpi=220)
    data = base64.b64encode(image.getvalue()).decode("ascii")
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<img alt="{escape(f"{title} {more}")}" src="data:image/png;base64,{data}"></figure>'
    )
