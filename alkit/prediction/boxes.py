"""Rows of the boxes that a detector returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alkit.arguments import check_integer, check_number
from alkit.errors import NonFiniteError, PredictionError
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


def check_reading(num_classes: int | None, threshold: float) -> None:
    """Raise a ConfigurationError unless boxes can be read by these arguments."""
    if num_classes is not None:
        check_integer("num_classes", num_classes)
    check_number("threshold", threshold, "a score in [0, 1]", lambda score: 0 <= score <= 1)


def scores_of(found: Mapping[str, Any], image: int) -> Tensor:
    """Scores ``(m,)`` of the boxes of one image, before any box is left out.

    Raises:
        NonFiniteError: a score is NaN.
        PredictionError: they are not one probability per box, or there are not as many boxes.
    """
    scores = numbers_of(found["scores"], "scores").float()
    if scores.ndim != 1:
        raise PredictionError(
            f"the boxes of image {image} need one score each, (m,), got the shape "
            f"{tuple(scores.shape)}: class probabilities (m, C) are 'probabilities'."
        )
    if scores.isnan().any():
        raise NonFiniteError(
            f"the scores of the boxes of image {image} contain NaN. Nothing was selected. Check "
            "the learning rate, the image, and that the detector was trained."
        )
    if len(scores) and not 0 <= float(scores.min()) <= float(scores.max()) <= 1:
        raise PredictionError(
            f"the scores of boxes are probabilities, and those of image {image} are negative or "
            f"above one, {float(scores.min()):g} to {float(scores.max()):g}: return the sigmoid of "
            "logits."
        )
    for name in "boxes", "labels":
        shape = tuple(np.shape(found.get(name, scores)))
        if shape[:1] != scores.shape:
            raise PredictionError(
                f"image {image} has {len(scores)} 'scores', and {name!r} of the shape {shape}."
            )
    return scores


def labels_of(found: Mapping[str, Any], image: int) -> Tensor:
    """Labels ``(m,)`` of the boxes of one image, which has them, as integers.

    Raises:
        PredictionError: they are not one class number per box.
    """
    given = numbers_of(found["labels"], "labels")
    labels = given.long()
    if labels.ndim != 1 or (given.is_floating_point() and bool((labels != given).any())):
        raise PredictionError(
            f"the labels of the boxes of image {image} must be class numbers (m,), got "
            f"{given.tolist()!r:.80}."
        )
    return labels


def rows_of_boxes(
    found: Mapping[str, Any], image: int, num_classes: int | None, threshold: float
) -> Tensor:
    """Rows ``(m, C)`` of the boxes of one image whose score is at least the threshold.

    Raises:
        PredictionError: there are no labels, labels out of range, or probabilities that do not fit.
    """
    scores = scores_of(found, image)
    kept = scores >= threshold
    if "probabilities" in found:
        p = numbers_of(found["probabilities"], "probabilities").float()
        if p.ndim != 2 or len(p) != len(scores):
            raise PredictionError(
                f"the {len(scores)} boxes of image {image} have probabilities of the shape "
                f"{tuple(p.shape)}, not ({len(scores)}, C)."
            )
        if num_classes is not None and p.shape[1] - num_classes not in (0, 1):
            raise PredictionError(
                f"the boxes of image {image} have probabilities of {p.shape[1]} classes, and "
                f"num_classes={num_classes} (one further column is 'none of these')."
            )
        return p[kept]
    if num_classes is None:
        return scores[kept][:, None]
    if "labels" not in found:
        raise PredictionError(f"the boxes of image {image} have no 'labels', but num_classes=.")
    labels = labels_of(found, image).to(scores.device)
    wrong = labels[(labels < 0) | (labels >= num_classes)]
    if len(wrong):
        raise PredictionError(
            f"the labels of the boxes of image {image} must be 0 .. {num_classes - 1}, got "
            f"{int(wrong[0])}. Count the background, if it has a number."
        )
    rows = scores.new_zeros(len(scores), num_classes + 1)
    rows[:, -1] = 1 - scores
    rows[torch.arange(len(scores), device=scores.device), labels] = scores
    return rows[kept]
