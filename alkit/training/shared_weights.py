"""Networks of several strategies: which training the present weights of a network come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from alkit.errors import ConfigurationError, warn


@dataclass
class _Weights:
    first: dict[str, Tensor]  # own parameters and buffers of a part, before any training
    training: int | None = None  # what changed them since; None if they are the first ones


_weights: WeakKeyDictionary[nn.Module, _Weights] = WeakKeyDictionary()
_trainings = count()


class TrainingOfWeights:
    """The training that the weights of one strategy come from, as that strategy remembers it.

    A strategy trains the network that it was given, in place. A second strategy over the same
    network, or over a part of it, starts from the first weights, and a strategy whose weights
    another one has changed refuses to go on. Frozen parts may be shared: those without gradients,
    and without buffers or in eval mode.
    """

    def __init__(self) -> None:
        self.training: int | None = None

    def restore(self, network: nn.Module) -> None:
        """Put the parts that another strategy trained back to their first weights, and warn."""
        changed = False
        for part, known in _known(network):
            if known.training is None:
                continue
            known.training = None
            own = dict(_own(part))
            for name, value in known.first.items():
                if name in own and own[name].shape == value.shape:
                    changed |= not torch.equal(own[name].detach().cpu(), value)
                    with torch.no_grad():
                        own[name].copy_(value)
        if changed:
            warn(
                f"Another strategy has trained this {type(network).__name__}, or a part of it: it "
                "starts from the weights that it had before that, and the other strategy loses "
                "its own. To give this one the trained weights, or to keep both, pass "
                "copy.deepcopy(network)."
            )

    def remember(self, network: nn.Module, weights: Mapping[str, Tensor]) -> None:
        """Remember the first weights of a network, given by their names in its ``state_dict``."""
        for path, part in network.named_modules():
            if _learns(part):
                names = {name: f"{path}.{name}" if path else name for name, _ in _own(part)}
                first = {name: weights[full] for name, full in names.items() if full in weights}
                _weights[part] = _Weights(first, self.training)

    def begin(self, network: nn.Module) -> None:
        """Note that the weights change from now on."""
        self.training = next(_trainings) if self.training is None else self.training
        self._note(network)

    def end(self, network: nn.Module) -> None:
        """Note that the weights are the first ones again."""
        self.training = None
        self._note(network)

    def check(self, network: nn.Module) -> None:
        """Raise a ConfigurationError if another strategy has trained or restored the network."""
        if any(known.training != self.training for _, known in _known(network)):
            raise ConfigurationError(
                "Another strategy was since trained on the network of this one, or built over it "
                f"({type(network).__name__}), so these are no longer the weights of this strategy. "
                "Give each strategy a network of its own: copy.deepcopy(network), network.new(), "
                "or a function that makes it."
            )

    def _note(self, network: nn.Module) -> None:
        for _, known in _known(network):
            known.training = self.training


def learning(network: nn.Module) -> dict[str, bool]:
    """Names of the parameters of a network, and whether training changes them."""
    return {name: parameter.requires_grad for name, parameter in network.named_parameters()}


def _known(network: nn.Module) -> Iterator[tuple[nn.Module, _Weights]]:
    for part in network.modules():
        known = _weights.get(part)
        if known is not None:
            yield part, known


def _learns(part: nn.Module) -> bool:
    """True if training may change the part itself, apart from its children."""
    learns = any(p.requires_grad for p in part.parameters(recurse=False))
    return learns or (part.training and any(True for _ in part.buffers(recurse=False)))


def _own(part: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from part.named_parameters(recurse=False)
    yield from part.named_buffers(recurse=False)
