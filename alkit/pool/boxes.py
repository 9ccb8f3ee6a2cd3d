"""Labels that are the boxes of an image, in the form that torchvision's detectors take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alkit.errors import LabelError

BOXES = "boxes with labels"  # the kind of such labels; of those that may be in either unit
PIXELS, SHARES = f"{BOXES} in pixels", f"{BOXES} between 0 and 1"
SLACK = 0.5  # pixels that a box may exceed its image, as rounding does
PER_BOX = ("masks", "keypoints")  # further parts that torchvision's detectors take


def are_boxes(label: object) -> bool:
    """True for a dict with the keys ``"boxes"`` and ``"labels"``; asks others for their type."""
    return issubclass(type(label), Mapping) and {"boxes", "labels"} <= label.keys()  # type: ignore


def kind_of_boxes(label: Mapping[str, Any]) -> str:
    """Kind of a label, with the unit of its boxes: pixels, or shares of the image.

    Raises:
        LabelError: boxes are not ``(m, 4)`` numbers, with class numbers ``(m,)``.
    """
    boxes = _checked(label)
    if not boxes.size or boxes.max() > 1:
        return PIXELS if boxes.size else BOXES
    return SHARES if (boxes != boxes.round()).any() else BOXES  # 0 and 1 may be either


def fit_as_boxes(kind: str, other: str) -> bool:
    """True for two kinds of boxes whose units may be the same."""
    return BOXES in (kind, other) and kind.startswith(BOXES) and other.startswith(BOXES)


def in_corners(boxes: Any) -> Any:
    """Boxes of torchvision that declare another format, as corners; others as they are."""
    form = format_of(boxes)
    if form in ("", "XYXY") or boxes.shape[-1] != 4:
        return boxes
    from torchvision.ops import box_convert

    return box_convert(boxes.as_subclass(Tensor), form.lower(), "xyxy")


def format_of(boxes: Any) -> str:
    """Format that boxes of torchvision declare, such as ``"XYWH"``; empty for others."""
    form = getattr(boxes, "format", "")
    return str(getattr(form, "value", form)) if isinstance(boxes, Tensor) else ""


def _checked(label: Mapping[str, Any]) -> np.ndarray:
    """Boxes ``(m, 4)`` of a label, or a LabelError."""
    boxes, labels = _array(label["boxes"]), _array(label["labels"])
    if boxes.size == 0:
        boxes = boxes.reshape(0, 4)
    if boxes.dtype.kind not in "iuf" or boxes.ndim != 2 or boxes.shape[1] != 4:
        raise LabelError(
            "boxes must be rows of 4 numbers (x1, y1, x2, y2), (m, 4), got "
            f"{label['boxes']!r:.100} of shape {boxes.shape}."
        )
    if not np.isfinite(boxes).all():
        raise LabelError("boxes must be finite numbers, got NaN or infinity.")
    if labels.shape != boxes.shape[:1]:
        raise LabelError(
            f"expected one label for each of the {len(boxes)} boxes, got the shape {labels.shape}."
        )
    if len(labels) and (labels.dtype.kind not in "iu" or labels.min() < 0):
        raise LabelError(
            f"labels of boxes must be class numbers from 0 on, got {label['labels']!r:.100}."
        )
    for name in PER_BOX:
        if name in label and np.shape(label[name])[:1] != (len(boxes),):
            raise LabelError(
                f"expected {name} for each of the {len(boxes)} boxes, got the shape "
                f"{tuple(np.shape(label[name]))}."
            )
    return boxes


def check_corners(label: Mapping[str, Any], size: tuple[int, int] | None) -> None:
    """Raise a LabelError for a box without an area, or outside of its image.

    Boxes of numbers between 0 and 1 are not looked at: these are shares of the image in one of
    several formats.

    Args:
        label: checked boxes.
        size: height and width of the image; None if they are not known.
    """
    boxes = _array(in_corners(label["boxes"])).reshape(-1, 4)
    if not len(boxes) or 0 <= boxes.min() <= boxes.max() <= 1:
        return
    for box in boxes[(boxes[:, 2:] <= boxes[:, :2]).any(1)]:
        raise LabelError(
            f"the box {box.tolist()} has no area: boxes are corners (x1, y1, x2, y2) with x1 < x2 "
            "and y1 < y2, not a corner with a width and height."
        )
    height, width = (np.inf, np.inf) if size is None else size
    limit = np.array([width, height]) + SLACK
    for box in boxes[(boxes[:, :2] < -SLACK).any(1) | (boxes[:, 2:] > limit).any(1)]:
        raise LabelError(
            f"the box {box.tolist()} is not inside its image of the width {width} and height "
            f"{height}; boxes are corners (x1, y1, x2, y2) in pixels."
        )


def formed_boxes(label: Mapping[str, Any], own: object) -> dict[str, Any]:
    """Plain boxes as the tensors that torchvision's detectors take, float32 and int64.

    Further parts that are numbers become tensors too. Where the dataset's own boxes declare a
    format, these get it.
    """
    known: Mapping[str, Any] = own if are_boxes(own) else {}  # type: ignore[assignment]
    parts = {name: _tensor(part, known.get(name)) for name, part in label.items()}
    boxes = torch.as_tensor(label["boxes"], dtype=torch.float32).reshape(-1, 4)
    labels = torch.as_tensor(label["labels"], dtype=torch.int64).reshape(-1)
    if form := format_of(known.get("boxes")):
        from torchvision.ops import box_convert
        from torchvision.tv_tensors import BoundingBoxes

        boxes, canvas = box_convert(boxes, "xyxy", form.lower()), known["boxes"].canvas_size
        boxes = BoundingBoxes(boxes, format=form, canvas_size=canvas)  # pyright: ignore
    return {**parts, "boxes": boxes, "labels": labels}


def _tensor(part: object, own: object) -> object:
    """A list of numbers as a tensor, of the dtype of the dataset's own; others as they are."""
    if not isinstance(part, list):
        return part
    try:
        return torch.as_tensor(part, dtype=own.dtype if isinstance(own, Tensor) else None)
    except (TypeError, ValueError, RuntimeError):  # texts, or rows of different lengths
        return part


def _array(values: object) -> np.ndarray:
    try:
        return np.asarray(values.tolist() if isinstance(values, Tensor) else values)
    except ValueError:  # rows of different lengths
        return np.asarray(None)
