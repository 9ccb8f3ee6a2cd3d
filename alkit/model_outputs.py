"""The tensor to use in what a foreign model returns: its logits, or the features of a layer."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from alkit.errors import ModelOutputError

LOGITS = ("logits", "out")  # Hugging Face's models; torchvision's segmentation models
FEATURES = ("pooler_output", "last_hidden_state")  # Hugging Face's encoders


def logits_of(output: object) -> Tensor:
    """The outputs in what a model returned.

    A tensor is taken as it is; of an object or a dict, ``logits`` (Hugging Face) or ``out``
    (torchvision's segmentation); of any other tuple or list, the first part.

    Raises:
        ModelOutputError: none of these is a tensor; the message lists what was returned.
    """
    return _tensor(
        output,
        LOGITS,
        "expected the model to return a tensor, or a tensor under "
        f"{' or '.join(map(repr, LOGITS))}, or first in a tuple",
        'declare the boxes of a detector by outputs="detection"; otherwise wrap the model so that '
        "it returns only its outputs",
    )


def features_of(output: object) -> Tensor:
    """The features ``(N, ...)`` in what a layer returned, by the names of Hugging Face's encoders.

    Of a dict of maps ``(N, D, H, W)``, as torchvision's backbones return, the last and deepest.

    Raises:
        ModelOutputError: there is no such tensor; the message lists what was returned.
    """
    if isinstance(output, Mapping) and output and all(map(_is_map, output.values())):
        return list(output.values())[-1]
    return _tensor(
        output,
        FEATURES,
        "expected the layer of the features to return a tensor, or a tensor under "
        f"{' or '.join(map(repr, FEATURES))}, or first in a tuple",
        "name another layer, or wrap the network in one that returns a tensor",
    )


def _tensor(output: object, names: tuple[str, ...], expected: str, do: str) -> Tensor:
    if isinstance(output, Tensor):
        return output
    for name in names:
        value = output.get(name) if isinstance(output, Mapping) else getattr(output, name, None)
        if isinstance(value, Tensor):
            return value
    if isinstance(output, tuple | list) and output:
        first = output[0]
        if isinstance(first, Tensor) and first.ndim:  # a scalar is a loss
            return first
    raise ModelOutputError(f"{expected}, got {_listed(output)}; {do}.")


def _is_map(value: object) -> bool:
    return isinstance(value, Tensor) and value.ndim == 4


def _listed(output: object) -> str:
    """Type of an output, with its parts: ``dict with loss, hidden``, ``tuple of str, Tensor``."""
    name = type(output).__name__
    if isinstance(output, Mapping):
        return f"{name} with {', '.join(map(repr, output)) or 'nothing in it'}"
    if isinstance(output, tuple | list):
        return f"{name} of {', '.join(map(_kind, output)) or 'nothing'}"
    return name


def _kind(part: object) -> str:
    return f"Tensor {tuple(part.shape)}" if isinstance(part, Tensor) else type(part).__name__
