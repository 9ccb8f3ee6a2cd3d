"""Images of files and arrays: decoded upright, and as a page shows them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from alkit.errors import UnreadableSampleError
from alkit.project.samples.source import Shown

SIDE = 1600  # pixels of the longer side on a page
BYTES = 4 * 2**20  # a larger file is encoded again for the page
WEB = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp"}
ORIENTATION = 274  # tag of EXIF


def decoded(path: Path, side: int | None = None) -> Image.Image:
    """The image in a file, upright, in RGB or in grey (L).

    Args:
        path: path of the file.
        side: number of pixels that the shorter side needs; a JPEG of a larger size may be decoded
            at 1/2, 1/4 or 1/8 of it, which is many times faster. Default: the full size.

    Raises:
        UnreadableSampleError: the file cannot be read as an image.
    """
    try:
        with Image.open(path) as image:
            if side is not None:
                image.draft("RGB" if image.mode != "L" else "L", (side, side))
            return plain(ImageOps.exif_transpose(image))
    except Exception as error:  # PIL raises errors of many classes for damaged files
        raise unreadable(error) from error


def shown_file(path: Path) -> Shown:
    """An image file for a page: the file itself if a browser shows it well, else a smaller image.

    Raises:
        UnreadableSampleError: the file cannot be read as an image.
    """
    try:
        with Image.open(path) as image:
            upright = image.getexif().get(ORIENTATION, 1) == 1
            good = image.format in WEB and image.mode in ("RGB", "L", "RGBA", "P", "LA", "1")
            small = max(image.size) <= SIDE and path.stat().st_size <= BYTES
            if good and small and upright:
                image.load()  # a damaged file must be found here, not by the browser
                return Shown(path.read_bytes(), WEB[image.format or ""])
            if image.mode in ("RGB", "L"):  # a large JPEG is decoded at a part of its size
                image.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=1.0)
            lossy = image.format == "JPEG" or not small
            return shown_image(plain(ImageOps.exif_transpose(image)), lossless=not lossy)
    except Exception as error:
        raise unreadable(error) from error


def shown_image(image: Image.Image, lossless: bool = True) -> Shown:
    """An image in memory for a page: PNG, or JPEG if it may lose details; scaled down if large."""
    small = image.copy() if max(image.size) > SIDE else image
    small.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    file = io.BytesIO()
    if lossless:
        small.save(file, "PNG", compress_level=1)
        return Shown(file.getvalue(), "image/png")
    small.save(file, "JPEG", quality=88)
    return Shown(file.getvalue(), "image/jpeg")


def plain(image: Image.Image) -> Image.Image:
    """An image in RGB or L: transparent parts are white, and 16 bits or floats become 8 bits."""
    if image.mode in ("RGB", "L"):
        image.load()
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_bytes(np.asarray(image)))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        over = image.convert("RGBA")
        white = Image.new("RGBA", over.size, "white")
        return Image.alpha_composite(white, over).convert("RGB")
    return image.convert("L" if image.mode == "1" else "RGB")


def from_array(array: Any) -> Image.Image:
    """An image of an array or tensor: ``(H, W)``, ``(C, H, W)`` or ``(H, W, C)``, C 1, 3 or 4.

    Bytes are taken as they are, floats in [0, 1] and bools times 255; other values are scaled so
    that they range from 0 to 255.

    Raises:
        UnreadableSampleError: another shape.
    """
    values = np.asarray(array.detach().cpu() if hasattr(array, "detach") else array)
    if values.ndim == 3 and values.shape[0] in (1, 3, 4) and values.shape[2] not in (1, 3, 4):
        values = values.transpose(1, 2, 0)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] not in (3, 4)):
        raise UnreadableSampleError(
            "expected an image (H, W), (C, H, W) or (H, W, C) with 1, 3 or 4 channels, got an "
            f"array of shape {values.shape}."
        )
    return plain(Image.fromarray(np.ascontiguousarray(_bytes(values))))


def _bytes(values: np.ndarray) -> np.ndarray:
    if values.dtype == np.uint8:
        return values
    values = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = values.min(initial=0.0), values.max(initial=0.0)
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255 and (values == values.round()).all():
        low, high = 0.0, 255.0
    return ((values - low) / max(high - low, 1e-12) * 255).round().astype(np.uint8)


def unreadable(error: Exception) -> UnreadableSampleError:
    """The error of a library as the reason why a sample cannot be read."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    known = {"cannot identify image file": "not an image that Pillow reads"}
    text = next((words for start, words in known.items() if text.startswith(start)), text)
    return UnreadableSampleError(f"it cannot be read: {text}".rstrip(".") + ".")
