"""Structured outputs of a model, as their task declares them: pixels, tokens, boxes, keypoints."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, get_args

from torch import Tensor, nn

from alkit.errors import (
    ConfigurationError,
    ModelOutputError,
)
from alkit.model_outputs import logits_of
from alkit.pool.boxes import are_boxes
from alkit.pool.labels import plain
from alkit.prediction import COUNTED, Prediction, as_mask, unchecked
from alkit.querying.tokens import MASK

Structure = Literal["segmentation", "tokens", "detection", "keypoints"]
DECLARED: tuple[Structure, ...] = get_args(Structure)


def structured(
    value: Any,
    task: Any,
    kind: Any,
    independent: bool,
    *,
    samples: bool,
    mask: object,
    x: object,
) -> Prediction:
    """Prediction from what a model returned, for a task whose samples have several rows.

    Tokens that the mask leaves out are left out. Classes of pixels or tokens that are trained
    independently are binary rows.

    Raises:
        ModelOutputError: there is no tensor, or the classes of pixels are in the last axis.
        PredictionError: it does not have the shape of the task.
    """
    if task == "detection":
        return Prediction.detection(value, samples=samples)
    options: dict[str, Any] = {"mask": mask} if task == "tokens" else {}
    if task != "keypoints":
        options["multilabel"] = independent
    make, outputs = getattr(Prediction, task), logits_of(value)
    if task == "segmentation":
        _check_places(outputs[:, 0] if samples else outputs, x)
    return make(outputs, kind=kind, samples=samples, **options)


def _check_places(outputs: Tensor, x: object) -> None:
    """Raise a ModelOutputError if the classes of pixels are in the last axis, (N, H, W, C)."""
    if not isinstance(x, Tensor) or x.ndim != 4 or outputs.ndim != 4:
        return
    sizes = (x.shape[2:], x.shape[1:3])  # images (N, D, H, W), or (N, H, W, D)
    if outputs.shape[1:3] in sizes and outputs.shape[2:] not in sizes:
        raise ModelOutputError(
            f"the model returned {tuple(outputs.shape)} for images {tuple(x.shape)}, which looks "
            "like (N, H, W, C), and pixels need (N, C, H, W): outputs=lambda returned: "
            "al.Prediction.segmentation(returned.movedim(-1, 1))."
        )


def check_independent(prediction: Prediction, by: str) -> None:
    """Raise if columns are read as exclusive classes that are independent labels as declared.

    Raises:
        ConfigurationError: the columns are logits of exclusive classes.
    """
    outputs = prediction.outputs
    if outputs is None or outputs.shape[-1] == 1 or prediction.kind != "logits":
        return
    owned = prediction.owners is not None
    if owned or prediction.task not in ("multilabel", "regression"):
        read = f"of the {prediction.unit}" if owned else "of the outputs"
        way = "make the rows with multilabel=True" if owned else 'pass task="multilabel" to it'
        raise ConfigurationError(
            f"outputs=function reads the {outputs.shape[-1]} columns {read} as exclusive classes, "
            f"and {by or 'the module or call'} declares each of them as a label by itself: {way}, "
            "or return probabilities that sum to one."
        )


def check_background(module: nn.Module, labels: Iterable[Any]) -> None:
    """Raise if boxes have the class that a detector of torchvision trains as the background.

    Raises:
        ConfigurationError: a box has the class 0, which two-stage detectors and SSD reserve.
    """
    if not any(map(_reserves_zero, module.modules())):
        return
    if any(are_boxes(label) and 0 in plain(label["labels"]) for label in labels):
        raise ConfigurationError(
            "a box of the annotated samples has the class 0, and this detector of torchvision "
            "trains it as the background: number the classes from 1, or name the background "
            'first, classes=["background", ...].'
        )


def _reserves_zero(part: nn.Module) -> bool:
    owners = [owner for owner in type(part).__mro__ if owner.__name__ in ("RoIHeads", "SSD")]
    return any(owner.__module__.startswith("torchvision.models.detection") for owner in owners)


def check_samples(prediction: Prediction, returned: object) -> None:
    """Raise if a function of the outputs read K posterior samples as columns.

    An average over the samples has a K-th of the numbers that were returned.

    Raises:
        ConfigurationError: the columns are the posterior samples.
    """
    outputs = prediction.outputs
    if outputs is None or not isinstance(returned, Tensor) or returned.ndim < 3:
        return
    K, sampled = returned.shape[1], outputs.shape[1] > (2 if prediction.normal else 1)
    if not sampled and outputs.shape[-1] == K > 1 and outputs.numel() * K > returned.numel():
        raise ConfigurationError(
            f"the model returned {K} posterior samples, {tuple(returned.shape)}, and outputs= read "
            f"them as {K} columns: pass samples=True to the constructor of the Prediction, or let "
            "a word declare the task."
        )


def joined(
    prediction: Prediction, ids: Tensor, features: Tensor | None, mask: object
) -> Prediction:
    """A prediction with the ids of its samples, and with the features that were captured."""
    kept = prediction.features
    if features is not None:
        owned = prediction.owners is not None
        kept = pooled(features, prediction, mask) if owned else vectors(features, mask)
    if kept is not None:
        kept = Prediction(ids=ids, features=kept).features  # checked
    p = prediction
    whole = unchecked(ids, p.outputs, p.kind, kept, p.task, p.owners, p.normal)
    whole.__dict__.update({k: v for k, v in p.__dict__.items() if k == COUNTED})
    return whole


def vectors(features: Tensor, mask: object) -> Tensor:
    """One vector per sample, ``(N, D)``, of a layer's output.

    The average over the tokens that count, if the batch has a mask ``(N, T)`` and the layer
    returns ``(N, T, D)``; otherwise all values.
    """
    shape = tuple(getattr(mask, "shape", ()))
    if features.ndim == 3 and shape == features.shape[:2]:
        return _average(features, as_mask(mask, MASK))
    return features.flatten(1)


def pooled(features: Tensor, prediction: Prediction, mask: object) -> Tensor:
    """Average of a layer's output over its positions, ``(N, D)``.

    Args:
        features: ``(N, D)``, maps ``(N, D, H, W)``, or of tokens ``(N, T, D)``.
        prediction: prediction of the N samples; where it left tokens out, these do not count.
        mask: ``(N, T)`` tokens that count, if the prediction has none.

    Raises:
        ModelOutputError: the output has other axes, or it is not known which places count.
    """
    if features.ndim == 2 and len(features) == len(prediction):
        return features
    if features.ndim in (4, 5):
        return features.flatten(2).mean(2)
    if features.ndim == 3 and prediction.task == "tokens":
        kept = prediction.__dict__.get(COUNTED)
        kept = as_mask(mask, MASK) if kept is None and mask is not None else kept
        places = features.shape[1]
        if kept is None and int(prediction.sizes.min()) >= places:
            return features.mean(1)
        if kept is None or kept.shape != features.shape[:2]:
            raise ModelOutputError(
                f"features= names a layer with {places} places for each text, and which of them "
                "belong to the tokens that count is not known: name a layer with one place per "
                "token, or one that returns (N, D)."
            )
        return _average(features, kept)
    raise ModelOutputError(
        f"features= names a layer that returns {tuple(features.shape)} for {len(prediction)} "
        f"samples of {prediction.unit}: name one that returns (N, D), or maps (N, D, H, W), which "
        "are averaged."
    )


def _average(features: Tensor, mask: Tensor) -> Tensor:
    """Average over the places of a mask ``(N, T)``; 0 where it has none."""
    weights = mask.to(features)
    total = (features * weights[..., None]).sum(1)
    return total / weights.sum(1, keepdim=True).clamp_min(1)
