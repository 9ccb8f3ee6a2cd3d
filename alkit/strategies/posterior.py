"""Posterior samples of an unchanged LightningModule: MC dropout at scoring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import lightning as L
from torch import nn

from alkit.blocks import Ensemble, Layer, MCDropout
from alkit.blocks.posterior import gives_samples
from alkit.blocks.posterior.masks import dropouts, spreading
from alkit.errors import ConfigurationError
from alkit.querying.meaning import Outputs
from alkit.training.budget import check_counts
from alkit.training.committee import Committee

if TYPE_CHECKING:
    from alkit.strategies.asking import Asks

DEFAULT = 20
"""Posterior samples where a criterion needs several and none are declared."""


class PosteriorSamples:
    """MC dropout around the module of a learner while it predicts; its training is its own.

    Args:
        samples: declared number of posterior samples; None to draw 20 where the criterion or
            selector measures their disagreement, and the module has dropout but does not declare
            posterior samples of its own.
        seed: seed of the dropout masks.
    """

    def __init__(self, samples: int | None = None, seed: int = 0) -> None:
        check_counts(samples=samples)
        self.samples = samples
        self.seed = seed
        self._sampled: MCDropout | None = None

    def module(self, learner: Asks) -> nn.Module:
        """The module to predict with: that of the learner, or MC dropout around it."""
        samples = self.samples or (DEFAULT if self.by_default(learner) else None)
        if samples is None:
            return learner.module
        if self._sampled is None or self._sampled.model is not learner.module:
            self._sampled = MCDropout(learner.module, samples, self.seed).build()
        return self._sampled

    def by_default(self, learner: Asks) -> bool:
        """True if nothing is declared, the query needs several samples, and dropout gives them."""
        if self.samples is not None or learner.predictor.meaning.read or not _needed(learner):
            return False
        layers = dropouts(learner.module)
        return spreading([*layers.values()]) and not gives_samples(learner.module)

    def why(self, learner: Asks) -> str:
        """Remark for ``query.why`` about samples that were not declared, if there are any."""
        if not self.by_default(learner):
            return ""
        return f"; {DEFAULT} posterior samples by MC dropout, the default of samples="

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_sampled": None}  # a copy wraps its own module


class Unwrapped(NamedTuple):
    """A module without the blocks around it that draw posterior samples, and what they declare."""

    module: Any
    samples: int | None = None
    seed: int = 0
    members: int | None = None


def unwrapped(module: object) -> Unwrapped:
    """A LightningModule, or an ensemble of them, without the MCDropout or Ensemble around it.

    It trains by itself, while the network in an MCDropout or Ensemble is trained by a Strategy.
    Anything else is returned as it is.
    """
    if isinstance(module, MCDropout):
        inner = unwrapped(module.model)
        if isinstance(inner.module, L.LightningModule):
            return inner._replace(samples=module.samples, seed=module.seed)
    if isinstance(module, Ensemble):
        parts = list(module.members)
        recipes = [part.arguments().get("model") for part in parts if isinstance(part, Layer)]
        if recipes and isinstance(recipes[0], L.LightningModule):
            return Unwrapped(recipes[0], members=len(parts))
        if all(isinstance(part, L.LightningModule) for part in parts):
            return Unwrapped(Committee(cast(list[L.LightningModule], parts)))
    return Unwrapped(module)


def declared(
    module: object, samples: int | None, members: int | None, seed: int, outputs: Outputs
) -> tuple[Any, PosteriorSamples]:
    """The module of a learner, a Committee if it has ``members``, and its posterior samples.

    Raises:
        ConfigurationError: the samples or members are declared twice, are not valid numbers, or
            come with a function that reads the outputs.
    """
    found = unwrapped(module)
    for name, given, block in (
        ("samples", samples, found.samples),
        ("members", members, found.members),
    ):
        if given is not None and block is not None:
            raise ConfigurationError(f"give {name}= to the block or to the strategy, not to both.")
    inner, seed_of_masks = found.module, found.seed
    samples = found.samples if samples is None else samples
    members = found.members if members is None else members
    if not isinstance(inner, L.LightningModule):
        return inner, PosteriorSamples()
    if members is not None:
        inner = Committee.of(inner, members, seed)
    several = samples is not None or isinstance(inner, Committee)
    if several and callable(outputs):
        raise ConfigurationError(
            "outputs= is a function of what one call of the module returns, and posterior samples "
            "or members are several calls: let the module return its outputs, and declare their "
            'kind, outputs="logits".'
        )
    if samples is not None:
        MCDropout(inner, samples, seed_of_masks)  # raises if there is no dropout to sample
    return inner, PosteriorSamples(samples, seed_of_masks)


def _needed(learner: Asks) -> bool:
    terms = learner.criterion.terms
    return learner.selector.disagreement or any(term.disagreement for term in terms)
