"""Protocol of the sources of samples: files in a folder, rows of a file, items of a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b, file_digest
from io import BufferedReader
from typing import Any, Literal, NamedTuple, Protocol

from PIL import Image

from alkit.page.shown import Shown as Shown

Kind = Literal["image", "text", "vector", "item"]


class Stamp(NamedTuple):
    """Size and time of the last change: while both stay as they are, a content is not read again.

    Attributes:
        size: size in bytes.
        modified: time in nanoseconds.
    """

    size: int
    modified: int


class Source(Protocol):
    """Samples by name.

    Attributes:
        kind: kind of the samples: images, texts, vectors ``(D,)``, or anything else.
        where: path or description for messages.
        names: the names, in a fixed order; distinct.
        problems: names that are listed but cannot be samples, with the reason.
    """

    @property
    def kind(self) -> Kind: ...
    @property
    def where(self) -> str: ...
    @property
    def names(self) -> Sequence[str]: ...
    @property
    def problems(self) -> Mapping[str, str]: ...

    def read(self, name: str) -> Any:
        """The sample: an image (PIL, upright, RGB or L), a text, a vector, or a dataset's item.

        Raises:
            UnreadableSampleError: it cannot be read.
        """
        ...

    def shown(self, name: str) -> Shown:
        """The sample as a page shows it. Raises an UnreadableSampleError if it cannot be read."""
        ...

    def stamp(self, name: str) -> Stamp:
        """Size and time of the last change of a sample. Raises an OSError."""
        ...

    def hash(self, name: str) -> str:
        """Hash of the content of a sample, of 32 characters. Raises an OSError."""
        ...


class ImageSource(Source, Protocol):
    """Samples of kind ``"image"``."""

    def image(self, name: str, side: int | None = None) -> Image.Image:
        """The sample as an image, upright, in RGB or grey (L).

        Args:
            name: name of the sample.
            side: number of pixels that suffices for the shorter side. Default: the full size.

        Raises:
            UnreadableSampleError: it cannot be read.
        """
        ...


def hash_of(content: bytes | BufferedReader) -> str:
    """Hash of a content or of an open file, of 32 characters."""
    if isinstance(content, bytes):
        return blake2b(content, digest_size=16).hexdigest()
    return file_digest(content, lambda: blake2b(digest_size=16)).hexdigest()
