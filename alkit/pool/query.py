"""Query: the samples to annotate, and the CSV file that people fill in."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from alkit.atomic import write_whole
from alkit.errors import ConfigurationError
from alkit.pool.trace import Trace
from alkit.spreadsheet import escaped

COLUMNS = ("rank", "id", "name", "round", "score", "guess", "why", "label")


@dataclass(frozen=True, eq=False)
class Query:
    """The samples that a strategy selected for annotation, most wanted first.

    It behaves like an array of dataset indices: ``numpy.asarray(query)`` and
    ``pool.annotate(query)`` use them, and it has a length and can be iterated and indexed.

    Attributes:
        indices: ``(n,)`` dataset indices, int64, distinct.
        round: the round that these annotations will belong to (0 is the initial set).
        scores: ``(n,)`` scores of the picks, or None if the selector uses no scores.
        guesses: ``(n,)`` labels that the model predicted for the picks, or None.
        why: the rule that chose them, as a formula.
        reasons: ``(n,)`` reason of each pick, or None if ``why`` is that of all.
        probabilities: ``(n,)`` probability of each pick among the candidates that were left at its
            turn, or None if the selector has no known probabilities. NaN after the first picks
            if only these were drawn.
        shares: contribution of each additive term of the criterion to the score of each pick,
            ``(n,)`` by the term's formula; they sum to ``scores``. Empty without scores.
        names: ``(n,)`` names of the samples, or None if the pool has no names.
        classes: ``(C,)`` names of the classes, or None if the pool has none.
        seconds: wall seconds by phase, ``"score"`` and ``"select"``.
        validation: a separate Query for the validation pool, paid from the same budget.
        unanswered: dataset indices of the picks that the oracle left without a label, int64.
        trace: a bounded number of the rows that the picks were chosen from, for ``alkit.doctor``.
    """

    indices: np.ndarray
    round: int = 0
    scores: np.ndarray | None = None
    guesses: np.ndarray | None = None
    why: str = ""
    probabilities: np.ndarray | None = None
    shares: dict[str, np.ndarray] = field(default_factory=dict)
    names: Sequence[str] | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    validation: Query | None = None
    trace: Trace | None = None
    classes: Sequence[str] | None = None
    reasons: Sequence[str] | None = None
    unanswered: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def __post_init__(self) -> None:
        object.__setattr__(self, "indices", np.asarray(self.indices))

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices.tolist())

    def __getitem__(self, key: Any) -> Any:
        picked = self.indices[key]
        return int(picked) if np.ndim(picked) == 0 else picked

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.indices, dtype=dtype)

    def __repr__(self) -> str:
        shown = ", ".join(str(i) for i in self.indices[:6].tolist())
        more = ", ..." if len(self) > 6 else ""
        left = f", {len(self.unanswered)} unanswered" if len(self.unanswered) else ""
        return f"Query(round {self.round}: {len(self)} samples [{shown}{more}]{left} by {self.why})"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the query as a CSV file with an empty ``label`` column for people to fill in.

        One row per sample, most wanted first: rank, id, name, round, score, the model's guess (the
        name of its class, if the classes have names), why, label; then the probability of each
        pick if it is known, and the share of each term in the score if there are several.
        ``pool.annotate(path)`` reads the rows that have a label; call it again on the same file
        when more rows are filled in.

        A text that a spreadsheet would run as a formula, since it begins with ``=``, ``+``, ``-``,
        ``@`` or a tab, has an apostrophe in front, which is removed when the file is read. The file
        is written whole or not at all; a missing folder is created.

        Raises:
            FolderError: the file cannot be written; an existing one is unchanged.
        """
        if not isinstance(path, str | os.PathLike):
            raise ConfigurationError(f"expected the path of a CSV file, got {path!r}.")
        more = {} if self.probabilities is None else {"probability": self.probabilities}
        if len(self.shares) > 1:
            more |= {f"share of {term}": share for term, share in self.shares.items()}
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow((*COLUMNS, *more))
        for k, index in enumerate(self):
            writer.writerow(
                (
                    k + 1,
                    index,
                    "" if self.names is None else escaped(self.names[k]),
                    self.round,
                    "" if self.scores is None else f"{float(self.scores[k]):.6g}",
                    "" if self.guesses is None else self._guess(self.guesses[k]),
                    escaped(self.why if self.reasons is None else self.reasons[k]),
                    "",
                    *(_shown(float(values[k])) for values in more.values()),
                )
            )
        try:
            write_whole(Path(path), text.getvalue())
        except UnicodeEncodeError as error:
            wrong = error.object[error.start - 10 : error.end + 10]
            raise ConfigurationError(
                f"a name or text of the query is not Unicode: {wrong!r}; "
                "pass other names= to the pool."
            ) from None

    def _guess(self, guess: object) -> Any:
        value = np.asarray(guess).tolist()
        if self.classes is not None and type(value) is int and 0 <= value < len(self.classes):
            value = self.classes[value]
        return escaped(value) if isinstance(value, str) else value


def _shown(value: float) -> str:
    return "" if value != value else f"{value:.6g}"
