"""Taking of the good rows of a file of labels, while the others are reported by line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from alkit.atomic import as_path
from alkit.errors import AnnotationError, LabelError
from alkit.pool.checks import check_round
from alkit.pool.csv_labels import Origins, read_labels
from alkit.pool.fitting import most_common
from alkit.pool.form import Form
from alkit.pool.gate import Gate
from alkit.pool.labels import ABSENT, label_kind, plain

if TYPE_CHECKING:
    from alkit.pool.dataset import ActiveLearningDataset


@dataclass(frozen=True, eq=False)
class Taken:
    """Result of taking the good rows of a file.

    Attributes:
        annotated: dataset indices of the samples that were annotated, int64.
        excluded: dataset indices of the samples that were excluded for a reason, int64.
        known: number of rows that repeat what the pool, or another row, has.
        skipped: number of rows without an answer.
        refused: the rows that were not taken, each with its line and the reason.
    """

    annotated: np.ndarray
    excluded: np.ndarray
    known: int
    skipped: int
    refused: list[str]

    def __str__(self) -> str:
        counts = {
            "annotated": len(self.annotated),
            "excluded": len(self.excluded),
            "known already": self.known,
            "without an answer": self.skipped,
            "refused": len(self.refused),
        }
        shown = ", ".join(f"{n} {what}" for what, n in counts.items() if n) or "no rows"
        return "\n  ".join([shown + (":" if self.refused else ""), *self.refused])


@dataclass(frozen=True)
class _Row:
    """Answer of one row: a label, or a reason to leave the sample out."""

    line: int
    where: str  # file, line and sample, as errors name them
    index: int
    label: Any = ABSENT
    reason: str | None = None
    origin: dict[str, Any] = field(default_factory=dict)

    @property
    def answer(self) -> tuple[str, str | None]:
        return repr(self.label), self.reason


def take(pool: ActiveLearningDataset, path: str | os.PathLike[str], who: str = "") -> Taken:
    """Annotate and exclude samples of a pool by the good rows of a file; refuse the others."""
    if pool.ledger is not None:
        pool.refresh()
    known, names, labels = pool._known, pool._names, pool._labels
    refused: dict[int, str] = {}
    filled = read_labels(as_path(path), names, len(pool), refused)

    def row(line: int, index: int, **answer: Any) -> _Row:
        return _Row(line, f"{filled.path}, line {line}: {names.describe(index)}", index, **answer)

    form = labels.form(np.array(filled.ids[:1], dtype=np.int64))
    values = labels.gate.read(filled.texts, form.kind)
    origins, others = (labels.with_guesses(each, form.kind)
                       for each in (filled.origins, filled.other_origins))  # fmt: skip
    given = zip(filled.lines, filled.ids, values, origins, strict=True)
    rows = [row(line, i, label=label, origin=origin) for line, i, label, origin in given]
    rows = _fitting(rows, labels.gate, form, refused)
    reasons = zip(filled.reasons, others, strict=True)
    rows += [row(line, i, reason=why, origin=origin) for (i, line, why), origin in reasons]
    rows.sort(key=lambda row: row.line)
    distinct = _distinct(rows, refused)
    new = [row for row in distinct if _is_new(pool, row, refused)]
    annotated = [row for row in new if row.reason is None]
    ids = _ids(annotated)
    round = pool.next_round if filled.round is None else check_round(filled.round)
    known.change(ids, round, [row.label for row in annotated])
    pool._book.keep(ids, Origins(row.origin for row in annotated), new=True, who=who)
    excluded = [row for row in new if row.reason is not None]
    for reason in dict.fromkeys(row.reason for row in excluded):
        part = [row for row in excluded if row.reason == reason]
        known.exclude(_ids(part), reason)
        pool._book.keep(_ids(part), Origins(row.origin for row in part), new=True, who=who)
    errors = [refused[line] for line in sorted(refused)]
    repeated = sum(row.line not in refused for row in rows) - len(new)
    return Taken(ids, _ids(excluded), repeated, filled.skipped, errors)


def _ids(rows: Iterable[_Row]) -> np.ndarray:
    return np.array([row.index for row in rows], dtype=np.int64)


def _fitting(rows: list[_Row], gate: Gate, form: Form, refused: dict[int, str]) -> list[_Row]:
    """Rows with labels of the pool's kind; of the kind of most rows, if it has none."""

    def passed(rows: list[_Row], check: Callable[..., list[Any]], form: Form) -> list[_Row]:
        good = []
        for row in rows:
            try:
                (label,) = check([row.label], _ids([row]), form, lambda _, row=row: row.where)
                good.append(replace(row, label=label))
            except LabelError as error:
                refused[row.line] = str(error)
        return good

    rows = passed(rows, gate.given, form)
    if form.kind is None:
        kind = most_common([label_kind(row.label) for row in rows])
        rows = passed(rows, gate.stored, Form(kind or None, form.dtype))
    return rows


def _distinct(rows: list[_Row], refused: dict[int, str]) -> list[_Row]:
    """The first row of each sample; none of a sample with several answers."""
    answers: dict[int, dict[tuple[str, str | None], _Row]] = {}
    for row in rows:
        answers.setdefault(row.index, {}).setdefault(row.answer, row)
    for row in rows:
        for other in answers[row.index].values():
            if other.answer != row.answer:
                refused[row.line] = f"{row.where} has another answer in line {other.line}."
    return [row for each in answers.values() if len(each) == 1 for row in each.values()]


def _is_new(pool: ActiveLearningDataset, row: _Row, refused: dict[int, str]) -> bool:
    """True if the pool has no answer for the sample; another one than that of the row is refused.

    Cost: reads the dataset's own label where the pool uses it.
    """
    known, labels = pool._known, pool._labels
    if known.is_annotated(row.index):
        mine = plain(labels.read(row.index))
        if mine != row.label:
            refused[row.line] = (
                f"{row.where} is annotated as {labels.named(mine)!r:.200}, and the row has "
                f"{row.reason or labels.named(row.label)!r:.200}: use relabel or exclude to "
                "change it."
            )
        return False
    if row.reason is not None and known.reasons.get(row.index) == row.reason:
        return False
    try:
        known.check([row.index], annotated=False, describe=lambda _: row.where)
    except AnnotationError as error:
        refused[row.line] = str(error)
        return False
    return True
