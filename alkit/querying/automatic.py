"""Auto: an acquisition that covers the uncertain candidates in features that do not change."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Generator, Tensor

from alkit.arguments import check_number
from alkit.criteria import Context, Criterion, Margin, Rank, as_criterion
from alkit.errors import ConfigurationError, NonFiniteError, PredictionError
from alkit.pool.spread import Spread
from alkit.prediction import Prediction
from alkit.querying.acquisition import Acquisition
from alkit.querying.context import PoolContext
from alkit.querying.gathered import Gathered
from alkit.seeds import generator
from alkit.selectors import (
    Candidates,
    Fixed,
    Frozen,
    Given,
    Inputs,
    MaxHerding,
    Mix,
    Picks,
    Power,
    Selector,
    Space,
    UncertaintyHerding,
)
from alkit.selectors.fixed import fixed_needs
from alkit.selectors.geometry.coverage import SAMPLE
from alkit.selectors.part import LARGE

WORK = 5e10  # multiply-adds of the distances in a query
FEWEST = 1_000  # targets of coverage, at least; 10 for each pick


class Auto(Acquisition):
    """Acquisition for when it is not known which to take: herding in features that do not change.

        strategy = al.auto(net, pool)                                   # components of the inputs
        strategy = al.auto(net, pool, features=al.Frozen("resnet18"))

    ``MaxHerding`` while the network is untrained or nothing is annotated: it covers the pool. Then
    ``UncertaintyHerding`` with bandwidth 1, weighted by the rank of the criterion: it covers the
    candidates that the network is uncertain about. Both compare samples in a space that training
    does not change, since the features of a network that is trained on few labels collapse. If the
    picks are guessed to be of far fewer classes than random candidates, ``MaxHerding`` picks
    instead. ``query.why`` states the features and the classes.

    In 25 settings (``docs/which_method.md``), its area under the learning curve was .042 above that
    of random labels on average, and .000 at worst, where BADGE had .013 and -.017. With rare
    classes and ten labels per class or more, ``Margin`` alone was better. Weights: Bae et al. 2025,
    "Uncertainty herding: one active learning method for all label budgets", with ranks, which do
    not depend on the temperature of the network.

    Cost: one forward pass over the candidates, none while the network is untrained; the features
    once for the pool (see ``Fixed``); then that of ``UncertaintyHerding``. Coverage is measured on
    10,000 candidates, or fewer if that would take more than 5e10 multiply-adds, but at least 1,000
    and 10 per pick: 3 s of one core for 60,000 candidates of 512 features. More take no longer, as
    at most 65,536 are compared.

    Args:
        features: a space, such as ``Inputs()``, ``Frozen(encoder)``, ``Given(array)`` or, for a
            network that is pretrained and fine-tuned, ``Features(normalize=True)``. An array or the
            path of a ``.npy`` file is ``Given``; a network, or its path, ``Frozen``. Default:
            ``Inputs()``.
        criterion: score of each candidate, whose rank is its weight. Default: ``Margin()``.
        drawn: share of the picks of a trained network, in [0, 1], that are drawn by ``Power(beta=2,
            uniform=0.1)``, with known probabilities, which feeds ``monitor``; it costs about .01 of
            the gain at .5. They come first, and are kept whatever the classes of the others are.
            Where it is not a whole number of picks, the seed and the round decide which of the two
            next ones, so that the share is right on average, also of queries of one sample.

    Raises:
        ConfigurationError: an argument is none of these; or, at a query, the outputs have no
            score by the criterion, as those of a regression by the margin.
    """

    def __init__(
        self,
        features: Space | Any = None,
        *,
        criterion: Criterion | Callable[[Prediction], Tensor] | None = None,
        drawn: float = 0.0,
    ) -> None:
        check_number("drawn", drawn, "a number in [0, 1]", lambda share: 0 <= share <= 1)
        self.features, self.drawn = as_fixed(features), drawn
        self.by = as_criterion(Margin() if criterion is None else criterion)
        super().__init__(Rank(self.by), UncertaintyHerding(self.features, bandwidth=1.0))

    def at(self, context: Context) -> Acquisition:
        if not isinstance(context, PoolContext):
            raise ConfigurationError("Auto asks for a strategy: give it to a Strategy.")
        space, words = self.features, f"features: {_words(self.features)}"
        if not context.learner.trained:
            return _Covering(space, f"the network is not trained yet; {words}")
        if not len(context.pool.annotated_indices):
            return _Covering(space, f"nothing is annotated yet; {words}")
        draws = generator(context.seed, "drawn", context.round)  # not those of the picks
        luck = float(torch.rand(1, generator=draws, dtype=torch.float64))
        return _Weighted(self.criterion.at(context), space, words, self.drawn, luck)

    def __repr__(self) -> str:
        parts = [] if repr(self.features) == "Inputs()" else [repr(self.features)]
        parts += [] if repr(self.by) == "Margin()" else [f"criterion={self.by!r}"]
        parts += [f"drawn={self.drawn}"] if self.drawn else []
        return f"Auto({', '.join(parts)})"


class _Covering(Acquisition):
    """MaxHerding for one query."""

    def __init__(self, space: Space, reason: str) -> None:
        super().__init__(None, MaxHerding(space), reason)
        self.space = space

    def at(self, context: Context) -> Acquisition:
        return self

    def pick(self, candidates: Candidates, seen: Gathered, n: int, draws: Generator) -> Picks:
        self.selector = MaxHerding(self.space, sample=targets(candidates, self.space, n))
        return self.selector(candidates, n, draws)


class _Weighted(Acquisition):
    """Uncertainty herding for one query, with a share of random draws."""

    def __init__(
        self, criterion: Criterion, space: Space, reason: str, drawn: float, luck: float
    ) -> None:
        super().__init__(criterion, _after(drawn, UncertaintyHerding(space, bandwidth=1.0)), reason)
        self.space, self.drawn, self.luck = space, drawn, luck

    def at(self, context: Context) -> Acquisition:
        return self

    def look(self, context: PoolContext) -> Gathered:
        try:
            return super().look(context)
        except NonFiniteError:
            raise
        except PredictionError as error:
            raise ConfigurationError(
                f"Auto weights candidates by {self.criterion!r}, and the outputs have no such "
                f"score: {error} Pass a criterion that they have, Auto(criterion=...), such as "
                "al.criteria.Variance() for the values of several posterior samples; or choose "
                "without scores, Acquisition(selector=al.selectors.MaxHerding(al.selectors."
                "Inputs()))."
            ) from error

    def pick(self, candidates: Candidates, seen: Gathered, n: int, draws: Generator) -> Picks:
        n, state = min(n, len(candidates)), draws.get_state()
        first = int(self.drawn * n + self.luck)
        sample = SAMPLE if first == n else targets(candidates, self.space, n)
        herding = UncertaintyHerding(self.space, bandwidth=1.0, sample=sample)
        self.selector = _after(first / n, herding)
        picks = self.selector(candidates, n, draws)
        spread = self._spread(candidates, seen, picks)
        if spread is not None and spread.narrow and first < n:
            self.selector = _after(first / n, MaxHerding(self.space, sample=sample))
            picks = self.selector(candidates, n, draws.set_state(state))
            covered = self._spread(candidates, seen, picks)
            self.reason += f"; by UncertaintyHerding {spread}, so MaxHerding picks: {covered}"
        elif spread is not None:
            self.reason += f"; {spread}"
        return self._with_chances(picks, candidates, first, state)

    def _with_chances(
        self, picks: Picks, candidates: Candidates, first: int, state: Tensor
    ) -> Picks:
        """The picks with the probabilities of the drawn ones, which come first; NaN for others."""
        if first in (0, len(picks)):
            return picks
        again = Power(2, uniform=0.1)(candidates, first, torch.Generator().set_state(state))
        others = torch.full((len(picks) - first,), torch.nan, dtype=torch.float64)
        known = torch.as_tensor(again.probabilities, dtype=torch.float64).cpu()
        chances = torch.cat([known, others])
        return replace(picks, probabilities=chances, unreachable=again.unreachable)

    def _spread(self, candidates: Candidates, seen: Gathered, picks: Picks) -> Spread | None:
        guesses = seen.guesses_of(candidates.ids.cpu()[picks.positions])
        if guesses is None or seen.watched is None:
            return None
        exclusive = seen.watched.prediction.task == "multiclass"
        return Spread.of(guesses, seen.guesses.numpy()) if exclusive else None


def _after(drawn: float, rest: Selector) -> Selector:
    """A selector whose first picks are drawn with known probabilities: a share of them."""
    if drawn in (0, 1):
        return Power(2, uniform=0.1) if drawn else rest
    return Mix((drawn, Power(2, uniform=0.1)), (1 - drawn, rest))


def targets(candidates: Candidates, space: Space, n: int) -> int:
    """Number of candidates on which coverage is measured, for a query of about 3 s of one core."""
    fixed = [*fixed_needs(space.needs)]
    if not fixed and "features" not in space.needs:  # as few columns as classes
        return SAMPLE
    rows = fixed[0].rows(candidates) if fixed else candidates.features
    affordable = int(WORK / max(1, min(len(rows), LARGE) * rows[:1].numel()))
    return min(SAMPLE, max(FEWEST, 10 * n, affordable))


def as_fixed(features: Any) -> Space:
    """The space of an argument: ``Inputs()`` for None, ``Given`` for an array, else ``Frozen``.

    Raises:
        ConfigurationError: it is none of these.
    """
    if features is None or isinstance(features, Space):
        return Inputs() if features is None else features
    if isinstance(features, str | os.PathLike):
        path = os.fspath(features)
        return Given(path) if path.endswith(".npy") else Frozen(path)
    if isinstance(features, torch.nn.Module) or hasattr(features, "transform"):
        return Frozen(features)
    return Given(features)


def _words(space: Space) -> str:
    return space.words if isinstance(space, Fixed) else repr(space)
