"""The curves of each trial in the records, the basis of every measure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from alkit.directions import rising
from alkit.errors import RecordsError
from alkit.evidence.records import Records
from alkit.evidence.statistics import areas


@dataclass(frozen=True, eq=False)
class Trials:
    """The finished trials of a comparison.

    Attributes:
        reference: the strategy that the others are compared with.
        rising: True if a higher result is better.
        annotated: ``(R,)`` labels at each round.
        values: results ``(R,)`` by strategy and seed.
        unfinished: number of trials with fewer rounds than others, which are left out.
        overlap: test samples / training samples if trials resample the split, else 0.
    """

    reference: str
    rising: bool
    annotated: np.ndarray
    values: dict[str, dict[int, np.ndarray]]
    unfinished: int
    overlap: float

    @property
    def others(self) -> list[str]:
        """The strategies that are compared with the reference."""
        return [name for name in self.values if name != self.reference]

    @property
    def spent(self) -> int:
        """Number of labels at the end."""
        return int(self.annotated[-1])

    def curves(self, name: str) -> np.ndarray:
        """All trials of a strategy, ``(T, R)``."""
        return np.array(list(self.values[name].values()))

    def paired(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Results of the reference and a strategy, ``(T, R)`` each, in seeds that both finished."""
        seeds = [seed for seed in self.values[self.reference] if seed in self.values[name]]
        both = [[self.values[who][seed] for seed in seeds] for who in (self.reference, name)]
        first, second = (np.array(rows).reshape(-1, len(self.annotated)) for rows in both)
        return first, second

    def gains(self, name: str) -> np.ndarray:
        """Gain in area over the reference in each paired trial, ``(T,)``; above zero is better."""
        reference, other = (areas(self.annotated, values) for values in self.paired(name))
        return other - reference if self.rising else reference - other


def trials(records: Records) -> Trials:
    """The finished trials, which have the most rounds; the others are only counted.

    Raises:
        RecordsError: there are no rows; a result is not finite; trials were tested at different
            numbers of labels; the reference has no finished trial.
    """
    if not records.rows:
        raise RecordsError("the records have no rows yet, so there is nothing to summarize.")
    metric, reference = records.metric, reference_of(records)
    found: dict[str, dict[int, list[tuple[int, int, float]]]] = {}
    for row in records.rows:
        point = row["round"], row["annotated"], float(row[metric])
        if not math.isfinite(point[2]):
            raise RecordsError(
                f"{metric} of {row['strategy']}, seed {row['seed']}, round {row['round']} "
                f"is {point[2]}, so means and tests over it are meaningless. Remove that trial "
                "from the rows, or choose another metric."
            )
        found.setdefault(row["strategy"], {}).setdefault(row["seed"], []).append(point)
    longest = max(len(points) for seeds in found.values() for points in seeds.values())
    finished = {
        name: {seed: sorted(points) for seed, points in seeds.items() if len(points) == longest}
        for name, seeds in found.items()
    }
    budgets = {
        tuple(annotated for _, annotated, _ in points): f"{name}, seed {seed}"
        for name, seeds in finished.items()
        for seed, points in seeds.items()
    }
    if len(budgets) > 1:
        (first, who), (second, other) = list(budgets.items())[:2]
        raise RecordsError(
            f"trials were tested at different numbers of labels: {who} at {list(first)}, {other} "
            f"at {list(second)}. Their areas are not comparable; compare them in separate records."
        )
    if not finished.get(reference):
        raise RecordsError(
            f"{reference}, which the others are compared with, has no finished trial yet."
        )
    return Trials(
        reference=reference,
        rising=records.protocol.get("rising", {}).get(metric, rising(metric)),
        annotated=np.array(next(iter(budgets))),
        values={
            name: {
                seed: np.array([value for *_, value in points])
                for seed, points in finished[name].items()
            }
            for name in records.strategies
            if finished[name]
        },
        unfinished=sum(map(len, found.values())) - sum(map(len, finished.values())),
        overlap=_overlap(records),
    )


def reference_of(records: Records) -> str:
    """The strategy that the others are compared with.

    The one named in the protocol, or else uniform, or else the first.
    """
    names = records.strategies
    return records.protocol.get("reference") or ("uniform" if "uniform" in names else names[0])


def _overlap(records: Records) -> float:
    sizes = records.protocol.get("overlap")
    return sizes["test"] / sizes["train"] if sizes else 0.0
