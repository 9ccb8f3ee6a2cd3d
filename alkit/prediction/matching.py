"""Boxes of several posterior samples, matched by their overlap: one row per object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from alkit.arguments import check_number
from alkit.errors import NonFiniteError, PredictionError
from alkit.prediction.boxes import (
    check_reading,
    checked_boxes,
    labels_of,
    rows_of_boxes,
    scores_of,
)
from alkit.prediction.checks import numbers_of


class Found(NamedTuple):
    """Boxes of all posterior samples of one image, the highest score first.

    Attributes:
        rows: ``(B, C)`` rows of the boxes.
        boxes: ``(B, 4)`` corners, on the CPU.
        labels: ``(B,)`` labels, on the CPU.
        samples: number of the posterior sample of each box.
    """

    rows: Tensor
    boxes: Tensor
    labels: Tensor
    samples: list[int]


def rows_of_images(
    boxes: Any, num_classes: int | None, threshold: float, iou: float | None
) -> list[Tensor]:
    """Rows ``(m, K, C)`` of the boxes of each image.

    Args:
        boxes: one dict per image; if they are matched, one list of K dicts.
        num_classes, threshold: as for ``Prediction.detection``.
        iou: smallest overlap of the boxes of one object in several posterior samples. None if
            there is one sample, which is not matched.

    Raises:
        ConfigurationError: ``num_classes`` or ``threshold`` is out of range.
        PredictionError: the boxes are anything else, or some have other columns.
    """
    check_reading(num_classes, threshold)
    if iou is None:
        alone = enumerate(checked_boxes(boxes))
        parts = [rows_of_boxes(one, k, num_classes, threshold)[:, None] for k, one in alone]
    else:
        several = enumerate(checked_samples(boxes))
        parts = [rows_of_objects(found, k, num_classes, threshold, iou) for k, found in several]
    if len({part.shape[1:] for part in parts}) > 1:
        raise PredictionError(
            "the boxes of some images have other class probabilities than those of others, or none."
        )
    return parts


def checked_samples(boxes: Any) -> list[list[Mapping[str, Any]]]:
    """The boxes of K posterior samples, one list of K dicts per image.

    Raises:
        PredictionError: they are anything else, or K is not the same for all images.
    """
    listed = isinstance(boxes, list | tuple) and all(isinstance(one, list | tuple) for one in boxes)
    if not listed:
        got = f" of {type(boxes[0]).__name__}" if isinstance(boxes, list | tuple) and boxes else ""
        raise PredictionError(
            "boxes of K posterior samples are a list of one list of K dicts per image, got "
            f"{type(boxes).__name__}{got}."
        )
    found = [checked_boxes(one) for one in boxes]
    counts = sorted({len(one) for one in found})
    if counts and (counts[0] == 0 or len(counts) > 1):
        raise PredictionError(
            "every image needs the boxes of the same K posterior samples, one dict each, got "
            f"{' and '.join(map(str, counts))} of them."
        )
    return found


def rows_of_objects(
    found: Sequence[Mapping[str, Any]],
    image: int,
    num_classes: int | None,
    threshold: float,
    iou: float,
) -> Tensor:
    """Rows ``(m, K, C)`` of the objects of one image, matched over K posterior samples.

    The box with the highest score is an object. Each other sample adds to it the box that overlaps
    it the most, by ``iou`` or more, boxes of the same label first. Then the same with the boxes
    that remain. In a sample without a box for it, the object is "none of these"; in a binary row
    its probability is 0, also where a sample gives another label.

    Cost: O(B m) for B boxes of all samples and m objects. The result does not depend on the order
    of the samples, unless scores are tied.

    Raises:
        ConfigurationError: ``iou`` is not a number in (0, 1].
        PredictionError: the boxes have no corners, or other parts do not fit.
    """
    check_number("iou", iou, "a number in (0, 1]", lambda number: 0 < number <= 1)
    every = _found(found, image, num_classes, threshold)
    binary = num_classes is None and every.rows.shape[1] == 1
    missing = every.rows.new_zeros(1, every.rows.shape[1])
    if not binary:
        missing[:, -1] = 1
    objects = _matched(every, len(found), iou, same_label=binary)
    places = torch.tensor(objects, dtype=torch.long).view(-1, len(found)).to(every.rows.device)
    return torch.cat([every.rows, missing])[places]  # the place -1 is the missing one


def _matched(every: Found, k: int, iou: float, *, same_label: bool) -> list[list[int]]:
    """Places of the boxes of each object in K samples; -1 where a sample has none.

    Args:
        same_label: True to count a box with another label than the object's as none.
    """
    from torchvision.ops import box_iou

    free = torch.ones(len(every.samples), dtype=torch.bool)
    objects = []
    for first in range(len(every.samples)):
        if not free[first]:
            continue
        overlap = box_iou(every.boxes[first : first + 1], every.boxes)[0]
        same = every.labels == every.labels[first]
        near = (free & (overlap >= iou)).nonzero().flatten()
        rank = (overlap + same)[near].argsort(descending=True, stable=True)
        chosen = {every.samples[first]: first}
        for place in near[rank].tolist():
            chosen.setdefault(every.samples[place], place)
        free[list(chosen.values())] = False
        places = [-1] * k
        for sample, place in chosen.items():
            places[sample] = place if same[place] or not same_label else -1
        objects.append(places)
    return objects


def _found(
    found: Sequence[Mapping[str, Any]], image: int, num_classes: int | None, threshold: float
) -> Found:
    """All boxes of an image whose score is at least the threshold, the highest score first."""
    parts: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    for each in found:
        rows = rows_of_boxes(each, image, num_classes, threshold)
        scores = scores_of(each, image).cpu()
        corners, labels = _corners(each, image, len(scores)), _labels(each, image, len(scores))
        if "probabilities" in each:
            rows = torch.cat([rows, rows.new_zeros(len(rows), 1)], 1)  # "none of these"
        kept = scores >= threshold
        parts.append((rows, scores[kept], corners[kept], labels[kept]))
    if len({part[0].shape[1] for part in parts}) > 1:
        raise PredictionError(f"the posterior samples of image {image} have unequal columns.")
    rows, scores, corners, labels = (torch.cat(part) for part in zip(*parts, strict=True))
    order = scores.argsort(descending=True, stable=True)
    samples = [k for k, part in enumerate(parts) for _ in part[1]]
    ordered = [samples[place] for place in order.tolist()]
    return Found(rows[order.to(rows.device)], corners[order], labels[order], ordered)


def _corners(found: Mapping[str, Any], image: int, n: int) -> Tensor:
    """Corners ``(n, 4)`` of the boxes of one posterior sample.

    Raises:
        NonFiniteError: they contain NaN or infinity.
        PredictionError: there are none, or they are not corners.
    """
    corners = numbers_of(found["boxes"], "boxes").float().cpu() if "boxes" in found else None
    if corners is None or (corners.shape != (n, 4) and n):
        got = "none" if corners is None else f"the shape {tuple(corners.shape)}"
        raise PredictionError(
            f"the {n} boxes of image {image} need their corners to be matched, 'boxes' ({n}, 4) as "
            f"xmin, ymin, xmax, ymax, got {got}."
        )
    corners = corners.reshape(n, 4)
    if not corners.isfinite().all():
        raise NonFiniteError(f"the boxes of image {image} contain NaN or infinity.")
    turned = (corners[:, 2:] < corners[:, :2]).any(1)
    if turned.any():
        raise PredictionError(
            f"the boxes of image {image} are matched by their corners, xmin, ymin, xmax, ymax, and "
            f"{corners[turned][0].tolist()} are not: convert them in outputs=function."
        )
    return corners


def _labels(found: Mapping[str, Any], image: int, n: int) -> Tensor:
    """Labels ``(n,)`` of boxes: those given, else the most probable class, else all alike."""
    if "labels" in found:
        return labels_of(found, image).cpu()
    if "probabilities" in found:
        return numbers_of(found["probabilities"], "probabilities").cpu().argmax(1)
    return torch.zeros(n, dtype=torch.long)
