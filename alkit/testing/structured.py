"""Predictions of structured tasks for the laws of criteria: pixels, tokens, boxes, keypoints.

The numbers of rows differ, and the total is a multiple of the number of samples in some of them, so
that a criterion that takes all samples to have as many rows is wrong and not refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from alkit.prediction import OutputKind, Prediction


def structured_predictions() -> Iterator[tuple[str, Prediction]]:
    """Predictions whose samples have several rows, also none, with features ``(N, 2)``."""
    generator = torch.Generator().manual_seed(21)

    def randn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    def boxes(n: int) -> dict[str, Tensor]:
        scores = torch.rand(n, generator=generator)
        return {"scores": scores, "labels": torch.arange(n) % 3}

    padded = torch.arange(6) < torch.tensor([6, 1, 0, 3, 5])[:, None]
    border = torch.ones(4, 5, dtype=torch.bool)
    border[:, 0] = False
    onehot = torch.eye(3)[torch.arange(24).view(4, 6) % 3].transpose(1, 2)[..., None]
    images = [boxes(3), boxes(0), boxes(1), boxes(4)]
    make = Prediction
    yield "pixels (5, 3, 4, 5)", _placed(make.segmentation(randn(5, 3, 4, 5)), generator)
    samples = make.segmentation(randn(4, 5, 3, 4, 5), samples=True, mask=border)
    yield "pixels of K = 5 samples, without a border", _placed(samples, generator)
    yield "pixels of one binary map", _placed(make.segmentation(randn(4, 1, 4, 5)), generator)
    independent = make.segmentation(randn(4, 3, 4, 5), multilabel=True)
    yield "pixels of three independent maps", _placed(independent, generator)
    certain = make.segmentation(onehot, kind="probabilities")
    yield "pixels of one-hot probabilities", _placed(certain, generator)
    yield (
        "tokens with padding, one text empty",
        _placed(make.tokens(randn(5, 6, 4), mask=padded), generator),
    )
    yield "tokens of one text", _placed(make.tokens(randn(1, 6, 4)), generator)
    yield "boxes, one image without", _placed(make.detection(images), generator)
    yield "boxes of 3 classes", _placed(make.detection(images, 3), generator)
    yield "images without boxes", _placed(make.detection([boxes(0), boxes(0)]), generator)
    yield "heatmaps (4, 3, 5, 5)", _placed(make.keypoints(randn(4, 3, 5, 5)), generator)
    labels = make(randn(6, 4), task="multilabel")
    yield "independent labels (6, 4)", _placed(labels, generator)
    depths = make.segmentation(randn(4, 3, 1, 4, 5), kind="values", samples=True)
    yield "a number per pixel, K = 3", _placed(depths, generator)
    corners = {"boxes": 9 * torch.arange(5)[:, None] + torch.tensor([0, 0, 8, 8])}
    sampled = [[boxes(5) | corners for _ in range(3)] for _ in range(4)]
    yield "boxes of K = 3 samples", _placed(make.detection(sampled, samples=True), generator)


def _placed(prediction: Prediction, generator: torch.Generator) -> Prediction:
    n = len(prediction)
    ids = torch.randperm(10 * n, generator=generator)[:n]
    return replace(prediction, ids=ids, features=torch.randn(n, 2, generator=generator))


def ranked_predictions(kind: OutputKind) -> Iterator[tuple[str, Prediction]]:
    """Samples of four rows: those of the last are undecided, those of each other one certain."""

    def outputs(certain: Tensor, undecided: Tensor) -> Tensor:
        rows = torch.cat([certain, undecided])
        return {"logits": 60 * rows, "log_probabilities": rows.log()}.get(kind, rows)

    for classes in (2, 3):
        rows = outputs(torch.eye(classes), torch.full((1, classes), 1 / classes))
        maps = rows[..., None, None].expand(-1, -1, 2, 2)
        yield (
            f"{classes} classes of pixels",
            _with_features(Prediction.segmentation(maps, kind=kind)),
        )
        steps = rows[:, None].expand(-1, 4, -1)
        yield f"{classes} classes of tokens", _with_features(Prediction.tokens(steps, kind=kind))
    sure = torch.tensor([[0.0], [1.0]]) if kind != "logits" else torch.tensor([[-1.0], [1.0]])
    rows = outputs(sure, torch.tensor([[0.5 if kind != "logits" else 0.0]])).expand(-1, 4)
    yield "four independent labels", _with_features(Prediction(rows, kind=kind, task="multilabel"))
    yield "four keypoints", _with_features(Prediction.keypoints(rows, kind=kind))


def turned_predictions(classes: int) -> tuple[Prediction, Prediction]:
    """Logits of pixels, and the same with the classes in another order."""
    maps = torch.randn(7, classes, 2, 3, generator=torch.Generator().manual_seed(classes))
    one, other = map(Prediction.segmentation, (maps, maps.roll(1, dims=1)))
    return _with_features(one), _with_features(other)


def _with_features(prediction: Prediction) -> Prediction:
    return replace(prediction, features=torch.ones(len(prediction), 2))
