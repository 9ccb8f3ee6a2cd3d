"""Book of a pool: its annotations in a ledger, and those of others in the same ledger."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np

from alkit.errors import ConfigurationError, LabelError, warn
from alkit.pool.annotations import EXCLUDED, OUTSIDE, Annotations
from alkit.pool.identity import Identity
from alkit.pool.labeling import Labeling
from alkit.pool.labels import ABSENT, plain
from alkit.pool.ledger import Entry, Ledger
from alkit.pool.names import Names
from alkit.pool.query import Query

DATASET = "dataset"  # who gave the labels that the dataset has


class Book:
    """The annotations of a pool, written to a ledger if there is one, else in memory alone.

    The key of a sample is its name, or its index in a pool without names; a ledger of indices has
    the fingerprint of its dataset. A label is stored as the name of its class if the classes have
    names. Memory is changed first, since a label is read only when it is paid for, and changed back
    if the ledger cannot be written.

    Args:
        ledger: the ledger, its path, or None.
        known: state of the pool.
        labels: labels of the pool.
        names: names of the samples.
        identity: identity of the pool.
    """

    def __init__(
        self,
        ledger: Ledger | str | PathLike[str] | None,
        known: Annotations,
        labels: Labeling,
        names: Names,
        identity: Identity,
    ) -> None:
        self._known, self._labels, self._names = known, labels, names
        self._written: list[list[Entry]] = []  # one list per change that can be undone
        self._seen = 0  # place up to which the entries of everybody are in memory
        self.ledger = Ledger(ledger) if isinstance(ledger, str | PathLike) else ledger
        if self.ledger is None:
            return
        if not isinstance(self.ledger, Ledger):
            raise ConfigurationError(
                f"ledger must be the path of a file or an alkit.pool.Ledger, got {ledger!r}."
            )
        names.check_unique()
        _check_dataset(self.ledger, "names" if names.texts is not None else identity.fingerprint)
        self.refresh()

    # --- writing ------------------------------------------------------------------------------

    def keep(self, ids: np.ndarray, asked: object = None, *, new: bool = False) -> None:
        """Write the last change of the pool, or undo it if the ledger refuses it.

        Args:
            ids: the samples of the change.
            asked: the Query of these samples, if there was one.
            new: True if none of the samples may have an answer in the ledger.
        """
        if self.ledger is None or not len(ids):
            return
        try:
            if (self._known.rounds[ids] == -1).all():  # included again
                live = self.ledger.live(map(self._key, ids.tolist()))
                added = self.ledger.undo(*(entry.uid for entry in live))
            else:
                entries = self._entries(ids, asked if isinstance(asked, Query) else None)
                added = self.ledger.add(entries, once="sample" if new else None)
        except BaseException:
            self._known.undo()
            raise
        self._written.append(added)
        if added and added[0].seq == self._seen + 1:  # nobody else has written meanwhile
            self._seen = added[-1].seq or 0

    def undo(self) -> np.ndarray:
        """Undo the last change of this pool, in the ledger first; return the indices."""
        if self.ledger is None or not self._written:
            return self._known.undo()
        written = self._written[-1]
        if any(entry.undoes is not None for entry in written):  # an inclusion: exclude again
            ids, *_, reasons = self._known.last_change
            keys = map(self._key, ids.tolist())
            again = [Entry(key, reason=reason) for key, reason in zip(keys, reasons, strict=True)]
            self.ledger.add(again)
        else:
            self.ledger.undo(*(entry.uid for entry in written))
        self._written.pop()
        ids = self._known.undo()
        self._take(self.ledger, [self._key(index) for index in ids.tolist()])  # others' answers
        return ids

    def load(
        self,
        ids: np.ndarray,
        rounds: list[int],
        labels: dict[int, Any],
        excluded: dict[int, str],
    ) -> None:
        """Replace all annotations; those of a ledger with entries stay, if they have the state's.

        Raises:
            ConfigurationError: the ledger has entries, and lacks an annotation of the state.
        """
        if self.ledger is not None and len(self.ledger):
            self.refresh()
            self._check_kept(ids, labels, excluded)
            return
        self._labels.load(ids, rounds, labels, excluded)
        if self.ledger is None:
            return
        try:
            self.ledger.add(self._entries(np.array([*ids.tolist(), *excluded], dtype=int), None))
        except BaseException:
            self._known.restore(ids[:0], [], {}, {})
            raise
        self._written.clear()

    def _entries(self, ids: np.ndarray, query: Query | None) -> list[Entry]:
        """Entries of samples as they are in memory."""
        named, known = self._labels.named, self._known
        entries = []
        for k, index in enumerate(ids.tolist()):
            more: dict[str, Any] = {"why": query.why} if query is not None else {}
            if query is not None and query.scores is not None:
                more["score"] = float(query.scores[k])
            if query is not None and query.guesses is not None:
                more["guess"] = named(plain(query.guesses[k]))
            if known.rounds[index] == EXCLUDED:
                more["reason"] = known.reasons[index]
            else:
                own = index not in known.labels
                label = self._labels.own_value(index) if own else known.labels[index]
                more |= {"label": named(label), "round": int(known.rounds[index])}
                more |= {"who": DATASET} if own else {}
            entries.append(Entry(self._key(index), **more))
        return entries

    # --- reading ------------------------------------------------------------------------------

    def refresh(self) -> np.ndarray:
        """Take what others have written since; return the indices whose state has changed."""
        if self.ledger is None:
            raise ConfigurationError("the pool has no ledger: pass ledger= when it is made.")
        last, first = self.ledger.last, self._seen == 0
        if last == self._seen:
            return np.empty(0, dtype=np.int64)
        new = None if first else [entry.sample for entry in self.ledger.entries(self._seen)]
        changed = self._take(self.ledger, new)
        self._seen = last
        return changed

    def _take(self, ledger: Ledger, keys: list[str] | None) -> np.ndarray:
        """Bring samples, or all that the ledger has, to their state in the ledger; all or none."""
        current = ledger.current(keys)
        found = {key: self._names.place(key) for key in (current if keys is None else keys)}
        unknown = [key for key, index in found.items() if index is None]
        if unknown and keys is None and len(unknown) == len(found):
            raise ConfigurationError(
                f"{ledger.path} is the ledger of another dataset: the pool has none of its "
                f"{len(found)} samples, such as {unknown[0]!r}."
            )
        if unknown:
            warn(
                f"{len(unknown)} samples of {ledger.path} are not in the pool, such as "
                f"{unknown[0]!r}. Their answers stay in the ledger."
            )
        inside = {i: current.get(key) for key, i in found.items() if i is not None}
        inside = {i: e for i, e in inside.items() if self._known.rounds[i] != OUTSIDE}
        labels = self._checked(ledger, {i: e for i, e in inside.items() if e and not e.reason})
        changed = [i for i, entry in inside.items() if self._differs(i, entry, labels)]
        if changed:
            entries = [inside[i] for i in changed]
            self._known.put(
                np.array(changed, dtype=np.int64),
                [_round(entry) for entry in entries],
                [labels.get(i, ABSENT) for i in changed],
                [ABSENT if e is None or e.reason is None else e.reason for e in entries],
            )
        return np.sort(np.array(changed, dtype=np.int64))

    def _checked(self, ledger: Ledger, entries: dict[int, Entry]) -> dict[int, Any]:
        """Labels of entries by index, if all of them are labels of this pool."""

        def describe(index: int) -> str:
            entry = entries[index]
            by = f" by {entry.who}" if entry.who else ""
            return f"{ledger.path}, entry {entry.seq}{by}: {self._names.describe(index)}"

        ids = np.array(list(entries), dtype=np.int64)
        try:
            labels = self._labels.given([e.label for e in entries.values()], ids, describe)
        except LabelError as error:
            raise LabelError(
                f"{error} Take the entry back (ledger.undo(entry.uid)), or make the pool with the "
                "classes of the ledger."
            ) from None
        return dict(zip(entries, labels, strict=True))

    def _differs(self, index: int, entry: Entry | None, labels: dict[int, Any]) -> bool:
        known = self._known
        label = labels.get(index, ABSENT)
        if known.is_annotated(index) and index not in known.labels and label is not ABSENT:
            same = self._labels.own_value(index) == label
        else:
            same = known.labels.get(index, ABSENT) == label
        reason = None if entry is None else entry.reason
        return not same or (known.rounds.item(index), known.reasons.get(index)) != (
            _round(entry),
            reason,
        )

    def _check_kept(
        self, ids: np.ndarray, labels: dict[int, Any], excluded: dict[int, str]
    ) -> None:
        """Raise a ConfigurationError if a state has what the ledger lacks."""
        keys = np.array(list(labels), dtype=np.int64)
        given = dict(zip(labels, self._labels.given(list(labels.values()), keys), strict=True))
        for index in [*ids.tolist(), *excluded]:
            mine = self._known.labels.get(index, ABSENT)
            there = index in excluded or self._known.is_annotated(index)
            if index in excluded:
                there = self._known.reasons.get(index) == excluded[index]
            elif index in given and mine is not ABSENT:
                there = there and mine == given[index]
            if not there:
                raise ConfigurationError(
                    f"the state has another answer for {self._names.describe(index)} than the "
                    "ledger, whose answers count and are never replaced by a state: load it into "
                    "a pool without ledger=, or with the path of a new one."
                )

    def _key(self, index: int) -> str:
        return str(index) if self._names.texts is None else self._names[index]


def _check_dataset(ledger: Ledger, samples: str) -> None:
    """Raise a ConfigurationError if a ledger is of other samples: "names", or a fingerprint."""
    stored = ledger.agree("samples", samples)
    kinds = {text.partition(":")[0] for text in (stored, samples)}
    if stored == samples or (len(kinds) == 2 and "names" not in kinds):
        return
    if len(kinds) == 1:
        raise ConfigurationError(
            f"{ledger.path} is the ledger of another dataset, or of another order of its samples: "
            "the inputs differ. Give the samples names (names=), so that they are found by name."
        )
    has, remedy = ("names", "pass") if stored == "names" else ("indices", "leave out")
    raise ConfigurationError(f"{ledger.path} has the {has} of its samples: {remedy} names=.")


def _round(entry: Entry | None) -> int:
    """Round of an entry in memory; a label without a round belongs to the first."""
    if entry is None:
        return -1
    return EXCLUDED if entry.reason is not None else entry.round or 0
