"""Items of a dataset as samples."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from PIL import Image

from alkit.errors import ProjectError, UnreadableSampleError
from alkit.pool.fingerprint import content_of, fingerprint
from alkit.pool.names import Names
from alkit.pool.samples import Samples
from alkit.pool.sources import check_dataset
from alkit.project.samples.pictures import from_array, plain, shown_file, shown_image, unreadable
from alkit.project.samples.source import Kind, Shown, Stamp, hash_of

SOUNDS = frozenset(".wav .mp3 .ogg .oga .opus .flac .m4a .aac .webm".split())


class Items:
    """The inputs of a map-style dataset.

    Items are ``x``, ``(x, y)`` or dicts, as of a pool; labels are not looked at. The kind of the
    samples is that of the first one: images (PIL, or arrays of two or three dimensions), texts,
    vectors, or anything else, which needs ``render``.

    Args:
        dataset: the dataset.
        render: function from an input to what a page shows: an image (PIL or an array), a text,
            or the path of a sound or image file. Default: the input itself.
        names: ``(N,)`` distinct names. Default: the indices.
        label_key: key of the label in dict items that have one.

    Raises:
        ConfigurationError: the dataset is not a map-style one, or the names do not fit.
        ProjectError: ``render`` is needed.
    """

    where = "the dataset"

    def __init__(
        self,
        dataset: Any,
        render: Callable[[Any], Any] | None = None,
        names: Sequence[str] | None = None,
        label_key: str | None = "label",
    ) -> None:
        check_dataset(dataset, "a project")
        first = dataset[0]
        if isinstance(first, Mapping) and label_key not in first:
            label_key = None
        self._samples = Samples(dataset, cache=False, label_key=label_key)
        count = len(self._samples)
        known = Names(names, count)
        known.check_unique()
        self.names = [known[row] if names is not None else str(row) for row in range(count)]
        self._places = {name: row for row, name in enumerate(self.names)}
        self._render = render
        self._lock = Lock()  # few datasets can be read in several threads at once
        self._mark = fingerprint(dataset, label_key=label_key)
        self.problems: dict[str, str] = {}
        self.kind: Kind = _kind(self._samples[0][0])
        if self.kind in ("vector", "item") and render is None:
            raise ProjectError(
                "a page cannot show the samples of this dataset: pass render=, a function from an "
                "input to an image, a text or the path of a sound file."
            )

    def __len__(self) -> int:
        return len(self.names)

    def read(self, name: str) -> Any:
        """The input, as the dataset returns it."""
        try:
            with self._lock:
                return self._samples[self._places[name]][0]
        except Exception as error:  # any class of a dataset
            raise unreadable(_of_dataset(error)) from error

    def image(self, name: str, side: int | None = None) -> Image.Image:
        """The input as an image, at its full size."""
        item = self.read(name)
        return plain(item) if isinstance(item, Image.Image) else from_array(item)

    def shown(self, name: str) -> Shown:
        """The input for a page, as ``render`` returns it."""
        item = self.read(name)
        if self._render is not None:
            try:
                item = self._render(item)
            except Exception as error:  # any class of a function
                raise UnreadableSampleError(f"render= failed: {error!r}.") from error
        return _shown(item)

    def stamp(self, name: str) -> Stamp:
        """Fingerprint of the dataset in place of a time: contents are read again if it differs."""
        return Stamp(0, int(hash_of(self._mark.encode())[:15], 16))

    def hash(self, name: str) -> str:
        """Hash of the input; of the name alone if inputs are random or of an unknown kind."""
        content = None
        if not self._mark.startswith("length"):
            try:
                with self._lock:
                    content = content_of(self._samples, self._places[name])
            except Exception as error:  # any class of a dataset
                raise OSError(str(_of_dataset(error))) from error
        return content or hash_of(name.encode())


def _of_dataset(error: Exception) -> Exception:
    """Error of the dataset itself, without the advice for the user of a pool."""
    cause = error.__cause__ if isinstance(error, UnreadableSampleError) else None
    return cause if isinstance(cause, Exception) else error


def _kind(item: Any) -> Kind:
    if isinstance(item, str):
        return "text"
    if isinstance(item, Image.Image):
        return "image"
    if isinstance(item, np.ndarray | torch.Tensor):
        if item.ndim == 1:
            return "vector"
        if item.ndim == 2 or (item.ndim == 3 and {item.shape[0], item.shape[2]} & {1, 3, 4}):
            return "image"
    return "item"


def _shown(item: Any) -> Shown:
    """An image, a text, or a file of a sound or an image, for a page."""
    if isinstance(item, Image.Image):
        return shown_image(plain(item))
    if isinstance(item, np.ndarray | torch.Tensor):
        return shown_image(from_array(item))
    path = Path(item) if isinstance(item, str | os.PathLike) and len(str(item)) < 1000 else None
    sound = path is not None and path.suffix.lower() in SOUNDS
    if path is not None and (isinstance(item, os.PathLike) or (sound and path.is_file())):
        if not sound:
            return shown_file(path)
        media = mimetypes.guess_type(path.name)[0] or "audio/wav"
        try:
            return Shown(path.read_bytes(), media)
        except OSError as error:
            raise unreadable(error) from error
    if isinstance(item, str):
        return Shown(item.encode("utf-8", "replace"), "text/plain; charset=utf-8")
    raise UnreadableSampleError(
        "expected an image (PIL or an array), a text or the path of a sound file from render=, got "
        f"{item!r:.100}."
    )
