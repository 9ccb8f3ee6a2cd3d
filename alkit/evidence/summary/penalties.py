"""Who beat whom: the penalty matrix of a comparison."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alkit.errors import RecordsError
from alkit.evidence import statistics
from alkit.evidence.records import Records
from alkit.evidence.summary.table import Table, text
from alkit.evidence.summary.trials import trials


@dataclass(frozen=True, eq=False)
class Penalties:
    """The pairwise penalty matrix: the row beat the column in this share of the rounds.

    Attributes:
        strategies: S names, of the rows and the columns.
        matrix: ``(S, S)`` in [0, 1]; ``alkit.evidence.statistics.penalties``.
        annotated: labels at the rounds that were compared.
    """

    strategies: list[str]
    matrix: np.ndarray
    annotated: list[int]

    @property
    def penalty(self) -> dict[str, float]:
        """The mean of each column, the penalty of its strategy: lower is better."""
        return dict(zip(self.strategies, self.matrix.mean(0).tolist()))

    def __repr__(self) -> str:
        rows = [
            {"row beat column": name, **dict(zip(self.strategies, map(text, line)))}
            for name, line in zip(self.strategies, self.matrix.tolist())
        ]
        last = {"row beat column": "penalty", **{k: text(v) for k, v in self.penalty.items()}}
        return repr(Table([*rows, last]))


def penalties(records: Records) -> Penalties:
    """Who beat whom: ``alkit.evidence.statistics.penalties`` over the seeds that all strategies finished."""
    found = trials(records)
    shared = set.intersection(*(set(seeds) for seeds in found.values.values()))
    names = list(found.values)
    curves = [[found.values[name][seed] for seed in sorted(shared)] for name in names]
    values = np.array(curves).reshape(len(names), -1, len(found.annotated))
    if not shared:
        raise RecordsError("no seed has been finished by all strategies: nothing is paired.")
    rounds = statistics.checkpoints(values[names.index(found.reference)].mean(0))
    matrix = statistics.penalties(values, rounds, rising=found.rising)
    return Penalties(names, matrix, found.annotated[rounds].tolist())
