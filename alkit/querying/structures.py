"""Structured outputs of a model, as their task declares them: pixels, tokens, boxes, keypoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from torch import Tensor

from alkit.errors import ConfigurationError, ModelOutputError
from alkit.model_outputs import logits_of
from alkit.prediction import Prediction, unchecked

Structure = Literal["segmentation", "tokens", "detection", "keypoints"]
DECLARED: tuple[Structure, ...] = get_args(Structure)

MASK = "attention_mask"  # the name that Hugging Face's tokenizers give it


def structured(
    value: Any, task: Any, kind: Any, independent: bool, *, samples: bool, x: object
) -> Prediction:
    """Prediction from what a model returned, for a task whose samples have several rows.

    Tokens that the batch leaves out by its ``attention_mask`` are left out. Classes of pixels or
    tokens that are trained independently are binary rows.

    Raises:
        ModelOutputError: there is no tensor.
        PredictionError: it does not have the shape of the task.
    """
    if task == "detection":
        return Prediction.detection(value, samples=samples)
    options: dict[str, Any] = {"mask": mask_of(x)} if task == "tokens" else {}
    if task != "keypoints":
        options["multilabel"] = independent
    make = getattr(Prediction, task)
    return make(logits_of(value), kind=kind, samples=samples, **options)


def check_independent(prediction: Prediction, by: str) -> None:
    """Raise if rows are read as exclusive classes, and a loss trains each column by itself.

    Raises:
        ConfigurationError: the rows are those of exclusive classes.
    """
    outputs = prediction.outputs
    if prediction.owners is None or outputs is None or prediction.kind != "logits":
        return
    if outputs.shape[-1] > 1:
        raise ConfigurationError(
            f"the {outputs.shape[-1]} columns of the {prediction.unit} are read as exclusive "
            f"classes, and {by or 'the module'} trains each of them by itself: make the rows with "
            "multilabel=True, or return probabilities that sum to one from outputs=function."
        )


def joined(prediction: Prediction, ids: Tensor, features: Tensor | None, x: object) -> Prediction:
    """A prediction with the ids of its samples, and with the features that were captured."""
    kept = prediction.features
    if features is not None:
        owned = prediction.owners is not None
        kept = pooled(features, prediction, mask_of(x)) if owned else features.flatten(1)
    if kept is not None:
        kept = Prediction(ids=ids, features=kept).features  # checked
    p = prediction
    return unchecked(ids, p.outputs, p.kind, kept, p.task, p.owners, p.normal)


def pooled(features: Tensor, prediction: Prediction, mask: Tensor | None) -> Tensor:
    """Average of a layer's output over its positions, ``(N, D)``.

    Args:
        features: ``(N, D)``, maps ``(N, D, H, W)``, or of tokens ``(N, T, D)``.
        prediction: prediction of the N samples.
        mask: ``(N, T)`` tokens that count.

    Raises:
        ModelOutputError: the output has other axes.
    """
    if features.ndim == 2:
        return features
    if features.ndim in (4, 5):
        return features.flatten(2).mean(2)
    if features.ndim == 3 and prediction.task == "tokens":
        if mask is None or mask.shape != features.shape[:2]:
            return features.mean(1)
        weights = mask.to(features)
        total = (features * weights[..., None]).sum(1)
        return total / weights.sum(1, keepdim=True).clamp_min(1)
    raise ModelOutputError(
        f"features= names a layer that returns {tuple(features.shape)} for {len(prediction)} "
        f"samples of {prediction.unit}: name one that returns (N, D), or maps (N, D, H, W), which "
        "are averaged."
    )


def mask_of(x: object) -> Tensor | None:
    """Mask ``(N, T)`` of the tokens in the input of a model; None if it has none."""
    mask = x.get(MASK) if isinstance(x, Mapping) else None
    return mask if isinstance(mask, Tensor) and mask.ndim == 2 else None


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
