"""The pairwise penalty matrix of a comparison."""

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
    """Pairwise penalty matrix: the share of rounds in which the row beat the column.

    Attributes:
        strategies: S names, for both rows and columns.
        matrix: ``(S, S)`` in [0, 1], from ``alkit.evidence.statistics.penalties``.
        annotated: labels at the compared rounds.
    """

    strategies: list[str]
    matrix: np.ndarray
    annotated: list[int]

    @property
    def penalty(self) -> dict[str, float]:
        """The penalty of each strategy, the mean of its column: lower is better."""
        return dict(zip(self.strategies, self.matrix.mean(0).tolist()))

    def __repr__(self) -> str:
        rows = [
            {"row beat column": name, **dict(zip(self.strategies, map(text, line)))}
            for name, line in zip(self.strategies, self.matrix.tolist())
        ]
        last = {"row beat column": "penalty", **{k: text(v) for k, v in self.penalty.items()}}
        return repr(Table([*rows, last]))


def penalties(records: Records) -> Penalties:
    """Penalty matrix over the seeds that all strategies finished.

    See ``alkit.evidence.statistics.penalties``.
    """
    found = trials(records)
    shared = set.intersection(*(set(seeds) for seeds in found.values.values()))
    names = list(found.values)
    curves = [[found.values[name][seed] for seed in sorted(shared)] for name in names]
    values = np.array(curves).reshape(len(names), -1, len(found.annotated))
    if not shared:
        raise RecordsError("no seed has been finished by all strategies, so no trials are paired.")
    rounds = statistics.checkpoints(values[names.index(found.reference)].mean(0))
    matrix = statistics.penalties(values, rounds, rising=found.rising)
    return Penalties(names, matrix, found.annotated[rounds].tolist())
