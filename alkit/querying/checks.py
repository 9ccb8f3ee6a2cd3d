"""Checks of the arguments of a strategy, and of the picks of its query."""

from __future__ import annotations

from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.utilities.model_helpers import is_overridden

from alkit.errors import ConfigurationError, PicksError, SampleIndexError
from alkit.pool import ActiveLearningDataset
from alkit.pool.annotations import Indices
from alkit.selectors import Selector
from alkit.selectors.candidates import HOW_TO_GET_FEATURES


def check_arguments(module: object, train_pool: object, val_pool: object, val_share: float) -> None:
    """Raise a ConfigurationError for arguments that do not make a learner."""
    if not isinstance(module, L.LightningModule):
        raise ConfigurationError(
            f"ActiveLearner trains a LightningModule, got {type(module).__name__}. For a plain "
            "network use Strategy(network, train_pool, ...), which brings loss and optimizer."
        )
    for name, pool in (("train_pool", train_pool), ("val_pool", val_pool)):
        if not isinstance(pool, ActiveLearningDataset) and (name, pool) != ("val_pool", None):
            raise ConfigurationError(
                f"{name} must be an ActiveLearningDataset, got {type(pool).__name__}: "
                "wrap the dataset, ActiveLearningDataset(dataset)."
            )
    if not 0 < val_share < 1:
        raise ConfigurationError(f"val_share must be between 0 and 1, got {val_share!r}.")


def check_validation(learner: L.LightningModule, val_pool: ActiveLearningDataset | None) -> None:
    """Raise a ConfigurationError if labels for validation would never be used."""
    if val_pool is not None and not is_overridden("validation_step", learner):
        raise ConfigurationError(
            f"{type(learner.module).__name__} has no validation_step, so the labels of val_pool "
            "would be bought for nothing: write one, or give no val_pool."
        )


def check_features(selector: Selector, path: str | None) -> None:
    """Raise a ConfigurationError if features are needed and no part of the model gives them."""
    if path is None and "features" in selector.needs:
        raise ConfigurationError(
            f"{selector!r} needs features of the candidates: {HOW_TO_GET_FEATURES}"
        )


def checked_picks(picks: Indices, n: int, pool: ActiveLearningDataset) -> np.ndarray:
    """Return picks of ``query_strategy`` as exactly n distinct, unannotated dataset indices.

    Raises:
        PicksError: they are anything else.
    """
    try:
        indices = pool.view(picks, labels=False).indices
    except (SampleIndexError, ValueError) as error:
        raise PicksError(f"query_strategy must return distinct dataset indices: {error}") from error
    if len(indices) != n:
        raise PicksError(f"query_strategy must return {n} dataset indices, got {len(indices)}.")
    wrong = indices[~np.isin(indices, pool.unannotated_indices)]
    if wrong.size:
        known = pool.rounds[wrong[0]] >= 0
        state = "is annotated already" if known else "is not of the pool (among=)"
        raise PicksError(
            f"query_strategy returned sample {wrong[0]}, which {state}. "
            "It must return dataset indices, not positions among the unannotated."
        )
    return indices


def class_numbers(labels: list[Any]) -> torch.Tensor:
    """Labels as class numbers ``(A,)``, for selectors that use the annotated classes."""
    numbers = np.asarray(labels)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iub":
        raise ConfigurationError(
            "the selector uses the labels of the annotated samples as class numbers, and the "
            f"labels of this pool are not integers, such as {labels[0]!r}. Pass classes= to the "
            "pool if they are names of classes."
        )
    return torch.from_numpy(numbers.astype(np.int64))
