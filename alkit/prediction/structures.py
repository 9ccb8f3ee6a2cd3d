"""Predictions of structured outputs: pixels, tokens, boxes, keypoints and numbers, made rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from alkit.errors import PredictionError
from alkit.prediction.checks import checked_ids, numbers_of
from alkit.prediction.matching import rows_of_images
from alkit.prediction.probabilities import OutputKind
from alkit.prediction.regular import mask_of, regular, with_samples

if TYPE_CHECKING:
    from alkit.prediction.prediction import Prediction


class Structures:
    """Constructors of a Prediction from what a model of a structured task returns.

    Each makes one row per pixel, token, box or keypoint, with the sample that owns it. Rows that
    a mask leaves out are never scored. Memory: the rows are a copy of the outputs.
    """

    @classmethod
    def segmentation(
        cls: type[Any],
        outputs: Any,
        *,
        mask: Any = None,
        kind: OutputKind | None = None,
        multilabel: bool = False,
        samples: bool = False,
        ids: Any = None,
    ) -> Prediction:
        """Prediction of a class for each pixel or voxel.

        Args:
            outputs: ``(N, C, H, W)`` or ``(N, C, D, H, W)``; C = 1 is one binary map.
            mask: True where a pixel counts, ``(N, H, W)`` or ``(H, W)``. Default: everywhere.
            kind: kind of the outputs; ``"values"`` for a number per pixel, such as a depth.
            multilabel: True if the C maps are independent, each a yes or no.
            samples: True if the outputs have K posterior samples, ``(N, K, C, H, W)``.
            ids: ``(N,)`` dataset indices. Default: ``0 .. N - 1``.

        Raises:
            PredictionError: the shapes are others, or do not fit.
        """
        maps = with_samples("segmentation", outputs, "C, H, W", (3, 4), samples)
        rows = maps.flatten(3).permute(0, 3, 1, 2)  # (N, S, K, C)
        kept = mask_of(mask, (len(maps), *maps.shape[3:]), maps.device)
        return regular(cls, rows, kept, ids, kind, "segmentation", multilabel=multilabel)

    @classmethod
    def tokens(
        cls: type[Any],
        outputs: Any,
        *,
        mask: Any = None,
        kind: OutputKind | None = None,
        multilabel: bool = False,
        samples: bool = False,
        ids: Any = None,
    ) -> Prediction:
        """Prediction of a class for each token, position or time step.

        Args:
            outputs: ``(N, T, C)``.
            mask: True, or 1, where a token counts, ``(N, T)``, such as ``attention_mask``.
                Default: everywhere, padding included.
            kind, multilabel, samples, ids: as for ``segmentation``; posterior samples are
                ``(N, K, T, C)``.

        Raises:
            PredictionError: the shapes are others, or do not fit.
        """
        steps = with_samples("tokens", outputs, "T, C", (2,), samples)
        kept = mask_of(mask, (len(steps), steps.shape[2]), steps.device)
        rows = steps.transpose(1, 2)
        return regular(cls, rows, kept, ids, kind, "tokens", multilabel=multilabel)

    @classmethod
    def keypoints(
        cls: type[Any],
        outputs: Any,
        *,
        mask: Any = None,
        kind: OutputKind | None = None,
        samples: bool = False,
        ids: Any = None,
    ) -> Prediction:
        """Prediction of the place of each keypoint, or of its presence.

        Args:
            outputs: heatmaps ``(N, P, H, W)``, where a keypoint is one of H W places (softmax over
                the places); or scores ``(N, P)``, where each keypoint is there or is not.
            mask: True where a keypoint counts, ``(N, P)``. Default: all.
            kind, samples, ids: as for ``segmentation``; posterior samples are
                ``(N, K, P, H, W)`` or ``(N, K, P)``.

        Raises:
            PredictionError: the shapes are others, or do not fit.
        """
        maps = with_samples("keypoints", outputs, "P, H, W", (1, 3), samples)
        rows = maps[..., None] if maps.ndim == 3 else maps.flatten(3)
        kept = mask_of(mask, (len(maps), maps.shape[2]), maps.device)
        return regular(cls, rows.transpose(1, 2), kept, ids, kind, "keypoints")

    @classmethod
    def detection(
        cls: type[Any],
        boxes: Sequence[Any],
        num_classes: int | None = None,
        *,
        threshold: float = 0.0,
        samples: bool = False,
        iou: float = 0.5,
        ids: Any = None,
    ) -> Prediction:
        """Prediction of boxes, one row each; an image without boxes has no rows.

        A row has the class probabilities of its box, if the detector returns them. Otherwise it
        has the probability that the label of the box is right, its score: one binary column; with
        ``num_classes``, C + 1 columns, the score in that of its label and the rest in the last
        one, "none of these". Uncertainty is the same in both forms.

        Boxes of K posterior samples are matched by their overlap: a row is an object, with K
        probabilities, and a sample without a box for it counts as "none of these" (Miller et al.
        2019, "Evaluating merging strategies for sampling-based uncertainty techniques in object
        detection"). A binary row is the probability of the label of its most certain box.

        Args:
            boxes: one dict per image, as torchvision's detectors return in eval mode: ``"scores"``
                ``(m,)``, and ``"labels"`` ``(m,)`` or ``"probabilities"`` ``(m, C)``.
            num_classes: number of classes C; labels are ``0 .. C - 1``.
            threshold: lowest score of a box that counts.
            samples: True if there are K posterior samples: a list of K dicts per image, which
                also have ``"boxes"`` ``(m, 4)``, the corners.
            iou: smallest overlap, intersection over union, of the boxes of one object.
            ids: ``(N,)`` dataset indices. Default: ``0 .. N - 1``.

        Raises:
            PredictionError: not a list of such dicts.
        """
        parts = rows_of_images(boxes, num_classes, threshold, iou if samples else None)
        device = next((part.device for part in parts), torch.device("cpu"))
        sizes = torch.tensor([len(part) for part in parts], dtype=torch.long, device=device)
        rows = torch.cat(parts) if parts else torch.empty(0, 1, 1)
        owners = torch.arange(len(parts), device=device).repeat_interleave(sizes)
        return cls(rows, checked_ids(ids, len(parts)), "probabilities", None, "detection", owners)

    @classmethod
    def regression(
        cls: type[Any],
        mean: Any,
        variance: Any = None,
        *,
        samples: bool = False,
        ids: Any = None,
    ) -> Prediction:
        """Prediction of one or several numbers, with their variance if the model returns it.

        A normal distribution stands as its two points ``mean - sd`` and ``mean + sd``, which have
        its mean and variance; so ``Variance()`` is the variance of the whole mixture, the mean of
        the variances plus the variance of the means.

        Args:
            mean: ``(N,)`` or ``(N, C)``; with ``samples``, ``(N, K, C)``.
            variance: variances of the same shape, at least 0. Default: K samples alone.
            samples: True if there are K posterior samples.
            ids: ``(N,)`` dataset indices. Default: ``0 .. N - 1``.

        Raises:
            PredictionError: the shapes do not fit, or a variance is negative.
        """
        values = numbers_of(mean, "mean")
        if values.ndim not in ((3,) if samples else (1, 2)):
            form = "(N, K, C), with samples=True," if samples else "(N,) or (N, C)"
            raise PredictionError(f"mean must be {form} got {tuple(values.shape)}.")
        values = values if samples else values.reshape(len(values), 1, -1)
        if variance is not None:
            spread = numbers_of(variance, "variance").to(values.device)
            long = [[n for n in x.shape if n != 1] for x in (spread, values)]
            if long[0] != long[1] or (spread < 0).any():
                raise PredictionError(
                    f"variance must be numbers of at least 0 in the shape of the mean, got "
                    f"{tuple(spread.shape)}: exponentiate a logarithm of it first."
                )
            exact = values.double()  # in float32, mean + sd may be equal to the mean
            spread = spread.reshape(values.shape).double().sqrt()
            values = torch.cat([exact - spread, exact + spread], 1)
        return cls(values, ids, "values", normal=variance is not None)
