"""Models of a project: by name in its settings, or a strategy of the user's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from alkit.errors import ProjectError, likely
from alkit.features.networks import network_names, of_torchvision, prepared
from alkit.pool import ActiveLearningDataset
from alkit.project.asking import Factory
from alkit.project.samples import Source
from alkit.project.settings import ModelSettings
from alkit.querying import Auto
from alkit.selectors import Given
from alkit.strategies import Strategy

LOGISTIC = "logistic regression"
EPOCHS = 10


class Rows(Dataset[Any]):
    """Rows of features ``(N, D)`` as tensors."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(self.rows[index])

    def __getitems__(self, indices: Sequence[int]) -> list[torch.Tensor]:
        return list(torch.from_numpy(self.rows[np.asarray(indices)]))


class Inputs(Dataset[Any]):
    """Samples of a source as the inputs of a network.

    Args:
        source: the samples.
        names: ``(N,)`` their names.
        transform: function from a sample to an input.
    """

    def __init__(
        self, source: Source, names: Sequence[str], transform: Callable[[Any], Any]
    ) -> None:
        self.source, self.names, self.transform = source, names, transform

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Any:
        return self.transform(self.source.read(self.names[index]))


def is_network(settings: ModelSettings) -> bool:
    """True for a network that is trained on the samples themselves, False for features.

    Raises:
        ProjectError: there is no such model, or it has no such option.
    """
    known = {"C", "class_weight"} if settings.name == LOGISTIC else {"max_epochs"}
    if settings.name != LOGISTIC and settings.name not in network_names():
        names = [LOGISTIC, *network_names()]
        raise ProjectError(
            f'unknown model {settings.name!r}: expected "{LOGISTIC}" or a network of torchvision'
            f"{likely(settings.name, names)}"
        )
    if wrong := sorted(set(settings.options) - known):
        raise ProjectError(
            f"the model {settings.name!r} has no option {wrong[0]!r}: it has {sorted(known)}."
        )
    return settings.name != LOGISTIC


def named(
    settings: ModelSettings, seed: int, features: np.ndarray
) -> tuple[Factory | None, dict[str, Any]]:
    """Function that returns the strategy of a model by name, and the arguments of its ``fit``.

    None for the default strategy of ``Asking``, with its options. A network chooses by ``Auto`` in
    the features ``(N, D)`` of the project, which training does not change.
    """
    if not is_network(settings):
        return None, {}

    def fine_tuned(pool: ActiveLearningDataset) -> Strategy:
        body, _, _ = of_torchvision(settings.name)
        width = body.eval()(pool.view([0], labels=False)[0][None]).shape[1]
        network = nn.Sequential(body.train(), nn.Linear(width, len(pool.classes or ())))
        chosen = Auto(Given(features))
        return Strategy(network, pool, acquisition=chosen, seed=seed, batch_size=16).build()

    return fine_tuned, {"max_epochs": EPOCHS, **settings.options}


def transform_of(settings: ModelSettings) -> Callable[[Any], Any] | None:
    """Function from an image to the input of a network by name; None for features."""
    return prepared if is_network(settings) else None
