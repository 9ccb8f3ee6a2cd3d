"""Context: what a criterion or an acquisition may ask for before the candidates are scored."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from torch import nn

from alkit.arguments import check_integer
from alkit.errors import ArgumentError, ConfigurationError
from alkit.prediction import Prediction
from alkit.seeds import derive, fresh_seed


class Context:
    """The round of a query, and on request what only a strategy has.

    This class knows the round and the random numbers alone, as ``al.select`` does. The context of
    a strategy (``strategy.context``) also predicts samples, has held-out labels and reaches parts
    of the module.

    Args:
        round: the round that the new annotations will belong to, 0 or later.
        seed: the seed of all random choices. Default: one from torch's generator, not advanced.

    Raises:
        ConfigurationError: the round is not an integer of at least 0.
    """

    def __init__(self, round: int = 0, seed: int | None = None) -> None:
        self.round = check_integer("round", round, 0)
        self.seed = fresh_seed() if seed is None else seed

    def generator(self, purpose: str) -> np.random.Generator:
        """Random numbers for one purpose in this round; the same ones each time."""
        return np.random.default_rng(derive(self.seed, purpose, self.round))

    def draw(self, n: int, purpose: str, samples: object = None) -> Prediction:
        """Predictions of at most ``n`` samples, drawn uniformly.

        Args:
            n: the largest number of samples.
            purpose: the name of the random numbers, see ``generator``.
            samples: a dataset of inputs, labeled or not. Default: the unannotated samples.

        Raises:
            ConfigurationError: there is no model that predicts.
        """
        self._refuse("predictions of other samples")

    def held_out(self) -> tuple[Prediction, list[Any]] | None:
        """Predictions and labels of the annotated samples of ``val_pool``; None for none yet.

        Raises:
            ConfigurationError: there is no model, or no ``val_pool``.
        """
        self._refuse("labels that were held out")

    def labels(self) -> list[Any]:
        """Labels of the annotated samples of the pool.

        Raises:
            ConfigurationError: the context has no pool.
        """
        self._refuse("the labels of the annotated samples")

    def part(self, path: str) -> nn.Module:
        """The submodule at a path of the strategy's module.

        Raises:
            ConfigurationError: there is no model, or no such part.
        """
        self._refuse(f"the part {path!r} of a module")

    def _refuse(self, what: str) -> NoReturn:
        raise ConfigurationError(
            f"this criterion needs {what}, which only a strategy has: give the criterion to a "
            "Strategy, or bind it first, criterion.at(strategy.context)."
        )


def as_context(context: object) -> Context:
    """Return a context; an ArgumentError for anything else, such as the number of a round."""
    if not isinstance(context, Context):
        raise ArgumentError(
            f"at takes a Context, got {context!r}: criterion.at(strategy.context), or "
            "criterion.at(al.criteria.Context(round))."
        )
    return context
