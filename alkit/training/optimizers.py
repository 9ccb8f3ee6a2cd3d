"""Optimizers as recipes: the parameters are passed later, at each use.

    optimizer = al.Adam(lr=1e-3).schedule(StepLR, step_size=10)

A recipe holds no parameters and no state, so one recipe can serve any number of networks.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable
from typing import Any, Self, cast

import torch

from alkit.errors import ConfigurationError, likely

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "as_optimizer"]

Make = Callable[..., torch.optim.Optimizer]


class Optimizer:
    """Recipe for a torch optimizer: `Optimizer(torch.optim.NAdam, lr=1e-3)`.

    Args:
        makes: torch optimizer class, or any callable from parameters to an optimizer.
        kwargs: arguments of `makes` other than the parameters.

    Raises:
        ConfigurationError: an argument that `makes` does not have or does not accept.
    """

    def __init__(self, makes: Make, **kwargs: object) -> None:
        self.makes = makes
        self.kwargs = _checked(makes, kwargs)
        self._schedule: tuple[Callable[..., Any], dict[str, Any], dict[str, Any]] | None = None

    def configure(self, **kwargs: object) -> Self:
        """Change arguments in place; optimizers that exist already stay as they are."""
        self.kwargs = _checked(self.makes, self.kwargs | kwargs)
        return self

    def new(self) -> Self:
        """Return an independent copy of the recipe."""
        return copy.deepcopy(self)

    def schedule(
        self,
        makes: Callable[..., Any],
        *,
        interval: str = "epoch",
        monitor: str | None = None,
        **kwargs: object,
    ) -> Self:
        """Return a new recipe with a learning-rate schedule: `schedule(StepLR, step_size=10)`.

        Args:
            makes: class from `torch.optim.lr_scheduler`.
            interval: unit of the schedule's steps, "epoch" or "step".
            monitor: name of the logged value that `ReduceLROnPlateau` watches.
            kwargs: arguments of `makes` other than the optimizer.
        """
        if interval not in ("epoch", "step"):
            raise ConfigurationError(f'interval must be "epoch" or "step", got {interval!r}.')
        _check_names(makes, kwargs)
        recipe = self.new()
        when = {"interval": interval} | ({"monitor": monitor} if monitor else {})
        recipe._schedule = (makes, kwargs, when)
        if isinstance(self.makes, type):
            _try(makes, lambda: makes(recipe.create([torch.zeros(1)]), **kwargs))
        return recipe

    def create(self, params: Iterable[Any]) -> torch.optim.Optimizer:
        """Create a torch optimizer for `params`: parameters or parameter groups, as in torch."""
        return self.makes(params, **self.kwargs)

    def configure_optimizers(self, params: Iterable[Any]) -> Any:
        """Result for Lightning's `configure_optimizers`: the optimizer with its schedule."""
        optimizer = self.create(params)
        if self._schedule is None:
            return optimizer
        makes, kwargs, when = self._schedule
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": makes(optimizer, **kwargs)} | when,
        }

    def __repr__(self) -> str:
        named = [f"{name}={value!r}" for name, value in self.kwargs.items()]
        if type(self) is Optimizer:
            named.insert(0, getattr(self.makes, "__name__", repr(self.makes)))
        text = f"{type(self).__name__}({', '.join(named)})"
        if self._schedule is not None:
            makes, kwargs, when = self._schedule
            parts = [f"{name}={value!r}" for name, value in (kwargs | when).items()]
            text += f".schedule({', '.join([getattr(makes, '__name__', repr(makes)), *parts])})"
        return text


class Adam(Optimizer):
    """`torch.optim.Adam`, with its defaults: lr 0.001, betas (0.9, 0.999), weight_decay 0.

    Kingma and Ba, "Adam: a method for stochastic optimization", 2015 (arXiv:1412.6980).
    """

    def __init__(self, lr: float = 1e-3, **kwargs: object) -> None:
        super().__init__(torch.optim.Adam, lr=lr, **kwargs)


class AdamW(Optimizer):
    """`torch.optim.AdamW`, with its defaults: lr 0.001, betas (0.9, 0.999), weight_decay 0.01.

    Loshchilov and Hutter, "Decoupled weight decay regularization", 2019 (arXiv:1711.05101).
    """

    def __init__(self, lr: float = 1e-3, **kwargs: object) -> None:
        super().__init__(torch.optim.AdamW, lr=lr, **kwargs)


class SGD(Optimizer):
    """`torch.optim.SGD`, with its defaults: lr 0.001, momentum 0, weight_decay 0."""

    def __init__(self, lr: float = 1e-3, **kwargs: object) -> None:
        super().__init__(torch.optim.SGD, lr=lr, **kwargs)


class RMSprop(Optimizer):
    """`torch.optim.RMSprop`, with its defaults: lr 0.01, alpha 0.99, momentum 0."""

    def __init__(self, lr: float = 1e-2, **kwargs: object) -> None:
        super().__init__(torch.optim.RMSprop, lr=lr, **kwargs)


def as_optimizer(value: object) -> Optimizer:
    """Convert `value` to a recipe: a recipe, a torch class, or a function of the parameters.

    Raises:
        ConfigurationError: an existing torch optimizer, whose parameters and moments belong to one
            network.
    """
    if isinstance(value, Optimizer):
        return value
    if isinstance(value, torch.optim.Optimizer) or not callable(value):
        raise ConfigurationError(
            f"An optimizer must be a recipe such as al.Adam(lr=1e-3), a torch class, or a "
            f"function from parameters to an optimizer, got {type(value).__name__}."
        )
    return Optimizer(cast(Make, value))


def _checked(makes: Make, kwargs: dict[str, Any]) -> dict[str, Any]:
    _check_names(makes, kwargs)
    if isinstance(makes, type):
        _try(makes, lambda: makes([torch.zeros(1)], **kwargs))
    return kwargs


def _check_names(makes: Callable[..., Any], kwargs: dict[str, Any]) -> None:
    """Check that each name is an argument, except the first one, which is passed at creation."""
    _, *parameters = inspect.signature(makes).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return
    names = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]
    for name in kwargs:
        if name not in names:
            raise ConfigurationError(
                f"{makes.__name__} has no argument {name!r}{likely(name, names)}"
            )


def _try(makes: Callable[..., Any], create: Callable[[], object]) -> None:
    """Let torch check the values, on a dummy parameter."""
    try:
        create()
    except (ValueError, TypeError, RuntimeError) as error:
        raise ConfigurationError(f"{makes.__name__}: {error}") from error
