"""Phases: an acquisition for the first rounds, and another one after them."""

from __future__ import annotations

import copy
from dataclasses import replace

from alkit.arguments import check_integer
from alkit.criteria import Context
from alkit.errors import ConfigurationError
from alkit.pool import Query
from alkit.querying.acquisition import Acquisition
from alkit.querying.context import PoolContext


class Phases(Acquisition):
    """One acquisition up to a round, and another one from then on; ``query.why`` names the phase.

        Phases(Acquisition(None, TypiClust()), Acquisition(Margin()), rounds=3)

    Either may be of any kind, also ``Phases``. The choice depends on the round alone, so it is the
    same after a restart. Cost: that of the acquisition in use.

    Args:
        first: acquisition of the initial set, which is round 0, and of the ``rounds`` after it.
        then: acquisition of all later rounds.
        rounds: number of rounds after the initial set, at least 0.

    Raises:
        ConfigurationError: ``first`` or ``then`` is not an Acquisition, or ``rounds`` is not an
            integer of at least 0.
    """

    def __init__(self, first: Acquisition, then: Acquisition, *, rounds: int) -> None:
        for phase in (first, then):
            if not isinstance(phase, Acquisition):
                raise ConfigurationError(
                    f"a phase must be an Acquisition, got {phase!r}: Acquisition(criterion, "
                    "selector)."
                )
        super().__init__(then.criterion, then.selector)
        self.first, self.then, self.rounds = first, then, check_integer("rounds", rounds, 0)

    def ask(self, context: PoolContext, n: int) -> Query:
        phase, words = self.now(context)
        if type(phase).ask is Acquisition.ask:
            return super().ask(context, n)
        query = phase.ask(context, n)
        return replace(query, why=f"{query.why}; {words}")

    def at(self, context: Context) -> Acquisition:
        phase, words = self.now(context)
        bound = copy.copy(phase.at(context))
        bound.reason = f"{bound.reason}; {words}" if bound.reason else words
        return bound

    def now(self, context: Context) -> tuple[Acquisition, str]:
        """The acquisition of this round, which is not ``Phases``, and its phase in words."""
        early = context.round <= self.rounds
        until = f"phase 1, up to round {self.rounds}"
        words = until if early else f"phase 2, after round {self.rounds}"
        phase = self.first if early else self.then
        if not isinstance(phase, Phases):
            return phase, words
        phase, inner = phase.now(context)
        return phase, f"{inner}; {words}"

    def __repr__(self) -> str:
        return f"Phases({self.first!r}, {self.then!r}, rounds={self.rounds})"
