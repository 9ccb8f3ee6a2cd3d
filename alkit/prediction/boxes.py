"""Rows of the boxes that a detector returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from alkit.errors import PredictionError
from alkit.prediction.checks import numbers_of


def checked_boxes(boxes: Any) -> list[Mapping[str, Any]]:
    """The boxes of a detector, one dict per image.

    Raises:
        PredictionError: they are anything else.
    """
    found = list(boxes) if isinstance(boxes, list | tuple) else None
    if found is None or not all(isinstance(each, Mapping) and "scores" in each for each in found):
        got = type(boxes).__name__
        if found:
            got += f" of {type(found[0]).__name__}"
            got += (
                f" with {', '.join(map(repr, found[0]))}" if isinstance(found[0], Mapping) else ""
            )
        raise PredictionError(
            "boxes are a list of one dict per image, with their 'scores' and 'labels' or "
            f"'probabilities', as torchvision's detectors return in eval mode; got {got}."
        )
    return found


def rows_of_boxes(
    found: Mapping[str, Any], image: int, num_classes: int | None, threshold: float
) -> Tensor:
    """Rows ``(m, C)`` of the boxes of one image whose score is at least the threshold.

    Raises:
        PredictionError: there are no labels, labels out of range, or probabilities that do not fit.
    """
    scores = numbers_of(found["scores"], "scores").float()
    kept = scores >= threshold
    if "probabilities" in found:
        p = numbers_of(found["probabilities"], "probabilities").float()
        if p.ndim != 2 or len(p) != len(scores):
            raise PredictionError(
                f"the {len(scores)} boxes of image {image} have probabilities of the shape "
                f"{tuple(p.shape)}, not ({len(scores)}, C)."
            )
        return p[kept]
    if num_classes is None:
        return scores[kept][:, None]
    if "labels" not in found:
        raise PredictionError(f"the boxes of image {image} have no 'labels', but num_classes=.")
    labels = numbers_of(found["labels"], "labels").long().to(scores.device)
    wrong = labels[(labels < 0) | (labels >= num_classes)]
    if labels.shape != scores.shape or len(wrong):
        got = int(wrong[0]) if len(wrong) else f"{len(labels)} for {len(scores)} boxes"
        raise PredictionError(
            f"the labels of the boxes of image {image} must be 0 .. {num_classes - 1}, one for "
            f"each box, got {got}. Count the background, if it has a number."
        )
    rows = scores.new_zeros(len(scores), num_classes + 1)
    rows[:, -1] = 1 - scores
    rows[torch.arange(len(scores), device=scores.device), labels] = scores
    return rows[kept]
