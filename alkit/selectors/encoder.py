"""Encoders of ``Frozen``: networks, their files, names of networks, and transformers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from torch import nn

from alkit.errors import ConfigurationError, FeaturesError


def as_encoder(encoder: nn.Module | str | os.PathLike[str] | Any) -> Any:
    """The encoder, as an absolute path where it is one; names of networks have no dot or slash.

    Raises:
        ConfigurationError: it is not an encoder.
        FeaturesError: there is no such file.
    """
    named = isinstance(encoder, str) and encoder.isidentifier()
    if isinstance(encoder, str | os.PathLike) and not named:
        path = Path(encoder)
        if path.is_file():
            return path.absolute()
        raise FeaturesError(
            f"there is no file {str(path)!r}: expected a network that is saved by torch.jit.save "
            'or torch.export.save, or the name of one of torchvision, such as "resnet18". A layer '
            "of the strategy's own network is Features(), with features= of the strategy."
        )
    transforms = callable(getattr(encoder, "transform", None)) and not isinstance(encoder, type)
    if not isinstance(encoder, nn.Module | str) and not transforms:
        raise ConfigurationError(
            "Frozen takes a network, its path, the name of one of torchvision, or an object with "
            f"fit and transform, got {encoder!r:.80}. For an array, use Given(array)."
        )
    return encoder
