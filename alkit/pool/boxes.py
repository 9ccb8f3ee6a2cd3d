"""Labels that are the boxes of an image, in the form that torchvision's detectors take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alkit.errors import LabelError

BOXES = "boxes with labels"  # the kind of such labels
SLACK = 0.5  # pixels that a box may exceed its image, as rounding does


def are_boxes(label: object) -> bool:
    """True for a dict with the keys ``"boxes"`` and ``"labels"``."""
    return isinstance(label, Mapping) and {"boxes", "labels"} <= label.keys()


def check_boxes(label: Mapping[str, Any]) -> None:
    """Raise a LabelError unless boxes are ``(m, 4)`` numbers, with class numbers ``(m,)``."""
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


def check_corners(label: Mapping[str, Any], size: tuple[int, int] | None) -> None:
    """Raise a LabelError for a box without an area, or outside of its image.

    Boxes of torchvision that declare another format than ``"XYXY"`` are not looked at, nor boxes of
    numbers between 0 and 1, which are shares of the image in one of several formats.

    Args:
        label: checked boxes.
        size: height and width of the image; None if they are not known.
    """
    form = getattr(label["boxes"], "format", None)
    if form is not None and getattr(form, "value", form) != "XYXY":
        return
    boxes = _array(label["boxes"]).reshape(-1, 4)
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


def formed_boxes(label: Mapping[str, Any]) -> dict[str, Any]:
    """Plain boxes as the tensors that torchvision's detectors take, float32 and int64."""
    boxes = torch.as_tensor(label["boxes"], dtype=torch.float32).reshape(-1, 4)
    labels = torch.as_tensor(label["labels"], dtype=torch.int64).reshape(-1)
    return {**label, "boxes": boxes, "labels": labels}


def _array(values: object) -> np.ndarray:
    try:
        return np.asarray(values.tolist() if isinstance(values, Tensor) else values)
    except ValueError:  # rows of different lengths
        return np.asarray(None)
