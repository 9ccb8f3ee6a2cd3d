from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from torchmetrics import JaccardIndex

from alkit.course.lesson_11 import CHECKS


def test_the_solutions_of_the_lesson_are_right(solutions):
    found = solutions("11", np=np, torch=torch, math=math)
    for name, answer in zip(CHECKS, ("mean_iou", "top_share", "loss"), strict=True):
        assert CHECKS[name](found[answer])


# --- 11-a ---------------------------------------------------------------------------------------


def jaccard(masks, guesses, classes):
    """Mean IoU by torchmetrics, which leaves out a class without pixels."""
    metric = JaccardIndex(task="multiclass", num_classes=classes)
    return float(metric(torch.tensor(guesses), torch.tensor(masks)))


def test_the_mean_iou_of_torchmetrics_is_right():
    assert "rare class" in CHECKS["11-a"](jaccard)
    y, g = np.array([[1, 1, 0, 0]]), np.array([[1, 0, 0, 0]])
    assert jaccard(y, g, 2) == pytest.approx((2 / 3 + 1 / 2) / 2)  # the numbers of the last hint


def counts(masks, guesses, classes):
    """Pixels in both, in the mask, and in the prediction, of each class."""
    return np.array([
        [((masks == c) & (guesses == c)).sum(), (masks == c).sum(), (guesses == c).sum()]
        for c in range(classes)
    ]).T  # fmt: skip


def iou(*case):
    both, y, g = counts(*case)
    return both[:3] / (y + g - both)[:3]  # class 3 has no pixels


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda y, g, c: (y == g).mean(), "share of correct pixels"),
        (lambda y, g, c: np.mean([jaccard(a, b, c) for a, b in zip(y, g)]), "all images together"),
        (lambda *case: iou(*case).sum() / 4, "leave it out"),
        (lambda *case: (iou(*case).sum() + 1) / 4, "leave it out"),
        (lambda *case: (2 * iou(*case) / (1 + iou(*case))).mean(), "Dice"),
        (lambda *case: (iou(*case) / (1 + iou(*case))).mean(), "counts a pixel once"),
        (lambda *case: iou(*case)[1:].mean(), "background is a class"),
        (lambda *case: np.divide(*counts(*case)[:2, :3]).mean(), "of the mask alone"),
        (lambda *case: np.divide(*counts(*case)[[0, 2], :3]).mean(), "of the prediction alone"),
        (lambda *case: 1 - jaccard(*case), "1 minus"),
        (lambda *case: iou(*case).sum(), "sum over the classes"),
        (lambda *case: 0.5, "one by one"),
        (lambda *case: iou(*case), "shape"),
    ],
)
def test_wrong_ious_get_their_own_hint(refused, answer, hint):
    refused("11-a", answer, hint)


# --- 11-b ---------------------------------------------------------------------------------------


def top(entropies, share):
    """Mean of the highest, by torch."""
    flat = torch.tensor(entropies).flatten(1)
    return flat.topk(math.ceil(share * flat.shape[1])).values.mean(1).numpy()


def test_the_top_share_by_torch_is_right():
    assert top(np.array([[[0.1, 0.5], [0.3, 0.2]]]), 0.5) == pytest.approx([0.4])
    assert "hardest" in CHECKS["11-b"](top)


def size(entropies, share):
    return math.ceil(share * entropies[0].size)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda h, s: h.mean((1, 2)), "mean of all pixels"),
        (lambda h, s: h.max((1, 2)), "highest entropy alone"),
        (lambda h, s: -top(-h, s), "lowest entropies"),
        (lambda h, s: np.sort(h.reshape(5, -1))[:, -size(h, s)], "the lowest of the entropies"),
        (lambda h, s: top(h, s) * size(h, s), "the sum"),
        (lambda h, s: top(h, max(math.floor(s * 30), 1) / 30), "rounded up"),
        (
            lambda h, s: (
                (h * (h >= np.sort(h, None)[-math.ceil(s * 150)])).sum((1, 2)) / size(h, s)
            ),
            "of each image",
        ),
        (lambda h, s: np.zeros(5), "the result is 0.4"),
        (lambda h, s: 0.5, "shape"),
    ],
)
def test_wrong_shares_get_their_own_hint(refused, answer, hint):
    refused("11-b", answer, hint)


# --- 11-c ---------------------------------------------------------------------------------------


def loss(log_p, masks, reduction="mean"):
    """Cross-entropy by torch, which ignores -100."""
    p, y = torch.tensor(log_p), torch.tensor(masks)
    return float(cross_entropy(p, y, reduction=reduction))


def test_the_loss_of_torch_is_right():
    assert "cannot teach" in CHECKS["11-c"](loss)


def as_background(log_p, masks):
    return loss(log_p, masks.clip(0))


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (as_background, "class 0"),
        (lambda p, y: loss(p, y, "sum") / y.size, "would count less"),
        (lambda p, y: loss(p, y, "sum") / 3, "not of images"),
        (lambda p, y: loss(p, y, "sum"), "this is the sum"),
        (
            lambda p, y: np.mean([loss(a[None], b[None]) for a, b in zip(p, y)]),
            "would count more",
        ),
        (lambda p, y: -loss(p, y), "sign"),
        (
            lambda p, y: np.exp(np.where(y == 0, p[:, 0], p[:, 1]))[y >= 0].mean(),
            "without the logarithm",
        ),
        (lambda p, y: 1.0, "is not -100"),
        (lambda p, y: None, "return statement"),
    ],
)
def test_wrong_losses_get_their_own_hint(refused, answer, hint):
    refused("11-c", answer, hint)
