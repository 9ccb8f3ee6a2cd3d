"""InitialWeights: a block with a training, that can return to the weights of its first build."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn

from alkit.blocks import Block
from alkit.errors import ConfigurationError
from alkit.training.precision import give_back

if TYPE_CHECKING:  # a Block that is trained on a pool
    from alkit.training.on_pool import TrainedOnPool

    class _Base(Block, TrainedOnPool):
        def dry_run(self) -> None: ...
else:
    _Base = object


class InitialWeights(_Base):
    """Building of ``self.module``, and ``reset_model``, for a Block that is ``TrainedOnPool``."""

    _ready_made: bool = False  # built without a call of build()

    def build(self) -> Self:
        """Build the model in place, and keep its weights for ``reset_model``. Returns self.

        Training changes the module that was passed in. One that another strategy has trained is
        first put back to the weights that it had before, with a warning, and the other strategy
        can no longer be used: pass ``copy.deepcopy(module)`` to keep both.

        If the module has no unbuilt parts, the learner is built from the start; its first call of
        ``build`` then does nothing.

        Raises:
            BuiltError: it is built already.
        """
        if self._ready_made:
            self._ready_made = False
            return self
        super().build()
        self._set_widths()
        self.weights_from.restore(self.module)
        self.keep_initial_weights()
        return self

    def build_if_ready_made(self) -> None:
        """Build this if the module has no unbuilt parts, as an ordinary LightningModule."""
        parts = self.module.modules()
        if all(part._built for part in parts if isinstance(part, Block)):
            self.build()
            self._ready_made = True

    def new(self) -> Self:
        """Return an unbuilt copy over the same pools and data, with a new history.

        Modules that came with their weights keep those, without what training changed.
        """
        twin = super().new()
        twin._ready_made = False
        if self.initial_weights is not None:
            twin.module.load_state_dict(self.initial_weights, strict=False)
        twin.forget_training()
        twin._ready_made = False
        return twin

    def reset_model(self, *, redraw: bool = False) -> Self:
        """Restore the weights that the model was built with, whatever happened since.

        The next fit starts with new optimizers. Returns self.

        Args:
            redraw: True to build the model again instead, with weights from torch's generator;
                modules that came with their weights keep those. A later plain ``reset_model()``
                restores the weights of the first build.

        Raises:
            UnbuiltError: the model was never built.
            ConfigurationError: ``redraw`` of a module without alkit Blocks.
        """
        self.check_built("reset")
        weights = self._redrawn() if redraw else self.initial_weights or {}
        initial = self.initial_weights or {}
        tensors = {name: value for name, value in initial.items() if isinstance(value, Tensor)}
        give_back(self.module, {name: value.dtype for name, value in tensors.items()})
        self.module.load_state_dict(weights)
        for name, parameter in self.module.named_parameters():
            parameter.requires_grad_((self.learned or {}).get(name, parameter.requires_grad))
        self.learned = None
        (self.weights_from.begin if redraw else self.weights_from.end)(self.module)
        self._optimizers_are_new = True
        return self

    def keep_initial_weights(self) -> None:
        """Keep the present weights as those that ``reset_model`` restores."""
        self._set_widths()
        state = self.module.state_dict()
        self.initial_weights = {name: _copied(value) for name, value in state.items()}
        self.weights_from.remember(self.module, self.initial_weights)

    @property
    def trained(self) -> bool:
        """True if the weights differ from those that the model was built with."""
        initial: dict[str, Tensor] = self.initial_weights or {}
        return not all(
            name in initial and _equal(value, initial[name])
            for name, value in self.module.state_dict().items()
        )

    def _set_widths(self) -> None:
        if any(isinstance(p, nn.UninitializedParameter) for p in self.module.parameters()):
            self.dry_run()

    def _redrawn(self) -> dict[str, Any]:
        twin = self.new()
        came = len(list(twin.module.parameters()))
        weights = twin.build().module.state_dict()
        if came == len(list(twin.module.parameters())):
            raise ConfigurationError(
                f"No part of {type(self.module).__name__} is an alkit Block, so there is nothing "
                "to draw again; make a new module for each trial instead."
            )
        return weights


def _copied(value: Any) -> Any:
    """Copy of a weight on the CPU, or of a module's extra state."""
    return value.detach().cpu().clone() if isinstance(value, Tensor) else copy.deepcopy(value)


def _equal(value: Any, other: Any) -> bool:
    return torch.equal(value.cpu(), other) if isinstance(value, Tensor) else value == other
