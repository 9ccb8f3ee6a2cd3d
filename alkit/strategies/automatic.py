"""Automatic choice, for when it is not known which method to take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from alkit.errors import ConfigurationError
from alkit.features.saved import SUFFIXES
from alkit.pool import ActiveLearningDataset
from alkit.querying import Auto
from alkit.strategies.strategy import Strategy


def auto(
    classifier: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    features: Any = None,
    drawn: float = 0.0,
    **options: Any,
) -> Strategy:
    """Herding in features that training does not change: the default choice; see ``Auto``.

    Args:
        classifier, train_pool: see ``Strategy``.
        features: the features in which samples are compared: a space, an array, the path of a
            ``.npy`` file, a frozen network, its path, or the name of one of torchvision; see
            ``Auto``. ``"layer.path"`` of the network itself is passed to ``Strategy``.
        drawn: share of each query that is drawn with known probabilities, for ``monitor``.
        **options: the options of ``Strategy``.

    Raises:
        ConfigurationError: ``features`` is none of these, or it or ``drawn`` comes with an
            ``acquisition``.
    """
    if isinstance(features, str):
        parts = dict(classifier.named_modules()) if isinstance(classifier, nn.Module) else {}
        if features in parts or ("." in features and not _is_path(features)):
            options, features = {**options, "features": features}, None
    if options.get("acquisition") is None:
        options["acquisition"] = Auto(features, drawn=drawn)
    elif features is not None or drawn:
        raise ConfigurationError(
            f"features= and drawn= are those of Auto, and acquisition={options['acquisition']!r} "
            "is given: pass them to it, acquisition=Auto(features, drawn=...), or leave it out."
        )
    return Strategy(classifier, train_pool, **options)


def _is_path(text: str) -> bool:
    """True for the path of a file, False for that of a layer."""
    return text.endswith((".npy", *SUFFIXES)) or Path(text).name != text or Path(text).is_file()
