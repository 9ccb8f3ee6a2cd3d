"""Samples as a browser shows them: an image, a text or a sound."""

from __future__ import annotations

import io
import mimetypes
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from alkit.errors import ConfigurationError

IN_BROWSERS = ("png", "jpeg", "gif", "webp", "bmp", "avif", "svg+xml")
PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
TEXT = "text/plain; charset=utf-8"


class Shown(NamedTuple):
    """Content of a sample and its media type: ``image/...``, ``audio/...`` or ``text/...``.

    A text is shown as it is, and its tags are not interpreted.
    """

    content: bytes
    type: str


Render = Callable[[str], Shown]


def shown(value: object) -> Shown:
    """Return what a browser shows of a value.

    Args:
        value: a text, the path of a file (image, sound or text), a PIL image, or a pair of content
            and media type. Images that browsers cannot show, such as TIFF, become PNG.

    Raises:
        ConfigurationError: it is something else.
    """
    if isinstance(value, str):
        return Shown(value.encode(), TEXT)
    if isinstance(value, Path):
        kind = mimetypes.guess_type(value.name)[0] or "image/unknown"
        return shown((value.read_bytes(), kind))
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], bytes):
        content, kind = value
        family, _, form = kind.partition(";")[0].partition("/")
        if family == "text":
            return Shown(content, TEXT)
        if family == "image":
            return Shown(content, kind) if form in IN_BROWSERS else _png(content)
        if family == "audio":
            return Shown(content, kind)
    if hasattr(value, "save") and hasattr(value, "mode"):
        return _png(value)
    raise ConfigurationError(
        "a sample is shown as a text, a PIL image, the path of a file, or a pair of bytes and a "
        f"media type (image/..., audio/... or text/...); got {value!r:.100}."
    )


def _png(image: Any) -> Shown:
    from PIL import Image

    found = Image.open(io.BytesIO(image)) if isinstance(image, bytes) else image
    found = found if found.mode in PNG_MODES else found.convert("RGB")
    buffer = io.BytesIO()
    found.save(buffer, "PNG", compress_level=1)
    return Shown(buffer.getvalue(), "image/png")
