"""Entry of a ledger: one answer about one sample, as it is given and as it is stored."""

from __future__ import annotations

import json
import math
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any
from uuid import uuid4

from alkit.errors import LabelError
from alkit.pool.labels import plain
from alkit.pool.ledger.masks import packed, unpacked

DATASET = "dataset"  # who gave the labels that came with the data
MACHINE = "machine: "  # before the name of a program that labels
SETTLED = ("majority", "dawid-skene")  # rules that give the label where people differ
SECONDS = 6  # decimals of a time; more would not survive a file


@dataclass(frozen=True)
class Entry:
    """One answer about one sample: a label, a reason to leave it out, or the undoing of an entry.

    Attributes:
        sample: key of the sample: its name, such as a relative path.
        label: the label in plain values (number, text, list, dict); None for the other kinds.
        reason: the reason to leave the sample out, such as ``"unsure"`` or ``"broken"``.
        undoes: ``uid`` of the entry that this one takes back.
        who: name of the person or program that answered. Default: that of the ledger.
        at: time in seconds since 1970, to a microsecond. The order of entries is that in which
            they were written, whatever the clock.
        round: round of the query; None if it is unknown.
        why: the rule that chose the sample, as a formula.
        score: score of the sample in the query; None if it is unknown.
        guess: the label that the model predicted; None if it is unknown.
        guess_shown: whether the person saw the guess; None if it is unknown.
        seconds: seconds that the answer took; None if it is unknown.
        uid: unique text. An entry with the ``uid`` of a stored one is not stored again.
        seq: place in the ledger, from 1; None before it is stored.

    Raises:
        LabelError: there is not exactly one of label, reason and undoes, or a value cannot be
            stored.
    """

    sample: str
    label: Any = None
    reason: str | None = None
    undoes: str | None = None
    who: str = ""
    at: float = field(default_factory=time.time)
    round: int | None = None
    why: str = ""
    score: float | None = None
    guess: Any = None
    guess_shown: bool | None = None
    seconds: float | None = None
    uid: str = field(default_factory=lambda: uuid4().hex)
    seq: int | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for name in ("sample", "uid", "reason", "undoes"):
            text = getattr(self, name)
            if text is None and name in ("reason", "undoes"):
                continue
            if not isinstance(text, str) or not text.strip():
                raise LabelError(f"{name} of an entry must be a text, got {text!r}.")
        for name in ("who", "why"):
            if not isinstance(getattr(self, name), str):
                raise LabelError(f"{self.sample!r}: {name} must be a text.")
        for name in ("at", "score", "seconds"):
            object.__setattr__(self, name, self._number(name, name != "at"))
        if self.round is not None and (
            isinstance(self.round, bool) or not isinstance(self.round, int) or self.round < 0
        ):
            raise LabelError(f"{self.sample!r}: round must be an integer of at least 0.")
        if self.guess_shown not in (None, True, False):
            raise LabelError(f"{self.sample!r}: guess_shown must be True, False or None.")
        given = [what for what in (self.label, self.reason, self.undoes) if what is not None]
        if len(given) != 1:
            raise LabelError(
                f"{self.sample!r}: an entry needs a label, or a reason to leave the sample out, or "
                f"the uid of an entry that it undoes; got {len(given)} of these."
            )
        self._check_text()

    def _number(self, name: str, may_lack: bool) -> float | None:
        value = plain(getattr(self, name))
        if value is None and may_lack:
            return None
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            raise LabelError(f"{self.sample!r}: {name} must be a finite number, got {value!r}.")
        number = round(float(value), SECONDS) if name == "at" else float(value)
        return number + 0.0  # no -0.0, which SQLite stores as 0.0

    def _check_text(self) -> None:
        texts = (self.sample, self.uid, self.reason, self.undoes, self.who, self.why)
        try:
            "".join(text for text in texts if text).encode()
        except UnicodeEncodeError as error:
            raise LabelError(f"{self.sample!r}: a text is not Unicode: {error}.") from None
        for name in ("label", "guess"):
            value = getattr(self, name)
            if type(value) not in (type(None), bool, int):
                object.__setattr__(self, name, json.loads(as_json(value, self.sample)))

    def having(self, **values: Any) -> Entry:
        """A copy with other values, which are not checked again."""
        entry = object.__new__(Entry)
        entry.__dict__.update(self.__dict__, **values)
        return entry


def is_person(who: str) -> bool:
    """True if answers with this name are a person's: not of a program, a dataset or a rule."""
    return not who.startswith(MACHINE) and who not in (DATASET, *SETTLED)


COLUMNS = tuple(each.name for each in fields(Entry) if each.name != "seq")
_JSON = (COLUMNS.index("label"), COLUMNS.index("guess"))
_SHOWN = COLUMNS.index("guess_shown")


def as_json(value: object, sample: str) -> str:
    """A label in plain values as text; arrays become lists.

    Raises:
        LabelError: it holds something else than numbers, texts, lists and dicts of these.
    """
    try:
        text = _written(value)
        text.encode()
        return text
    except (TypeError, ValueError, RecursionError) as error:
        raise LabelError(
            f"{sample!r}: a ledger stores labels of finite numbers, texts, lists and dicts of "
            f"these, got {value!r:.100}: {error}."
        ) from None


def _plain(value: object) -> Any:
    simple = plain(value)
    if simple is value:
        raise TypeError(f"a {type(value).__name__} is not stored")
    return simple


_written = json.JSONEncoder(allow_nan=False, default=_plain, ensure_ascii=False).encode


def to_row(entry: Entry) -> tuple[Any, ...]:
    """Values of an entry in the order of ``COLUMNS``, and their checksum."""
    row = [getattr(entry, name) for name in COLUMNS]
    for place in _JSON:
        row[place] = None if row[place] is None else as_json(packed(row[place]), entry.sample)
    row[_SHOWN] = None if entry.guess_shown is None else int(entry.guess_shown)
    return (*row, _checksum(row))


def from_row(stored: Sequence[Any]) -> Entry:
    """The entry of a stored row: its place, the values of ``to_row``, and their checksum.

    Raises:
        ValueError: the values are not those that were written.
    """
    seq, *row, checksum = stored
    if _checksum(row) != checksum:
        raise ValueError(f"entry {seq} has another checksum than its values")
    for place in _JSON:
        row[place] = None if row[place] is None else unpacked(json.loads(row[place]))
    row[_SHOWN] = None if row[_SHOWN] is None else bool(row[_SHOWN])
    entry = object.__new__(Entry)  # checked when it was written
    entry.__dict__.update(zip(COLUMNS, row, strict=True), seq=seq)
    return entry


def _checksum(row: Sequence[Any]) -> int:
    return zlib.crc32(repr(tuple(row)).encode("utf-8", "surrogatepass"))
