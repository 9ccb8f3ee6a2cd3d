"""Gallery of the images that were queried in a round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from alkit.errors import ConfigurationError
from alkit.evidence.records import Records, Row
from alkit.plots.style import axes, bare
from alkit.pool.query import Query

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP = 0.12  # between images, as a share of their width
TEXT = 0.62  # height of the three lines under an image, as a share of its width


class Items(Protocol):
    """A dataset, or anything else that has an item for each number."""

    def __getitem__(self, index: int, /) -> object: ...


def gallery(
    queried: Query | Records,
    dataset: Items,
    ax: Axes | None = None,
    *,
    strategy: str | None = None,
    seed: int | None = None,
    round: int = 0,
    columns: int = 8,
    most: int = 32,
) -> Axes:
    """The samples of one query as images, most wanted first, with score, label and guess.

    A guess that differs from the label is marked by a frame and the word "not". Real values, and a
    label and a guess that cannot be compared (text and a number), are not marked.

    Args:
        queried: a query, or the records of a comparison.
        dataset: the dataset that the query indexes, with items ``(image, label)`` or only images;
            a pool shows the labels of annotated samples only. Images are ``(H, W)``, ``(C, H, W)``
            or ``(H, W, C)`` with 1, 3 or 4 channels. Each is scaled from its darkest to its
            brightest value.
        ax: the Axes to draw on. Default: a new figure.
        strategy: in records, the strategy of the query. Default: the first.
        seed: in records, the seed of the query. Default: the first.
        round: in records, the round after which the query was made.
        columns: number of images per row.
        most: largest number of images to show; the title states how many were left out.

    Returns:
        The Axes.

    Raises:
        ConfigurationError: the records have no such query, or the samples are not images.
    """
    if isinstance(queried, Records):
        row = _row(queried, strategy, seed, round)
        name = f"{row['strategy']}, seed {row['seed']}, after round {round}"
        queried = _query(row)
    else:
        name = f"round {queried.round}"
    shown = min(len(queried), most)
    columns = max(1, min(columns, shown))
    lines = -(-shown // columns)
    width, height = 1 + GAP, 1 + TEXT
    ax = axes(ax, 1.05 * columns, 1.05 * lines * height + 0.3)
    for k in range(shown):
        x, label = _item(dataset, queried[k])
        left, top = width * (k % columns), -height * (k // columns)
        ax.imshow(_image(x), cmap="gray", extent=(left, left + 1, top - 1, top))
        label = _value(label, queried.classes)
        guess = None if queried.guesses is None else _value(queried.guesses[k], queried.classes)
        wrong = guess is not None and label is not None and _differ(guess, label)
        words = [] if label is None else [f"label {_word(label)}"]
        words += [] if guess is None else [f"{'not' if wrong else 'guess'} {_word(guess)}"]
        words += [] if queried.scores is None else [f"{float(queried.scores[k]):.3g}"]
        ax.text(left + 0.5, top - 1.04, "\n".join(words), ha="center", va="top", fontsize=7)
        if wrong:
            ax.plot(
                [left, left + 1, left + 1, left, left],
                [top, top, top - 1, top - 1, top],
                color="#D55E00",
                lw=2,
            )
    ax.set_xlim(-GAP / 2, width * columns - GAP / 2)
    ax.set_ylim(-height * lines, 0.05)
    ax.set_aspect("equal")
    part = f"{shown} of {len(queried)}, " if shown < len(queried) else ""
    score = "" if queried.scores is None else ", with the score below"
    return bare(ax, f"{name}: {part}most wanted first{score}")


def _row(records: Records, strategy: str | None, seed: int | None, round: int) -> Row:
    for row in records.rows:
        wanted = strategy in (None, row["strategy"]) and seed in (None, row["seed"])
        if wanted and row["round"] == round and len(row.get("picked") or ()):
            return row
    raise ConfigurationError(
        f"nothing was queried after round {round} by strategy {strategy!r} with seed {seed!r}. The "
        f"strategies are {', '.join(records.strategies)}; no query follows the last round."
    )


def _query(row: Row) -> Query:
    scores, guesses = row.get("scores") or None, row.get("guesses") or None
    return Query(
        np.asarray(row["picked"], dtype=np.int64),
        row["round"] + 1,
        None if scores is None else np.asarray(scores),
        None if guesses is None else np.asarray(guesses),
    )


def _item(dataset: Items, index: int) -> tuple[object, object]:
    item = dataset[index]
    if not isinstance(item, tuple | list):
        return item, None
    x, *rest = item
    return x, rest[0] if rest else None


def _value(label: Any, classes: Sequence[str] | None) -> Any:
    """A label or guess in plain values: that of a single column, and the name of a class."""
    if label is None:
        return None
    values = np.asarray(label)
    value = values.item() if values.size == 1 else values.tolist()
    number = isinstance(value, int) and not isinstance(value, bool)
    if number and classes is not None and 0 <= value < len(classes):
        return classes[value]
    return value.strip() if isinstance(value, str) else value


def _differ(guess: Any, label: Any) -> bool:
    """True if a guess of classes, or of several labels, is certainly not the label."""
    one, other = np.asarray(guess), np.asarray(label)
    if one.dtype.kind == "f" or one.shape != other.shape:
        return False  # real values, or class probabilities as the label
    if one.dtype.kind == "U" or other.dtype.kind == "U":
        return one.dtype.kind == other.dtype.kind and guess != label
    measured = (other == other) & (other >= 0)  # neither NaN nor -1
    return bool((one != other)[measured].any())


def _word(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_word, value))}]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _image(x: Any) -> np.ndarray:
    """Pixels ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)``, from 0 to 1."""
    pixels = np.asarray(x, dtype=float)
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3, 4):
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim != 2 and (pixels.ndim != 3 or pixels.shape[-1] not in (3, 4)):
        raise ConfigurationError(
            "a gallery needs images of shape (H, W), (C, H, W) or (H, W, C) with 1, 3 or 4 "
            f"channels; a sample here has shape {np.shape(x)}."
        )
    low, high = pixels.min(), pixels.max()
    return (pixels - low) / (high - low) if high > low else np.zeros_like(pixels)
