"""Checks of the arguments of a strategy, and of the picks of its query."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from numbers import Integral
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch.utils.data import DataLoader, TensorDataset

from alkit.errors import ConfigurationError, PicksError, SampleIndexError, likely
from alkit.pool import ActiveLearningDataset
from alkit.pool.annotations import Indices
from alkit.pool.labels import class_numbers_of
from alkit.pool.sources import check_dataset
from alkit.prediction import Prediction
from alkit.querying.apart import check_apart
from alkit.selectors import Selector
from alkit.selectors.candidates import HOW_TO_GET_FEATURES
from alkit.selectors.labels import gives_values

_OWN = "Samples are shuffled, in an order that depends on seed= alone."
_OF_STRATEGY = {  # arguments of a DataLoader that are not for loader=
    "dataset": "Its data is that of the pool.",
    "batch_size": "Pass batch_size= (val_batch_size=, test_batch_size=) to it.",
    "shuffle": _OWN,
    "sampler": _OWN,
    "batch_sampler": _OWN,
    "generator": _OWN,
}


def check_arguments(
    module: object, train_pool: object, val_pool: object, val_share: float, val: object = None
) -> None:
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
    if val_pool is not None:
        _check_classes(train_pool, val_pool)
    check_apart(train_pool, val_pool, val)  # type: ignore[arg-type]
    if not isinstance(val_share, int | float) or not 0 < val_share < 1:
        raise ConfigurationError(f"val_share must be between 0 and 1, got {val_share!r}.")


def _check_classes(train_pool: Any, val_pool: Any) -> None:
    """Raise a ConfigurationError if one class number has two meanings."""
    here, there = train_pool.classes, val_pool.classes
    if None not in (here, there) and list(here) != list(there):
        raise ConfigurationError(
            f"val_pool has the classes {list(there)} and train_pool {list(here)}, so one class "
            "number has two meanings: pass the same classes= in the same order."
        )


def check_validation(
    learner: L.LightningModule, val_pool: ActiveLearningDataset | None, val: object
) -> None:
    """Raise a ConfigurationError if data for validation is given twice or would not be used."""
    if val_pool is not None and val is not None:
        raise ConfigurationError(
            "val= is a labeled dataset for validation, val_pool= one whose labels are bought: pass "
            "one of them."
        )
    given = "val" if val_pool is None else "val_pool"
    if (val_pool, val) != (None, None) and not is_overridden("validation_step", learner):
        raise ConfigurationError(
            f"{type(learner.module).__name__} has no validation_step, so {given} would be of no "
            f"use: write one, or pass no {given}."
        )


def check_datasets(**datasets: object) -> None:
    """Raise a ConfigurationError for a validation or test set that is not a labeled dataset."""
    for name, data in datasets.items():
        if isinstance(data, ActiveLearningDataset):
            if len(data.unannotated_indices):
                raise ConfigurationError(
                    f"{name}= needs labeled samples, got a pool with unannotated ones: pass the "
                    f"dataset, or {name}=pool.annotated."
                )
        elif isinstance(data, np.ndarray | torch.Tensor):
            raise ConfigurationError(
                f"{name}= needs samples with labels, got a {type(data).__name__}: pass a dataset "
                "of (x, y), such as TensorDataset(x, y)."
            )
        elif data is not None:
            check_dataset(data, f"{name}=")


def check_options(*, seed: object, features: object, head: object, loader: object) -> None:
    """Raise a ConfigurationError for options of a strategy that could only fail later."""
    whole = isinstance(seed, Integral) and not isinstance(seed, bool)
    if seed is not None and not (whole and int(seed) >= 0):  # type: ignore[call-overload]
        raise ConfigurationError(
            f"seed must be an integer of at least 0, or None for a fresh one, got {seed!r}."
        )
    for name, path in (("features", features), ("head", head)):
        if path is not None and not isinstance(path, str):
            raise ConfigurationError(
                f'{name} must be the path of a layer, such as "model.0", got {path!r}.'
            )
    if loader is None:
        return
    if not isinstance(loader, Mapping):
        raise ConfigurationError(
            'loader must be a dict of arguments of a DataLoader, such as {"num_workers": 2}, got '
            f"{loader!r}."
        )
    known = list(signature(DataLoader).parameters)
    for name in loader:
        if name in _OF_STRATEGY:
            raise ConfigurationError(
                f"loader={{{name!r}: ...}}: the strategy sets it. {_OF_STRATEGY[name]}"
            )
        if name not in known:
            free = [each for each in known if each not in _OF_STRATEGY]
            raise ConfigurationError(
                f"loader: torch's DataLoader has no argument {name!r}{likely(str(name), free)}"
            )
    try:
        DataLoader(TensorDataset(torch.zeros(1)), **loader)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"loader={dict(loader)!r}: {error}") from error


def check_oracle(oracle: object) -> None:
    """Raise a ConfigurationError for an oracle that cannot be asked."""
    if oracle is not None and not callable(oracle):
        raise ConfigurationError(
            "oracle must be a function from the dataset indices of the queried samples to their "
            f"labels, got {type(oracle).__name__}. For labels that you have already, call "
            "pool.annotate(query, labels)."
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
        known = pool.rounds[wrong[0]]
        states = {-1: "exclude= leaves out", -2: "is not of the pool (among=)", -3: "is excluded"}
        state = states.get(int(known), "is annotated already")
        raise PicksError(
            f"query_strategy returned sample {wrong[0]}, which {state}. "
            "It must return dataset indices, not positions among the unannotated."
        )
    return indices


def numbers_of_labels(labels: list[Any], outputs: Prediction | None) -> torch.Tensor:
    """Labels as values ``(A,)`` or ``(A, C)`` if the outputs are values, else as class numbers."""
    if not gives_values(outputs):
        return class_numbers(labels)
    try:
        return torch.from_numpy(np.asarray(labels, np.float64))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            "the selector compares values of the model with the labels of the annotated samples, "
            f"and labels of this pool are not numbers, such as {labels[0]!r}."
        ) from error


def class_numbers(labels: list[Any]) -> torch.Tensor:
    """Labels as class numbers ``(A,)``, for selectors that use the annotated classes.

    Those of two classes may also be 0.0 and 1.0, or lists of one number, as some losses need them.
    """
    numbers = class_numbers_of(labels)
    if numbers is None:
        numbers = _on_or_off(labels)
    if numbers is None:
        raise ConfigurationError(
            "the selector uses the labels of the annotated samples as class numbers, and the "
            f"labels of this pool are not integers, such as {labels[0]!r}. Pass classes= to the "
            "pool if they are names of classes."
        )
    return torch.from_numpy(numbers)


def _on_or_off(labels: list[Any]) -> np.ndarray | None:
    """Labels of a network with one output, ``(A,)`` of 0 and 1; None if they are others."""
    try:
        column = np.asarray(labels).reshape(len(labels))
    except ValueError:  # several numbers per label
        return None
    fits = column.dtype.kind in "iubf" and np.isin(column, (0, 1)).all()
    return column.astype(np.int64) if fits else None
