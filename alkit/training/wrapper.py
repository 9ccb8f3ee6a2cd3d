"""A LightningModule that stands for another one before a Trainer."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import lightning as L
from lightning.pytorch.core.hooks import CheckpointHooks, DataHooks, ModelHooks

_STEPS = """
    training_step validation_step test_step predict_step backward configure_optimizers
    configure_gradient_clipping lr_scheduler_step optimizer_step optimizer_zero_grad
""".split()  # noqa: SIM905


class Wrapper(L.LightningModule):
    """Stands for ``self.module``, another LightningModule, unchanged, before a Trainer.

    The hooks and steps of Lightning are those of the module inside, which optimizes and logs as
    if the Trainer had been given it; what it does not override counts as not overridden here.
    A subclass overrides what it does differently, and may call ``super()``. The data loaders are
    the subclass's.
    """

    module: L.LightningModule
    _hook: str | None = None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    @property
    def automatic_optimization(self) -> bool:
        """False where this module, or the one inside, optimizes by hand."""
        return self._automatic_optimization and self.module.automatic_optimization

    @automatic_optimization.setter
    def automatic_optimization(self, automatic_optimization: bool) -> None:
        self._automatic_optimization = automatic_optimization

    @property
    def _current_fx_name(self) -> str | None:  # type: ignore[override]
        """The hook that runs now, which ``log`` asks for; the module inside is told as well."""
        return self._hook

    @_current_fx_name.setter
    def _current_fx_name(self, name: str | None) -> None:
        self.__dict__["_hook"] = name
        if "module" in self._modules:
            self.module.__dict__["_current_fx_name"] = name  # a Block would look for an edit

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_current_fx_name":  # set twice a hook, some fifty times a step
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)


_HOOKS = [
    name
    for hooks in (ModelHooks, DataHooks, CheckpointHooks)
    for name in vars(hooks)
    if not name.startswith("_") and not name.endswith("_dataloader")
]
for _name in (*_STEPS, *_HOOKS):
    setattr(Wrapper, _name, property(attrgetter(f"module.{_name}")))
