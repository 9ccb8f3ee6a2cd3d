"""How a model reads a pool: inputs out of batches, predictions out of outputs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch.utilities import move_data_to_device
from torch import Tensor, nn

from alkit.errors import ConfigurationError, ModelOutputError, PredictionError
from alkit.prediction import KINDS, OutputKind, Prediction

Inputs = str | int | Callable[[Any], Any] | None


class Reader:
    """Turns a model and label-free samples into predictions, chunk by chunk.

    Args:
        inputs: how the model's input comes out of a batch: the key of a dict, the position in a
            tuple, or a function of the batch; None where the batch is the input.
        outputs: the declared kind of the model's outputs; None: not declared by anyone.
        features: path of the submodule whose output is the features, or None.
    """

    def __init__(self, inputs: Inputs, outputs: OutputKind | None, features: str | None) -> None:
        if outputs is not None and outputs not in KINDS:
            raise ConfigurationError(f"outputs must be one of {', '.join(KINDS)}, got {outputs!r}.")
        self.inputs = inputs
        self.outputs: OutputKind | None = outputs
        self.features = features

    def predictions(
        self, module: nn.Module, loader: Iterable[Any], device: torch.device
    ) -> Generator[Prediction, None, None]:
        """One Prediction a batch of ``(ids, inputs)``, without gradients.

        Modes and weights are as they were once the generator ends or is closed.
        Memory: one batch at a time.
        """
        with evaluating(module, device), self._captured(module) as captured:
            for ids, batch in loader:
                outputs = module(self._input(move_data_to_device(batch, device)))
                yield self._prediction(outputs, ids, captured.pop() if captured else None)

    def _input(self, batch: Any) -> Any:
        if isinstance(batch, Mapping):
            if callable(self.inputs):
                return self.inputs(batch)
            if self.inputs not in batch:
                raise ConfigurationError(
                    f"inputs={self.inputs!r} does not say what of {', '.join(map(repr, batch))} "
                    'the model takes; give inputs="key", or a function of the batch.'
                )
            return batch[self.inputs]
        if isinstance(self.inputs, str):
            raise ConfigurationError(
                f"inputs={self.inputs!r} is a key, but the items of this pool are no dicts."
            )
        # where the items are pairs, a batch without its labels is a tuple of one
        return batch if self.inputs is None else self._from_tuple((batch,))

    def _from_tuple(self, batch: tuple[Any]) -> Any:
        if callable(self.inputs):
            return self.inputs(batch)
        if self.inputs != 0:
            raise ConfigurationError(
                f"inputs={self.inputs!r}: the input of (x, y) items stands at position 0; what "
                "else they hold is their label."
            )
        return batch[0]

    def _prediction(self, outputs: Any, ids: Tensor, features: Tensor | None) -> Prediction:
        if not isinstance(outputs, Tensor):
            raise ModelOutputError(
                "expected the model to return one tensor (N, C) or (N, K, C), got "
                f"{type(outputs).__name__}; wrap the model so that it returns its outputs alone."
            )
        if outputs.ndim == 1:
            outputs = outputs[:, None]
        if len(outputs) != len(ids):
            raise ModelOutputError(
                f"expected one row of outputs a sample, {len(ids)}, "
                f"got outputs of shape {tuple(outputs.shape)}."
            )
        if self.outputs is None and _look_like_probabilities(outputs):
            raise PredictionError(
                "The kind of the outputs was not declared, and each row is non-negative and sums "
                'to one. Declare outputs="probabilities" (or "logits", if they are).'
            )
        return Prediction(outputs, ids, self.outputs or "logits", features)

    @contextmanager
    def _captured(self, module: nn.Module) -> Iterator[list[Tensor]]:
        captured: list[Tensor] = []
        if self.features is None:
            yield captured
            return
        try:
            layer = module.get_submodule(self.features)
        except AttributeError as error:
            names = ", ".join(name for name, _ in module.named_modules() if name)
            raise ConfigurationError(
                f"features={self.features!r} is no layer of the model; it has {names}."
            ) from error
        hook = layer.register_forward_hook(lambda *call: captured.append(call[-1].flatten(1)))
        try:
            yield captured
        finally:
            hook.remove()


@contextmanager
def evaluating(module: nn.Module, device: torch.device) -> Iterator[None]:
    """Evaluation mode without gradients on a device; every mode and place is restored."""
    modes = [(part, part.training) for part in module.modules()]
    home = next((p.device for p in module.parameters()), torch.device("cpu"))
    module.eval()
    if device != home:
        module.to(device)
    try:
        with torch.no_grad():
            yield
    finally:
        for part, training in modes:
            part.training = training
        if device != home:
            module.to(home)


def _look_like_probabilities(outputs: Tensor) -> bool:
    outputs = outputs.float()
    if outputs.shape[-1] < 2 or len(outputs) < 2 or (outputs < 0).any():
        return False
    return bool(((outputs.sum(-1) - 1).abs() < 1e-4).all())
