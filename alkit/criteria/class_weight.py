"""ClassWeight: a weight of the guessed class, larger for classes with few annotations."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alkit.arguments import check_integer
from alkit.criteria.context import Context, as_context
from alkit.criteria.criterion import Criterion
from alkit.errors import ConfigurationError, PredictionError
from alkit.prediction import Prediction


class ClassWeight(Criterion):
    """``(n + C) / (n_c + 1)`` for the guessed class c, at least 1: large for rare classes.

    n_c is the number of annotations of a class, n that of all: of samples, or of the boxes, pixels
    or tokens in their labels. Each query of a strategy counts them anew. The guess is the class
    with the highest mean probability, never a further column, "none of these" of boxes.

        al.Each(al.Margin() * al.Margin() * al.criteria.ClassWeight(4), "sum")

    Paper: Brust, Käding & Denzler 2019, "Active learning for deep object detection".
    Cost: O(N K C), and a reading of all annotated labels per query.

    Args:
        num_classes: number of classes C; labels are ``0 .. C - 1``.
        counts: annotations of each class, ``(C,)``. Default: counted before each query, in labels
            that are class numbers, arrays of these, or dicts with ``"labels"``. Negative numbers
            of pixels or tokens, which a loss ignores, do not count.

    Raises:
        ConfigurationError: the arguments do not fit; in a query, labels are not class numbers.
    """

    def __init__(self, num_classes: int, counts: Sequence[int] | None = None) -> None:
        self.num_classes = check_integer("num_classes", num_classes)
        self.counts = None if counts is None else [check_integer("counts", n, 0) for n in counts]
        if self.counts is not None and len(self.counts) != self.num_classes:
            raise ConfigurationError(
                f"counts must be {self.num_classes} numbers, one for each class, got {counts!r}."
            )

    def score(self, prediction: Prediction) -> Tensor:
        if self.counts is None:
            raise ConfigurationError(
                f"{self!r} has no counts yet: give it to a Strategy, which counts the labels "
                "before each query, or give them, ClassWeight(num_classes, counts)."
            )
        p = prediction.mean_probabilities
        if p.shape[1] - self.num_classes not in (0, 1):
            raise PredictionError(
                f"{self!r} needs {self.num_classes} columns of class probabilities (and one for "
                f'"none of these" of boxes), got {p.shape[1]}. Of a detector, declare the classes: '
                "outputs=lambda found: al.Prediction.detection(found, num_classes)."
            )
        n = torch.tensor(self.counts, dtype=p.dtype, device=p.device)
        weights = (n.sum() + self.num_classes) / (n + 1)
        return weights[p[:, : self.num_classes].argmax(1)]

    def at(self, context: Context) -> Criterion:
        if self.counts is not None:
            return self
        counted = copy.copy(self)
        counts = np.zeros(self.num_classes, dtype=np.int64)
        for label in as_context(context).labels():
            counts += self._counts_in(label)
        counted.counts = counts.tolist()
        return counted

    def _counts_in(self, label: Any) -> np.ndarray:
        held = label.get("labels") if isinstance(label, Mapping) else label
        values = np.asarray(held)
        classes = values.reshape(-1)
        if values.dtype.kind == "i" and values.ndim and held is label:
            classes = classes[classes >= 0]  # pixels and tokens that the loss ignores
        if not len(classes):
            return np.zeros(self.num_classes, dtype=np.int64)
        known = classes.dtype.kind in "iub" and classes.min() >= 0
        if not known or classes.max() >= self.num_classes:
            raise ConfigurationError(
                f"{self!r} counts labels that are class numbers 0 .. {self.num_classes - 1}, "
                f"arrays of these, or dicts with 'labels', got {label!r:.100}."
            )
        return np.bincount(classes.astype(np.int64), minlength=self.num_classes)

    def __repr__(self) -> str:
        return f"ClassWeight({self.num_classes})"
