"""MCDropout: posterior samples of a network from fixed masks of its dropout layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from alkit.arguments import check_integer
from alkit.blocks.block import Block
from alkit.blocks.construction import is_block
from alkit.blocks.posterior.functional import functions_refused, left_off
from alkit.blocks.posterior.masks import (
    Masks,
    check_rows,
    dropouts,
    masked,
    of_channels,
    scale,
    spreading,
    zeroing,
)
from alkit.blocks.posterior.network import check_network
from alkit.blocks.posterior.sampled import Sampled
from alkit.blocks.posterior.stacked import agree_on_every_row, are_boxes, stacked
from alkit.blocks.posterior.thinned import Values, dropped
from alkit.errors import ConfigurationError, warn
from alkit.eval_mode import evaluating
from alkit.model_outputs import logits_of

Inputs = tuple[tuple[Any, ...], dict[str, Any]]  # positional, by name
Drop = Callable[[_DropoutNd, Tensor, list[Tensor]], Tensor]  # layer, its input, K masks

ROWS = 2048
"""Rows times samples held at once on a CPU if the input is one tensor; 8 times as many on other
devices, which are fast only on large chunks."""


class MCDropout(Block):
    """A network whose dropout stays on at prediction: K posterior samples of its output.

    In training mode it is the unchanged model. In eval mode (validation, test, query) the model's
    output ``(N, C)`` becomes ``(N, K, C)``, with one output for each of K sets of masks. A mask is
    a function of ``seed``, the layer, k and the shape of one row of the layer's input, so every
    row, batch and round shares it: sample k is a single thinned network for the whole pool. Only
    the dropout layers are switched on; BatchNorm and everything else stay in eval mode, and the
    global random state is not touched. An application validates and tests with the mean of the
    K samples' probabilities.

        strategy = al.Strategy(al.MCDropout(net, samples=20), pool, al.BALD()).build()

    Paper: Gal & Ghahramani 2016, "Dropout as a Bayesian approximation", section 4; for masks
    held fixed over the pool, Kirsch, van Amersfoort & Gal 2019, "BatchBALD", section 3.

    Cost: parts that do not depend on a dropout are computed once, the rest K times. Before and
    after a dropout of channels, or of the units of a linear layer, only the kept ones are
    computed. Memory: K times that of the part after the first dropout, in chunks of rows. If the
    network contains an operation undefined for K samples at once
    (``alkit.blocks.posterior.sampled``), or if gradients are recorded, it makes K full passes
    with the same results.

    Args:
        model: a block or any ``nn.Module`` with dropout layers. The dropout inside torch's LSTM
            and attention is not sampled; a dropout called as a function raises.
        samples: number of posterior samples K.
        seed: seed of the masks.

    Raises:
        ConfigurationError: there is no dropout layer, none drops at random, none is called, a
            dropout is called as a function, ``F.dropout(x, training=self.training)``, or the
            samples agree on every row although the rows differ.
    """

    posterior_samples = True  # outputs (N, K, C) in eval mode

    def __init__(self, model: nn.Module, samples: int = 20, seed: int = 0) -> None:
        super().__init__()
        check_network("MCDropout", model)
        samples, seed = check_integer("samples", samples), check_integer("seed", seed, 0)
        if any(isinstance(part, MCDropout) for part in model.modules()):
            raise ConfigurationError("This model contains an MCDropout: one of them is enough.")
        self.model = model
        self.samples = samples
        self.seed = seed
        self._at_once = True  # until the network does something unsupported for K samples
        self._no_functions = False  # no dropout is called as a function; checked in the first pass
        self._masks = Masks(seed, samples)
        if all(part._built for part in model.modules() if is_block(part)):
            self.layers()

    def layers(self) -> dict[str, _DropoutNd]:
        """The dropout layers by path.

        Raises:
            ConfigurationError: there is no dropout layer, or none drops at random.
        """
        found = dropouts(self.model)
        if not found:
            raise ConfigurationError(
                f"MCDropout finds no dropout layer in {type(self.model).__name__}. Add nn.Dropout "
                "(or Dropout1d, 2d, 3d, AlphaDropout) where units should be dropped. A call of the "
                "function F.dropout(x, training=self.training) is not detected: make it a layer, "
                "self.dropout = nn.Dropout(p), and call that."
            )
        if not spreading(list(found.values())):
            rates = ", ".join(f"{name}: p={layer.p}" for name, layer in found.items())
            raise ConfigurationError(
                f"No dropout layer of {type(self.model).__name__} drops at random ({rates}), so "
                "all samples would be equal. Give one of them a rate between 0 and 1."
            )
        return found

    @property
    def passes_to(self) -> nn.Module:
        """The module that gets the arguments of ``forward``."""
        return self.model

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """The model's output; ``(N, K, C)`` in eval mode."""
        layers = self.layers()
        if self.training:
            return self.model(*inputs, **named)
        if (self._masks.seed, self._masks.samples) != (self.seed, self.samples):
            self._masks = Masks(self.seed, self.samples)
        # every call of a function is looked at, so only once
        once = nullcontext() if self._no_functions else functions_refused(layers.values())
        if not self._no_functions and (off := left_off(self.model)):
            warn(
                f"MCDropout samples the dropout layers, and leaves off the dropout inside of "
                f"{', '.join(off)}: the posterior samples differ less than in training."
            )
        with evaluating(self.model), once:
            outputs = self._posterior(layers, (inputs, named))
        self._no_functions = True
        if self.samples > 1 and agree_on_every_row(outputs):
            raise ConfigurationError(
                f"The {self.samples} samples of MCDropout agree on every row: its dropout layers "
                "do not affect the output. Place one before layers with weights."
            )
        return outputs

    def _posterior(self, layers: dict[str, _DropoutNd], inputs: Inputs) -> Any:
        if self._at_once and not torch.is_grad_enabled():
            try:
                chunks = _chunks(inputs, self.samples)
                return torch.cat([self._in_one_pass(layers, chunk) for chunk in chunks])
            except ConfigurationError:
                raise
            except Exception:  # a shortcut must not fail where full passes do not
                outputs = self._pass_by_pass(layers, inputs)
                self._at_once = False
                return outputs
        return self._pass_by_pass(layers, inputs)

    def _in_one_pass(self, layers: dict[str, _DropoutNd], inputs: Inputs) -> Tensor:
        output = logits_of(self._output(layers, inputs, _all_samples))
        several = isinstance(output, Sampled)
        return stacked(
            output.held.values() if several else [output] * self.samples, self.model, "MCDropout"
        )

    def _pass_by_pass(self, layers: dict[str, _DropoutNd], inputs: Inputs) -> Any:
        passes = (partial(_one_sample, k) for k in range(self.samples))
        outputs = [self._output(layers, inputs, drop) for drop in passes]
        return stacked(outputs, self.model, "MCDropout")

    def _output(self, layers: dict[str, _DropoutNd], inputs: Inputs, drop: Drop) -> Any:
        with _dropping(layers, self._masks, inputs, drop) as refused:
            output = self.model(*inputs[0], **inputs[1])
        if refused and not are_boxes(output):  # a detector has rows of images or boxes inside
            raise refused[0]
        return output

    def extra_repr(self) -> str:
        return f"samples={self.samples}, seed={self.seed}"


