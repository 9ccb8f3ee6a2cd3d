"""Checks of lesson 11, segmentation: mean IoU, the top share of pixels, ignored pixels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from alkit.course.mistakes import judge

IGNORED = -100


def check_mean_iou(answer: Callable[[Any, Any, int], float]) -> str:
    """Exercise 11-a: mean IoU of masks."""

    def ious(
        masks: Any,
        guesses: Any,
        classes: int,
        union: Callable[[Any, Any], Any] = lambda y, g: (y | g).sum(),
        twice: int = 1,
    ) -> list[float]:
        pairs = [(masks == c, guesses == c) for c in range(classes)]
        sizes = [(twice * (y & g).sum(), union(y, g)) for y, g in pairs]
        return [both / either if either else math.nan for both, either in sizes]

    def mean_iou(masks: Any, guesses: Any, classes: int) -> float:
        return float(np.nanmean(ious(masks, guesses, classes)))

    def divided_by(union: Callable[[Any, Any], Any], twice: int = 1) -> Callable[..., float]:
        return lambda y, g, c: float(np.nanmean(ious(y, g, c, union, twice)))

    def absent_as(value: float) -> Callable[..., float]:
        return lambda y, g, c: float(np.nan_to_num(ious(y, g, c), nan=value).mean())

    def by_image(masks: Any, guesses: Any, classes: int) -> float:
        pairs = zip(masks, guesses)
        return float(np.mean([mean_iou(y, g, classes) for y, g in pairs]))

    def sizes(y: Any, g: Any) -> Any:
        return y.sum() + g.sum()

    judge(
        answer,
        mean_iou,
        [_masks(seed) for seed in range(3)],
        [
            (lambda y, g, c: (y == g).mean(), "this is the share of correct pixels, which the "
             "background decides."),
            (by_image, "count the pixels of all images together first: in an image without a "
             "cell, one wrong pixel would make the IoU of the class zero."),
            (absent_as(0), "a class that is neither in the masks nor in the predictions has no "
             "IoU: leave it out of the mean."),
            (absent_as(1), "a class that is neither in the masks nor in the predictions has no "
             "IoU: leave it out of the mean."),
            (divided_by(sizes, 2), "this is the Dice score, which "
             "counts the intersection twice."),
            (divided_by(sizes), "the union counts a pixel once, also "
             "if both the mask and the prediction have it."),
            (lambda y, g, c: np.nanmean(ious(y, g, c)[1:]), "the background is a class too."),
            (divided_by(lambda y, g: y.sum()), "this is divided by "
             "the pixels of the mask alone: predicting the class everywhere would be perfect."),
            (divided_by(lambda y, g: g.sum()), "this is divided by "
             "the pixels of the prediction alone."),
            (lambda y, g, c: 1 - mean_iou(y, g, c), "this is 1 minus the mean IoU."),
            (lambda y, g, c: np.nansum(ious(y, g, c)), "this is the sum over the classes: "
             "take their mean."),
        ],
        "for the mask [[1, 1, 0, 0]] and the prediction [[1, 0, 0, 0]], the IoU is 2/3 for class 0 "
        "and 1/2 for class 1: compute them one by one.",
    )  # fmt: skip
    return "The mean IoU counts a rare class as much as the background."


def check_top_share(answer: Callable[[Any, float], Any]) -> str:
    """Exercise 11-b: mean of the highest entropies of each image."""

    def rows(entropies: Any) -> Any:
        return np.sort(entropies.reshape(len(entropies), -1), axis=1)[:, ::-1]

    def top(entropies: Any, share: float, whole: Callable[[float], int] = math.ceil) -> Any:
        ordered = rows(entropies)
        return ordered[:, : max(whole(share * ordered.shape[1]), 1)].mean(1)

    def lowest(entropies: Any, share: float) -> Any:
        return -top(-entropies, share)

    def last(entropies: Any, share: float) -> Any:
        ordered = rows(entropies)
        return ordered[:, math.ceil(share * ordered.shape[1]) - 1]

    def total(entropies: Any, share: float) -> Any:
        return top(entropies, share) * math.ceil(share * entropies[0].size)

    def over_all(entropies: Any, share: float) -> Any:
        bound = np.sort(entropies, axis=None)[-math.ceil(share * entropies.size)]
        return (entropies * (entropies >= bound)).sum((1, 2)) / math.ceil(share * entropies[0].size)

    judge(
        answer,
        top,
        [_entropies(seed, share) for seed, share in enumerate((0.05, 0.3, 1.0))],
        [
            (lambda h, share: h.mean((1, 2)), "this is the mean of all pixels."),
            (lambda h, share: h.max((1, 2)), "this is the highest entropy alone."),
            (lowest, "these are the lowest entropies."),
            (last, "this is the lowest of the entropies that count: take their mean."),
            (total, "this is the sum of the entropies that count: take their mean."),
            (lambda h, share: top(h, share, math.floor), "the number of pixels is rounded up: 5 % "
             "of 30 pixels are 2."),
            (lambda h, share: top(h, share, round), "the number of pixels is rounded up: 5 % of "
             "30 pixels are 2."),
            (over_all, "the share is that of each image, not of all images together."),
        ],
        "for the entropies [[0.1, 0.5], [0.3, 0.2]] and a share of 0.5, the result is 0.4.",
    )  # fmt: skip
    return "The mean looks at the area, the top share at the places where it is hardest."


def check_loss(answer: Callable[[Any, Any], float]) -> str:
    """Exercise 11-c: cross-entropy of the labeled pixels."""

    def picked(log_p: Any, masks: Any) -> Any:
        labels = np.where(masks == IGNORED, 0, masks)
        return -np.take_along_axis(log_p, labels[:, None], 1)[:, 0]

    def loss(log_p: Any, masks: Any) -> float:
        return float(picked(log_p, masks)[masks != IGNORED].mean())

    def total(log_p: Any, masks: Any) -> float:
        return float(picked(log_p, masks)[masks != IGNORED].sum())

    def by_image(log_p: Any, masks: Any) -> float:
        rows = zip(picked(log_p, masks), masks)
        return float(np.mean([each[y != IGNORED].mean() for each, y in rows]))

    judge(
        answer,
        loss,
        [_log_probabilities(seed) for seed in range(3)],
        [
            (lambda p, y: picked(p, y).mean(), "the pixels with -100 are counted as class 0: they "
             "have no label, and must not count."),
            (lambda p, y: total(p, y) / y.size, "divide by the number of labeled pixels: images "
             "with few labeled tiles would count less."),
            (lambda p, y: total(p, y) / len(y), "divide by the number of labeled pixels, not of "
             "images."),
            (total, "this is the sum: divide by the number of labeled pixels."),
            (by_image, "this is the mean over the images of their means: a labeled pixel in an "
             "image with few of them would count more."),
            (lambda p, y: -loss(p, y), "the sign is wrong: the loss is above zero."),
            (lambda p, y: np.exp(-picked(p, y))[y != IGNORED].mean(), "this is the mean "
             "probability of the labels, without the logarithm."),
        ],
        "take the log-probability of the class of each labeled pixel: log_p[n, masks[n, h, w], h, "
        "w] where masks[n, h, w] is not -100.",
    )  # fmt: skip
    return "What has no label adds nothing to the loss, so it cannot teach anything wrong."


def _masks(seed: int) -> tuple[Any, Any, int]:
    """Masks and predictions ``(4, 6, 7)`` of 3 classes of 4; images differ in their shares."""
    rng = np.random.default_rng(seed)
    masks = (rng.random((4, 6, 7)) < rng.random((4, 1, 1))) * rng.integers(1, 3, (4, 6, 7))
    wrong = rng.random((4, 6, 7)) < 0.3
    return masks, np.where(wrong, rng.integers(0, 3, masks.shape), masks), 4


def _entropies(seed: int, share: float) -> tuple[Any, float]:
    """Entropies ``(5, 5, 6)`` of images of unequal difficulty."""
    rng = np.random.default_rng(seed)
    return rng.random((5, 5, 6)) * rng.uniform(0.2, 0.7, (5, 1, 1)), share


def _log_probabilities(seed: int) -> tuple[Any, Any]:
    """Log-probabilities ``(3, 2, 4, 5)``, and masks with more and more labeled rows."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.05, 0.95, (3, 4, 5))
    masks = rng.integers(0, 2, (3, 4, 5))
    for image, row in enumerate((1, 2, 4)):
        masks[image, row:] = IGNORED
    return np.log(np.stack([p, 1 - p], 1)), masks


CHECKS = {"11-a": check_mean_iou, "11-b": check_top_share, "11-c": check_loss}
