"""Predictor: inputs from batches, and predictions from a model's outputs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch.utilities import move_data_to_device
from torch import Tensor, nn

from alkit.blocks import MCDropout, MultiLayerPerceptron, Sequential
from alkit.blocks.posterior import gives_samples, mean_of_samples
from alkit.errors import ConfigurationError, ModelOutputError
from alkit.eval_mode import evaluating
from alkit.model_outputs import features_of
from alkit.prediction import Prediction
from alkit.querying.meaning import Meaning
from alkit.querying.tokens import MASK, mask_of
from alkit.training import Application
from alkit.training.batches import INPUTS, Inputs, Places
from alkit.training.calls import output_for, place_of
from alkit.training.precision import as_weights


class Predictor:
    """Predictions of a model for samples without labels, batch by batch.

    Args:
        inputs: the model's input in a batch: the key of a dict, the position in a tuple, or a
            function of the batch; None if the batch is the input. Or ``Places``, which also hold
            what the pool declares.
        meaning: kind and task of the model's outputs.
        features: path of the submodule whose output is the features, in the module or in the
            network that it was made of. Default: the input of the last part of the module's
            ``model``, if that is a Sequential or MultiLayerPerceptron, inside an MCDropout or not.
            Within an MCDropout, features are the mean over its samples.
        head: path of the submodule from features to logits. Default: that last part.
    """

    def __init__(
        self,
        inputs: Inputs | Places,
        meaning: Meaning,
        features: str | None,
        head: str | None = None,
    ) -> None:
        self.places = inputs if isinstance(inputs, Places) else Places(inputs)
        self.meaning = meaning
        self.features = features
        self.head = head

    def masks(self, module: nn.Module) -> tuple[str | int, ...]:
        """Places of the mask that batches of different lengths need; none if it is not read there.

        Its key in a dict, and in a tuple the position of the parameter of ``forward``.
        """
        if self.meaning.task != "tokens" or self.meaning.read or callable(self.places.inputs):
            return ()
        place = place_of(module, MASK)
        return (MASK,) if place is None else (MASK, place)

    def head_of(self, module: nn.Module) -> Callable[[Tensor], Tensor] | None:
        """Function from features to logits, in eval mode on their device; None if there is none."""
        path = self.head or _last_parts(module)[1]
        return None if path is None else Head(_part(module, "head", path))

    def features_of(self, module: nn.Module) -> str | None:
        """Path of the part whose output is the features; None if there is none."""
        return self.features or _last_parts(module)[0]

    def predictions(
        self,
        module: nn.Module,
        loader: Iterable[Any],
        device: torch.device,
        sampled: nn.Module | None = None,
    ) -> Generator[Prediction, None, None]:
        """Yield one Prediction per batch of ``(ids, inputs)``, without gradients.

        Modes and weights are restored when the generator ends or is closed. Memory: one batch.

        Args:
            module: the module, which paths of layers refer to.
            loader: batches without labels.
            device: the device to predict on.
            sampled: what is called in place of the module, such as an MCDropout around it.
        """
        called = module if sampled is None else sampled
        samples, width, cast = gives_samples(called), None, as_weights(module)
        capturing, place = self._captured(module, called), place_of(module, MASK)
        with evaluating(called, device), torch.no_grad(), capturing as captured:
            for ids, batch in loader:
                batch = cast(move_data_to_device(batch, device))
                x = self._input(module, batch)
                outputs = output_for(called, x)
                features = mean_of_samples(captured, len(ids)) if captured else None
                captured.clear()
                prediction = self.meaning.prediction(
                    outputs, ids, features, samples=samples, x=x, mask=mask_of(place, x, batch)
                )
                width = _same_width(prediction.features, width)
                del outputs  # rows of pixels are a copy of them
                yield prediction
                del prediction

    def _input(self, module: nn.Module, batch: object) -> object:
        common = INPUTS if isinstance(module, Application) else ()
        return self.places.input_of(batch, module, common)

    @contextmanager
    def _captured(self, module: nn.Module, called: nn.Module) -> Iterator[list[Tensor]]:
        captured: list[Tensor] = []
        path = self.features_of(module)
        if path is None:
            yield captured
            return
        layer = _part(module, "features", path)
        sampled = any(isinstance(part, MCDropout) for part in called.modules())

        def capture(_part: nn.Module, _inputs: object, output: object) -> None:
            if not sampled:
                captured.clear()  # keep the last output of a layer that is called several times
            captured.append(features_of(output))

        hook = layer.register_forward_hook(capture)
        try:
            yield captured
        finally:
            hook.remove()


class Head:
    """A part of a model as a function from features to logits, in eval mode on their device."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __call__(self, features: Tensor) -> Tensor:
        with evaluating(self.module, features.device):
            return self.module(features)


def _part(module: nn.Module, argument: str, path: str) -> nn.Module:
    """A part of a module, by its path in the module or in the network that it was made of."""
    for start in ("", "model.", "model.model."):  # a classifier, and an MCDropout in it
        try:
            return module.get_submodule(start + path)
        except AttributeError:
            continue
    names = ", ".join(name for name, _ in module.named_modules() if name)
    raise ConfigurationError(f"{argument}={path!r} is not a layer of the model; it has {names}.")


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


def _same_width(features: Tensor | None, width: int | None) -> int | None:
    """Width of the features, which must be that of earlier batches."""
    if features is None or width in (None, features.shape[1]):
        return None if features is None else features.shape[1]
    raise ModelOutputError(
        f"features= names a layer whose width changes from batch to batch, {width} and then "
        f"{features.shape[1]}: its output for padded inputs is (N, T, D). Name a layer that "
        "returns (N, D), such as the pooled output, or return 'attention_mask' (N, T) in the "
        "batch, and the tokens that count are averaged."
    )
