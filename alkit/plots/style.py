"""Plot style: colors, markers and lines distinguishable in print and by color-blind readers."""

from __future__ import annotations

import io
import os
from typing import IO, TYPE_CHECKING, Any

from alkit.atomic import as_path, write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito 2008: distinguishable with every kind of color vision
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")  # ten: one per digit
LINES = ("-", "--", "-.", ":")


def look(k: int) -> dict[str, Any]:
    """Color, marker and line style of the k-th strategy or class; the first 140 differ."""
    return {
        "color": COLORS[k % len(COLORS)],
        "marker": MARKERS[k % len(MARKERS)],
        "linestyle": LINES[k % len(LINES)],
    }


def axes(ax: Axes | None, width: float = 6.4, height: float = 4.0) -> Axes:
    """Return the given Axes, or that of a new figure with this size in inches."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def dress(ax: Axes, title: str = "", grid: bool = True) -> Axes:
    """Add a left-aligned note above the plot, hide two spines, and draw a light grid."""
    ax.set_title(title, loc="left", fontsize=9, wrap=True)
    ax.spines[["top", "right"]].set_visible(False)
    if grid:
        ax.grid(axis="y", color="0.9", lw=0.8)
        ax.set_axisbelow(True)
    return ax


def legend(ax: Axes) -> None:
    """Add a legend, inside the plot or, with many or long names, below it."""
    handles, names = ax.get_legend_handles_labels()
    if len(names) <= 6 and max(map(len, names), default=0) <= 24:
        ax.legend(handles, names, framealpha=0.85, edgecolor="none")
    else:
        columns = 2 if max(map(len, names)) <= 24 else 1
        place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2)}
        ax.legend(handles, names, frameon=False, ncols=columns, **place)


def bare(ax: Axes, title: str = "") -> Axes:
    """Hide ticks and spines, for images and maps, whose positions have no meaning."""
    ax.set_title(title, loc="left", fontsize=9, wrap=True)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    return ax


def save(ax: Any, path: str | os.PathLike[str] | IO[bytes], dpi: int = 160, **options: Any) -> None:
    """Write the figure of an Axes to a file, whole or not at all, and close it.

    Raises:
        FolderError: the file cannot be written; an older one is unchanged.
    """
    import matplotlib.pyplot as plt

    figure = ax.figure
    if not hasattr(path, "write"):
        place, image = as_path(path), io.BytesIO()
        kind = options.pop("format", place.suffix[1:]) or plt.rcParams["savefig.format"]
        figure.savefig(image, dpi=dpi, format=kind, **options)
        write_whole(
            place if place.suffix else place.with_name(f"{place.name}.{kind}"), image.getvalue()
        )
    else:
        figure.savefig(path, dpi=dpi, **options)
    plt.close(figure)
