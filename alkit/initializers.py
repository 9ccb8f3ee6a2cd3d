"""Initializers that fill the weights of a network when it is built.

    net.initialize(al.initializers.Kaiming())

An initializer is a callable that takes one module. It fills the modules it targets and leaves all
others unchanged. All draw from torch's global generator, as torch's own constructors do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from alkit.arguments import check_number, meant
from alkit.errors import ConfigurationError, warn

__all__ = ["Constant", "Initializer", "Kaiming", "Normal", "Xavier"]

Targets = type[nn.Module] | tuple[type[nn.Module], ...]
LINEAR: Targets = (nn.Linear, nn.Bilinear, _ConvNd)
NORM: Targets = (_NormBase, nn.LayerNorm, nn.GroupNorm)


class Initializer(ABC):
    """Base class of initializers; fills weight and bias of modules of the classes `targets`.

    Args:
        targets: the class or classes of the modules to fill.
    """

    def __init__(self, targets: Targets = LINEAR) -> None:
        kinds = targets if isinstance(targets, tuple) else (targets,)
        if not all(isinstance(kind, type | tuple) for kind in kinds):
            raise ConfigurationError(
                f"targets must be a class of modules, or a tuple of them, got {targets!r}."
            )
        self.targets = targets

    def __call__(self, module: nn.Module) -> bool:
        """Fill `module` itself, not its children; return whether there was anything to fill."""
        if not isinstance(module, self.targets):
            return False
        weight, bias = module._parameters.get("weight"), module._parameters.get("bias")
        with torch.no_grad():
            if weight is not None:
                self.fill_weight(weight)
            if bias is not None:
                self.fill_bias(bias)
        return weight is not None or bias is not None

    @abstractmethod
    def fill_weight(self, weight: torch.Tensor) -> None:
        """Fill the weight of one module, in place."""

    def fill_bias(self, bias: torch.Tensor) -> None:
        """Fill the bias of one module, in place; zero by default."""
        bias.zero_()

    def __repr__(self) -> str:
        settings = {name: value for name, value in vars(self).items() if name != "targets"}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in settings.items())})"


class Kaiming(Initializer):
    """Normal weights with variance gain^2 / fan and zero biases; for networks with ReLUs.

    He et al., "Delving Deep into Rectifiers", 2015 (arXiv:1502.01852).

    Args:
        mode: "fan_in" keeps the variance of the forward pass, "fan_out" of the backward pass.
        nonlinearity: the function after the layer, a name `torch.nn.init.calculate_gain` accepts.
        targets: module classes to fill; by default linear and convolutional layers. Never
            normalizations, whose weights are vectors.
    """

    def __init__(
        self, mode: str = "fan_in", nonlinearity: str = "relu", targets: Targets = LINEAR
    ) -> None:
        super().__init__(targets)
        if mode not in ("fan_in", "fan_out"):
            raise ConfigurationError(f'mode must be "fan_in" or "fan_out", got {mode!r}.')
        try:
            nn.init.calculate_gain(nonlinearity)  # type: ignore[arg-type]
        except (TypeError, ValueError) as error:
            raise ConfigurationError(
                'nonlinearity must be a name that torch.nn.init knows, such as "relu", '
                f"got {nonlinearity!r}."
            ) from error
        self.mode, self.nonlinearity = mode, nonlinearity

    def fill_weight(self, weight: torch.Tensor) -> None:
        nn.init.kaiming_normal_(weight, mode=self.mode, nonlinearity=self.nonlinearity)  # type: ignore[arg-type]


class Xavier(Initializer):
    """Normal weights with variance 2 gain^2 / (fan_in + fan_out) and zero biases.

    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010.

    Args:
        gain: factor of the standard deviation.
        targets: module classes to fill; by default linear and convolutional layers.
    """

    def __init__(self, gain: float = 1.0, targets: Targets = LINEAR) -> None:
        super().__init__(targets)
        check_number("gain", gain, "a number above 0", lambda gain: gain > 0)
        self.gain = gain

    def fill_weight(self, weight: torch.Tensor) -> None:
        nn.init.xavier_normal_(weight, gain=self.gain)


class Normal(Initializer):
    """Normal weights with the given mean and standard deviation, and zero biases.

    Args:
        mean, std: mean and standard deviation of the weights.
        targets: module classes to fill; by default linear and convolutional layers.
    """

    def __init__(self, mean: float = 0.0, std: float = 1.0, targets: Targets = LINEAR) -> None:
        super().__init__(targets)
        check_number("mean", mean, "a number", lambda mean: True)
        check_number("std", std, "a number of at least 0", lambda std: std >= 0)
        self.mean, self.std = mean, std

    def fill_weight(self, weight: torch.Tensor) -> None:
        weight.normal_(self.mean, self.std)


class Constant(Initializer):
    """Constant weights and biases: every weight is `weight`, every bias is `bias`.

    Args:
        weight, bias: the two values.
        targets: module classes to fill; by default linear and convolutional layers and
            normalizations.
    """

    def __init__(
        self, weight: float = 1.0, bias: float = 0.0, targets: Targets = (*LINEAR, *NORM)
    ) -> None:
        super().__init__(targets)
        check_number("weight", weight, "a number", lambda weight: True)
        check_number("bias", bias, "a number", lambda bias: True)
        self.weight, self.bias = weight, bias

    def fill_weight(self, weight: torch.Tensor) -> None:
        weight.fill_(self.weight)

    def fill_bias(self, bias: torch.Tensor) -> None:
        bias.fill_(self.bias)


def as_initializer(initializer: Callable[[nn.Module], object]) -> Callable[[nn.Module], object]:
    """Return an initializer; a ConfigurationError if it cannot be called on a module."""
    if isinstance(initializer, type) or not callable(initializer):
        raise ConfigurationError(
            "an initializer is a function of one module, such as al.initializers.Kaiming(), got "
            f"{initializer!r}.{meant(initializer, Initializer)}"
        )
    return initializer


def run_initializer(
    initializer: Callable[[nn.Module], object], modules: Iterable[nn.Module], where: str
) -> None:
    """Call `initializer` on every module; warn if it applied to none of them."""
    applied = [initializer(module) is not False for module in modules]
    if not any(applied):
        warn(
            f"{initializer!r} found nothing to fill in {where}. Modules that were passed in with "
            "their weights keep them; call .initialize() after .build() to fill those too."
        )
