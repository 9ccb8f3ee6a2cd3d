"""Predictor: inputs from batches, and predictions from a model's outputs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch.utilities import move_data_to_device
from torch import Tensor, nn

from alkit.blocks import MCDropout, MultiLayerPerceptron, Sequential
from alkit.blocks.posterior.sampled import mean_of_samples
from alkit.errors import ConfigurationError, ModelOutputError, PredictionError
from alkit.eval_mode import evaluating
from alkit.prediction import KINDS, OutputKind, Prediction
from alkit.training.precision import as_weights

Inputs = str | int | Callable[[Any], Any] | None


class Predictor:
    """Predictions of a model for samples without labels, batch by batch.

    Args:
        inputs: the model's input in a batch: the key of a dict, the position in a tuple, or a
            function of the batch; None if the batch is the input.
        outputs: the declared kind of the model's outputs; None if it is not declared.
        features: path of the submodule whose output is the features. Default: the input of the
            last part of the module's ``model``, if that is a Sequential or MultiLayerPerceptron,
            inside an MCDropout or not. Within an MCDropout, features are the mean over its samples.
        head: path of the submodule from features to logits. Default: that last part.
    """

    def __init__(
        self,
        inputs: Inputs,
        outputs: OutputKind | None,
        features: str | None,
        head: str | None = None,
    ) -> None:
        if outputs is not None and outputs not in KINDS:
            raise ConfigurationError(f"outputs must be one of {', '.join(KINDS)}, got {outputs!r}.")
        self.inputs = inputs
        self.outputs: OutputKind | None = outputs
        self.features = features
        self.head = head

    def head_of(self, module: nn.Module) -> Callable[[Tensor], Tensor] | None:
        """Function from features to logits, in eval mode on their device; None if there is none."""
        path = self.head or _last_parts(module)[1]
        if path is None:
            return None
        part = _part(module, "head", path)

        def head(features: Tensor) -> Tensor:
            with evaluating(part, features.device):
                return part(features)

        return head

    def features_of(self, module: nn.Module) -> str | None:
        """Path of the part whose output is the features; None if there is none."""
        return self.features or _last_parts(module)[0]

    def predictions(
        self, module: nn.Module, loader: Iterable[Any], device: torch.device
    ) -> Generator[Prediction, None, None]:
        """Yield one Prediction per batch of ``(ids, inputs)``, without gradients.

        Modes and weights are restored when the generator ends or is closed. Memory: one batch.
        """
        cast = as_weights(module)
        with evaluating(module, device), torch.no_grad(), self._captured(module) as captured:
            for ids, batch in loader:
                outputs = module(self._input(cast(move_data_to_device(batch, device))))
                features = mean_of_samples(captured, len(ids)) if captured else None
                captured.clear()
                yield self._prediction(outputs, ids, features)

    def _input(self, batch: object) -> object:
        if isinstance(batch, Mapping):
            if callable(self.inputs):
                return self.inputs(batch)
            if self.inputs not in batch:
                raise ConfigurationError(
                    f"inputs={self.inputs!r} does not name the model's input among "
                    f'{", ".join(map(repr, batch))}: pass inputs="key", or a function of the '
                    "batch."
                )
            return batch[self.inputs]
        if isinstance(self.inputs, str):
            raise ConfigurationError(
                f"inputs={self.inputs!r} is a key, but the items of this pool are not dicts."
            )
        # for (x, y) items, a batch without labels is a tuple of one
        return batch if self.inputs is None else self._from_tuple((batch,))

    def _from_tuple(self, batch: tuple[object]) -> object:
        if callable(self.inputs):
            return self.inputs(batch)
        if self.inputs != 0:
            raise ConfigurationError(
                f"inputs={self.inputs!r}: the input of (x, y) items is at position 0; anything "
                "else is their label."
            )
        return batch[0]

    def _prediction(self, outputs: object, ids: Tensor, features: Tensor | None) -> Prediction:
        if not isinstance(outputs, Tensor):
            raise ModelOutputError(
                "expected the model to return one tensor (N, C) or (N, K, C), got "
                f"{type(outputs).__name__}; wrap the model so that it returns only its outputs."
            )
        if outputs.ndim == 1:
            outputs = outputs[:, None]
        if len(outputs) != len(ids):
            raise ModelOutputError(
                f"expected one row of outputs per sample, {len(ids)}, "
                f"got outputs of shape {tuple(outputs.shape)}."
            )
        if self.outputs is None and _look_like_probabilities(outputs):
            raise PredictionError(
                "The kind of the outputs was not declared, and each row is non-negative and sums "
                'to one. Declare outputs="probabilities" (or "logits" if they are logits).'
            )
        return Prediction(outputs, ids, self.outputs or "logits", features)

    @contextmanager
    def _captured(self, module: nn.Module) -> Iterator[list[Tensor]]:
        captured: list[Tensor] = []
        path = self.features_of(module)
        if path is None:
            yield captured
            return
        layer = _part(module, "features", path)
        sampled = any(isinstance(part, MCDropout) for part in module.modules())

        def capture(_part: nn.Module, _inputs: object, output: Tensor) -> None:
            if not sampled:
                captured.clear()  # keep the last output of a layer that is called several times
            captured.append(output.flatten(1))

        hook = layer.register_forward_hook(capture)
        try:
            yield captured
        finally:
            hook.remove()


def _part(module: nn.Module, argument: str, path: str) -> nn.Module:
    try:
        return module.get_submodule(path)
    except AttributeError as error:
        names = ", ".join(name for name, _ in module.named_modules() if name)
        raise ConfigurationError(
            f"{argument}={path!r} is not a layer of the model; it has {names}."
        ) from error


def _last_parts(module: nn.Module) -> tuple[str, str] | tuple[None, None]:
    """Paths of the second to last part, which outputs the features, and of the last, the head."""
    model, path = getattr(module, "model", None), "model"
    if isinstance(model, MCDropout):
        model, path = model.model, "model.model"
    if isinstance(model, MultiLayerPerceptron):
        model, path = model.blocks, f"{path}.blocks"
    elif not isinstance(model, Sequential | nn.Sequential):
        return None, None
    names = [name for name, _ in model.named_children()]
    if len(names) < 2 or not list(model.get_submodule(names[-1]).parameters()):
        return None, None  # a part without weights is not a head
    return f"{path}.{names[-2]}", f"{path}.{names[-1]}"


def _look_like_probabilities(outputs: Tensor) -> bool:
    outputs = outputs.float()
    if outputs.shape[-1] < 2 or len(outputs) < 2 or (outputs < 0).any():
        return False
    return bool(((outputs.sum(-1) - 1).abs() < 1e-4).all())