def _chunks(inputs: Inputs, samples: int) -> list[Inputs]:
    """One input in chunks of rows whose samples fit at once; several inputs stay unsplit."""
    (x, *more), named = inputs if inputs[0] else ((None,), inputs[1])
    if more or named or not isinstance(x, Tensor) or not x.ndim:
        return [inputs]
    rows = ROWS if x.device.type == "cpu" else 8 * ROWS
    parts = math.ceil(len(x) / max(1, rows // samples))
    return [((chunk,), {}) for chunk in x.tensor_split(max(1, parts))]


@contextmanager
def _dropping(
    layers: dict[str, _DropoutNd],
    masks: Masks,
    inputs: Inputs,
    drop: Drop,
) -> Iterator[list[ConfigurationError]]:
    """Replace the outputs of dropout layers for one pass; yields errors of misplaced batch axes."""
    x = next(iter((*inputs[0], *inputs[1].values())), None)
    rows = len(x) if isinstance(x, Tensor) and x.ndim else None
    called: list[_DropoutNd] = []
    refused: list[ConfigurationError] = []

    def hook(
        path: str, calls: Iterator[int], layer: _DropoutNd, _: object, x: Tensor
    ) -> Tensor | None:
        called.append(layer)
        if layer.p == 0:
            return None
        try:
            check_rows(layer, path, x, rows)
        except ConfigurationError as error:
            if x.ndim < 2:
                raise
            refused.append(error)
        return drop(layer, x, masks.keep(path, next(calls), layer, x))

    handles = [  # these also keep torch from fusing transformer layers and skipping their dropouts
        layer.register_forward_hook(partial(hook, path, count()), prepend=True)
        for path, layer in layers.items()
    ]
    try:
        yield refused
    finally:
        for handle in handles:
            handle.remove()
    if not spreading(called):
        raise ConfigurationError(
            f"None of the dropout layers {', '.join(layers)} was called in eval mode, so all "
            "samples would be equal. Call one with a rate between 0 and 1 in forward."
        )


def _one_sample(k: int, layer: _DropoutNd, x: Tensor, keep: list[Tensor]) -> Tensor:
    return masked(layer, x, keep[k])


def _all_samples(layer: _DropoutNd, x: Tensor, keep: list[Tensor]) -> Tensor:
    held = x.held if isinstance(x, Sampled) else x
    if zeroing(layer) and (of_channels(layer) or x.ndim == 2):
        channels = dropped(held, keep, scale(layer))
        if channels is not None:
            return Sampled(channels)
    values = [x] * len(keep) if isinstance(held, Tensor) else held.values()
    pairs = zip(values, keep, strict=True)
    return Sampled(Values([masked(layer, value, mask) for value, mask in pairs]))
