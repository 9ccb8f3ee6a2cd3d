"""Labels of the annotated samples, compared with the outputs of a classifier before a fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from alkit.errors import ConfigurationError, LabelError
from alkit.pool import ActiveLearningDataset
from alkit.pool.labels import plain
from alkit.training.application import Application
from alkit.training.losses import CLASS_LOSSES, wrong_targets
from alkit.training.pairing import check_pairing

PARTLY = "Partly measured labels need a loss of your own."


def check_at_first_outputs(module: nn.Module, pool: ActiveLearningDataset) -> None:
    """Let an ``Application`` with a loss of classes check the labels of a pool at its first batch.

    A loss of the user's own is checked to compare each output with its target (``check_pairing``).
    Torch would report a class that the network does not have without the sample, in the middle of
    the training, on a GPU in a way that ends the process. Labels that are arrays are left to it.
    Cost: a comparison of the annotated labels per fit. Those of the dataset are known since they
    were annotated; those of a restored pool are read once.

    Raises:
        ConfigurationError: a loss of exclusive classes, and the strategy declares labels.
    """
    if not isinstance(module, Application):
        return
    task = getattr(getattr(module._predictor, "meaning", None), "task", None)
    if task == "multilabel" and isinstance(module.loss, CLASS_LOSSES):
        raise ConfigurationError(
            f'task="multilabel" is declared, and {type(module.loss).__name__} trains exclusive '
            "classes: pass a loss that trains each label, such as loss=nn.BCEWithLogitsLoss()."
        )
    if isinstance(module.loss, nn.GaussianNLLLoss):
        raise ConfigurationError(
            "GaussianNLLLoss takes mean, target and variance: pass a function, loss=lambda "
            "returned, y: nn.functional.gaussian_nll_loss(returned[0], y, returned[1]), and "
            "outputs=lambda returned: al.Prediction.regression(*returned)."
        )
    checks: list[Callable[..., None]] = [partial(check_targets, pool, module.loss)]
    if type(module).compute_loss is Application.compute_loss:
        meaning = getattr(module._predictor, "meaning", None)
        values = "values" in (module.outputs, getattr(meaning, "kind", None))
        checks.append(once(partial(check_pairing, module.loss, values=values)))
    module.first_targets = partial(all_of, checks)
    if isinstance(module.loss, CLASS_LOSSES):
        ignored = getattr(module.loss, "ignore_index", None)
        module.first_outputs = partial(check_classes, pool, ignored)


def all_of(checks: Iterable[Callable[..., None]], *batch: object) -> None:
    """Call several checks of a batch."""
    for check in checks:
        check(*batch)


def once(check: Callable[..., None]) -> Callable[..., None]:
    """The check, for the first call alone."""
    left = [check]
    return lambda *batch: left.pop()(*batch) if left else None


def check_no_more(module: nn.Module) -> None:
    """Forget the check of a fit that never called ``step_loss``."""
    if isinstance(module, Application):
        module.first_outputs = module.first_targets = None


def check_classes(pool: ActiveLearningDataset, ignored: int | None, outputs: object) -> None:
    """Compare the annotated labels with outputs ``(B, C)`` or ``(B, C, ...)``.

    Raises:
        LabelError: the network has no output for a label; the message names the sample.
    """
    if not isinstance(outputs, Tensor) or outputs.ndim < 2:
        return
    classes = outputs.shape[1]
    for index, label in pool._known.values(pool._labels.read):
        if type(label) is int and 0 <= label < classes and outputs.ndim == 2:
            continue
        _check(index, label, classes, outputs.ndim, ignored)


def check_targets(
    pool: ActiveLearningDataset, loss: object, targets: object, outputs: object = None
) -> None:
    """Raise for targets that a loss of torch would learn from without a word.

    Raises:
        LabelError: targets outside of [0, 1] for labels that are on or off, probabilities that do
            not sum to one, class numbers of pixels that the outputs do not have, or values that
            are not finite; the message names the sample.
    """
    dense = isinstance(outputs, Tensor) and outputs.ndim > 2
    classes = outputs.shape[1] if isinstance(outputs, Tensor) and dense else None
    problem = wrong_targets(loss, targets, classes)
    if problem is None:
        return
    for index in pool.annotated_indices.tolist():
        label = pool._labels.read(index)
        if wrong_targets(loss, torch.as_tensor(label)[None], classes) is not None:
            raise LabelError(
                f"the label of sample {index} is {plain(label)!r:.200}, and "
                f"{type(loss).__name__} takes {problem}. "
                + ("Correct it by pool.relabel." if classes else PARTLY)
            )


def _check(index: int, label: Any, classes: int, ndim: int, ignored: int | None) -> None:
    values = np.asarray(label)
    where = f"the label of sample {index} is {label!r:.200}"
    if values.dtype.kind in "OUS":
        raise LabelError(
            f"{where}, and the loss needs class numbers: 0, 1, ... for the outputs of the network "
            "in their order."
        )
    if values.shape == (classes,) and ndim == 2:
        if values.dtype.kind == "f":
            return  # probabilities
        raise LabelError(
            f"{where}, and the loss needs one class number, or floating-point probabilities of the "
            "classes. For a one-hot vector give its position, y.argmax()."
        )
    if values.dtype.kind == "f":
        if values.ndim == ndim - 1 > 1:
            return  # probabilities of each position
        raise LabelError(
            f"{where}, and the loss needs class numbers: convert the labels to integers, y.long(), "
            "or use a loss for numbers, such as nn.MSELoss()."
        )
    wrong = values[((values < 0) | (values >= classes)) & (values != ignored)]
    if wrong.size:
        raise LabelError(
            f"sample {index} has the class {wrong.flat[0]}, and the network has {classes} outputs, "
            f"for the classes 0 to {classes - 1}: give its last layer one output per class, or "
            "correct the label with pool.relabel."
        )


def explained(error: Exception, learner: object) -> LabelError | None:
    """The error of a loss in a LightningModule as one that names the sample, if a label caused it.

    Args:
        error: what torch raised.
        learner: the strategy whose module was trained.
    """
    pool = getattr(learner, "train_pool", None)
    if not isinstance(pool, ActiveLearningDataset):
        return None
    labels = pool._known.values(pool._labels.read)
    beyond = re.search(r"Target (-?\d+) is out of bounds", str(error))
    if isinstance(error, IndexError) and beyond:
        wrong = int(beyond[1])
        for index, label in labels:
            if label == wrong:
                return LabelError(
                    f"sample {index} has the class {wrong}, and the network has no output for it: "
                    "give its last layer one output per class, or correct the label with "
                    "pool.relabel."
                )
    index, label = next(labels, (0, None))
    if isinstance(error, TypeError) and isinstance(label, str):
        return LabelError(
            f"the label of sample {index} is {label!r}, and the loss takes numbers: declare the "
            "names of the classes, ActiveLearningDataset(dataset, classes=[...])."
        )
    if isinstance(error, RuntimeError) and isinstance(label, float) and "Long" in str(error):
        return LabelError(
            f"the label of sample {index} is {label!r}, and the loss takes class numbers: convert "
            "the labels to integers, y.long()."
        )
    return None
