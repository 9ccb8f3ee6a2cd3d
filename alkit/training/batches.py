"""Batches from a loader, and targets in the form that a loss needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from alkit.errors import ConfigurationError, LabelError, ModelOutputError, ShapeError
from alkit.training.calls import by_name

Inputs = str | int | Callable[[Any], Any] | None

INPUTS = ("x", "image", "input")
LABELS = ("y", "label", "target", "labels")


@dataclass(frozen=True)
class Places:
    """Places of input and label in a batch, for training, scoring and tests alike.

    Args:
        inputs: declaration of the strategy, which precedes that of the pool: the key of a dict,
            the position in a tuple, or a function of the batch without its labels.
        input_key, label_key: keys of the pool's dict items, where they are declared.
    """

    inputs: Inputs = None
    input_key: str | None = None
    label_key: str | None = None

    def split(self, batch: object, module: nn.Module | None = None) -> tuple[Any, Any]:
        """Inputs and targets of a batch for a ``module`` of alkit; no targets are None.

        If nothing is declared, a dict is read by the parameters of the module's ``forward``, else
        by the common names "x", "image" or "input" and "y", "label", "target" or "labels".

        Raises:
            ModelOutputError, ConfigurationError: the batch does not have its input there.
        """
        if isinstance(batch, Mapping):
            key = self.label_in(batch)
            inputs = {name: value for name, value in batch.items() if name != key}
            return self.input_of(inputs, module, INPUTS), batch.get(key)
        if not isinstance(batch, tuple | list):
            return self.input_of(batch), None
        if len(batch) not in (1, 2):
            raise ModelOutputError(
                f"A batch is (x, y), x alone, or a dict; got {len(batch)} parts. Let the dataset "
                "return x and y, or override training_step."
            )
        x, y = batch[0], batch[1] if len(batch) == 2 else None
        whole = isinstance(x, Mapping) and self.inputs is None and self.input_key is None
        return x if whole else self.input_of(x), y

    def label_in(self, item: Mapping[Any, Any]) -> str | None:
        """Key of the label in a dict item or batch; None if it has none."""
        keys = (self.label_key, *LABELS)
        return next((key for key in keys if key is not None and key in item), None)

    def label_of(self, item: Any) -> Any:
        """Label of an item or batch, a pair or a dict; None if it has none."""
        if isinstance(item, Mapping):
            key = self.label_in(item)
            return None if key is None else item[key]
        return item[1] if isinstance(item, tuple | list) and len(item) == 2 else None

    def input_of(
        self, batch: object, module: nn.Module | None = None, common: tuple[str, ...] = ()
    ) -> Any:
        """Input of a module in a batch without labels, for ``output_for(module, x)``.

        Args:
            batch: inputs of some samples.
            module: the module; a dict is read by the parameters of its ``forward`` if nothing is
                declared.
            common: keys to try after these.

        Raises:
            ConfigurationError: the batch has no such key or position.
            ModelOutputError: nothing is declared, and no common key is in the batch.
        """
        if callable(self.inputs):
            # for (x, y) items, a batch without labels is a tuple of one
            return self.inputs(batch if isinstance(batch, Mapping) else (batch,))
        if not isinstance(batch, Mapping):
            return self._at_its_position(batch)
        key = self.input_key if self.inputs is None else self.inputs
        if key is None:
            named = None if module is None else by_name(module, batch)
            if named is not None:
                return named
            key = next((key for key in common if key in batch), None)
        if key is not None and key in batch:
            return batch[key]
        if key is None and common:
            raise ModelOutputError(
                'A dict batch needs its input under "x", "image" or "input" (and its target under '
                '"y", "label", "target" or "labels"), or under the names of the parameters of '
                f"forward; got {', '.join(map(repr, batch))}. Use these names, declare them, "
                "ActiveLearningDataset(dataset, input_key=, label_key=), or override training_step."
            )
        argument = "input_key" if self.inputs is None and key is not None else "inputs"
        raise ConfigurationError(
            f"{argument}={key!r} does not name the model's input among "
            f"{', '.join(map(repr, batch))}, and they are not the parameters of its forward: pass "
            'inputs="key", or a function of the batch that returns the input, a tuple or a dict.'
        )

    def _at_its_position(self, batch: object) -> object:
        if isinstance(self.inputs, str):
            raise ConfigurationError(
                f"inputs={self.inputs!r} is a key, but the items of this pool are not dicts."
            )
        if self.inputs not in (None, 0):
            raise ConfigurationError(
                f"inputs={self.inputs!r}: the input of (x, y) items is at position 0; anything "
                "else is their label."
            )
        return batch


UNDECLARED = Places()


def split_batch(batch: object) -> tuple[Any, Any]:
    """Inputs and targets of a batch by their common names; the targets are None if it has none."""
    return UNDECLARED.split(batch)


def as_classes(y_hat: object, y: object) -> object:
    """Classes as long (N,); class probabilities, which are floating-point, stay as they are.

    Raises:
        LabelError: the targets are text.
    """
    if isinstance(y, list | tuple) and y and isinstance(y[0], str):
        raise LabelError(
            f"the targets are text, such as {y[0]!r}, and the loss needs class numbers: 0, 1, ... "
            "for the outputs of the network in their order."
        )
    if not isinstance(y, Tensor) or not isinstance(y_hat, Tensor) or y.is_floating_point():
        return y
    return (y.squeeze(1) if y.ndim == y_hat.ndim > 1 and y.shape[1] == 1 else y).long()


def as_values(y_hat: object, y: object) -> object:
    """Targets in the shape and dtype of the outputs; only axes of length 1 may differ."""
    if not isinstance(y, Tensor) or not isinstance(y_hat, Tensor):
        return y
    if [n for n in y.shape if n != 1] != [n for n in y_hat.shape if n != 1]:
        raise ShapeError(
            f"The model returned {tuple(y_hat.shape)} for targets {tuple(y.shape)}: an "
            "elementwise loss needs equal shapes. Change the last layer, reshape the targets, or "
            "override targets() of the application."
        )
    y = y.reshape(y_hat.shape)
    half = y_hat.dtype in (torch.float16, torch.bfloat16)
    return y if half and y.is_floating_point() else y.to(y_hat.dtype)  # 1e5 does not fit in float16
