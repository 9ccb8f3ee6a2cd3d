"""Progress bar of a comparison, for terminals and notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from tqdm.auto import tqdm

from alkit.evidence.records import main_metric
from alkit.evidence.records_csv import Row


class Progress:
    """Progress bar with strategy, seed, round, latest result and remaining time.

    Args:
        total: number of rounds of all trials.
        done: number of rounds that were finished before.
        rounds: number of rounds per trial.
        metric: the result to show. Default: the main one.
        shown: False to print nothing.
    """

    def __init__(self, total: int, done: int, rounds: int, metric: str | None, shown: bool) -> None:
        self._rounds, self._metric = rounds, metric
        self._bar = tqdm(
            total=total, initial=done, disable=not shown, unit="round", dynamic_ncols=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._bar.close()

    def show(self, rows: Sequence[Row]) -> None:
        """Advance by the rounds that have just been finished."""
        for row in rows:
            value = row.get(self._metric or main_metric(row), float("nan"))
            self._bar.set_description(
                f"{row['strategy']}, seed {row['seed']}, round {row['round'] + 1} of {self._rounds}"
            )
            self._bar.set_postfix_str(f"{row['annotated']} labels: {value:.3f}")
            self._bar.update()

    def tell(self, text: str) -> None:
        """Print a line above the bar, if the bar is shown."""
        if not self._bar.disable:
            self._bar.write(text)
