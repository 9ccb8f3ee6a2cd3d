"""Ensemble: networks of the same kind, each with its own initial weights and batches."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import combinations
from typing import Any, TypeVar

import torch
from torch import nn

from alkit.arguments import check_integer
from alkit.blocks.block import Block
from alkit.blocks.construction import blocks_below, initialize
from alkit.blocks.containers import LayerList
from alkit.blocks.layer import Layer
from alkit.blocks.posterior.network import check_network
from alkit.blocks.posterior.stacked import stacked
from alkit.errors import ConfigurationError

M = TypeVar("M", bound=nn.Module)


class Ensemble(Block):
    """M networks, each with its own initial weights; outputs ``(N, M, C)`` in eval mode.

    In training the members take turns: each call, and so each optimizer step, belongs to one
    member, on a batch that no other member sees. The others get no gradient, so Adam and SGD
    leave them unchanged. Each member therefore learns from its own order of the data, and
    ``fit(max_steps=S)`` makes S gradient steps in total, as for a single network: S / M per
    member. Use M times the steps to train each member as long as a single network; a
    learning-rate schedule covers the total.

        strategy = al.Strategy(al.Ensemble(net, members=5), pool, al.BALD()).build()

    Paper: Lakshminarayanan, Pritzel & Blundell 2017, "Simple and scalable predictive uncertainty
    estimation using deep ensembles", section 2.4; as a committee, Beluch et al. 2018, "The power
    of ensembles for active learning in image classification".

    Cost: a training step costs the same as for one network; a prediction is M forward passes.

    Args:
        model: a block, which every member builds separately, or an ``nn.Module``. Each member
            redraws the module's weights with the ``reset_parameters`` of its layers when the
            ensemble is built, so trained weights are lost. To keep them, pass the members as a
            list of modules.
        members: number of members M; for a list, its length.

    Raises:
        ConfigurationError: the model is not a module, there are fewer than two members, the
            weights of a module cannot be redrawn, or members share weights.
    """

    posterior_samples = True  # outputs (N, K, C) in eval mode

    def __init__(self, model: nn.Module | Sequence[nn.Module], members: int | None = None) -> None:
        super().__init__()
        check_network("Ensemble", model, several=True)
        count = members
        if count is None:
            count = 5 if isinstance(model, nn.Module) else len(model)
        count = check_integer("members", count, 2)
        parts: list[nn.Module]
        if isinstance(model, nn.Module):
            parts = [_recipe(model) for _ in range(count)]
        elif len(model) != count:
            raise ConfigurationError(f"Got {len(model)} modules for {count} members.")
        else:
            parts = list(model)
        self.members = LayerList(*parts)
        self.register_buffer("turn", torch.zeros((), dtype=torch.int64))
        self._checked = False
        for one, other in combinations(parts, 2):
            shared = {id(p) for p in one.parameters()} & {id(p) for p in other.parameters()}
            if one is other or shared:
                raise ConfigurationError(
                    "Two members are the same module or share parameters. Create one module per "
                    "member: [Net() for _ in range(5)]."
                )

    @property
    def passes_to(self) -> nn.Module:
        """A module whose ``forward`` has the arguments of this one."""
        return self.members[0]

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """One member's output in training; ``(N, M, C)`` in eval mode."""
        if not self._checked:
            check_weights([*self.members])
            self._checked = True
        if self.training:
            member = self.members[int(self.turn) % len(self.members)]
            self.turn += 1
            return member(*inputs, **named)
        outputs = [member(*inputs, **named) for member in self.members]
        return stacked(outputs, self.members[0], "Ensemble")


def check_weights(members: Sequence[nn.Module]) -> None:
    """Raise if members have equal weights that are not constant: copied, not drawn."""
    for one, other in combinations(members, 2):
        theirs = dict(other.named_parameters())
        for name, weight in one.named_parameters():
            twin = theirs.get(name)
            same = twin is not None and weight.requires_grad and torch.equal(weight, twin)
            if same and weight.numel() > 1 and bool(weight.min() < weight.max()):
                raise ConfigurationError(
                    f"Members have the same weights in {name!r}, so they start identical. "
                    "Make that part a recipe, al.Layer(Class, ...), pass a list of modules "
                    "with different weights, or freeze it: requires_grad_(False)."
                )


def _recipe(model: nn.Module) -> Block:
    return model.new() if isinstance(model, Block) else Layer(redrawn, model)


def redrawn(model: M) -> M:
    """A copy of a module whose layers have redrawn their weights from torch's generator.

    Blocks draw those that they make, built or not, with their initializers.

    Raises:
        ConfigurationError: a layer has weights but no ``reset_parameters``.
    """
    twin = copy.deepcopy(model)
    for name, layer in twin.named_modules():
        own = [
            part for part, weight in layer.named_parameters(recurse=False) if weight.requires_grad
        ]
        reset = getattr(layer, "reset_parameters", None) or getattr(
            layer, "_reset_parameters", None
        )
        if callable(reset):
            reset()
        elif own:
            raise ConfigurationError(
                f"{name or 'The module'} ({type(layer).__name__}) has weights ({', '.join(own)}) "
                "but no reset_parameters to redraw them, so members would share them. Pass the "
                "class, al.Layer(Net, ...), or a list of modules, [Net() for _ in range(5)]."
            )
    blocks = [twin] if isinstance(twin, Block) else [block for _, block in blocks_below(twin)]
    for block in blocks:
        if block._built:
            initialize(block)
    return twin
