"""Book of a pool: its annotations in a ledger, and those of others in the same ledger."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np

from alkit.errors import ConfigurationError
from alkit.pool.annotations import EXCLUDED, Annotations
from alkit.pool.csv_labels import Origins
from alkit.pool.following import is_follower, wait_for
from alkit.pool.identity import Identity
from alkit.pool.labeling import Labeling
from alkit.pool.labels import plain
from alkit.pool.ledger import Entry, Ledger
from alkit.pool.ledger.entry import DATASET
from alkit.pool.mirror import Mirror, check_dataset
from alkit.pool.names import Names
from alkit.pool.query import Query


class Book:
    """The annotations of a pool, written to a ledger if there is one, else in memory alone.

    A label is stored as the name of its class if the classes have names. Memory is changed first,
    since a label is read only when it is paid for, and changed back if the ledger cannot be
    written.

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
        self._known, self._labels = known, labels
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
        check_dataset(self.ledger, "names" if names.texts is not None else identity.fingerprint)
        self._mirror = Mirror(self.ledger, known, labels, names)
        self.refresh()

    def keep(
        self, ids: np.ndarray, asked: object = None, *, new: bool = False, who: str = ""
    ) -> None:
        """Write the last change of the pool, or undo it if the ledger refuses it.

        Args:
            ids: the samples of the change.
            asked: the Query of these samples, or the Origins of rows of its file; else ignored.
            new: True if none of the samples may have an answer in the ledger.
            who: name of who gave the labels. Default: that of the ledger.
        """
        if self.ledger is None or not len(ids):
            return
        try:
            included = (self._known.rounds[ids] == -1).all()
            if is_follower():
                added: list[Entry] = []
                if not included:
                    wait_for(self.ledger, self._entries(ids, asked, who), self._seen)
            elif included:
                live = self.ledger.live(map(self._mirror.key, ids.tolist()))
                added = self.ledger.undo(*(entry.uid for entry in live))
            else:
                entries = self._entries(ids, asked, who)
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
        if is_follower():
            self._written.pop()
            return self._known.undo()
        written = self._written[-1]
        if any(entry.undoes is not None for entry in written):  # an inclusion: exclude again
            ids, *_, reasons = self._known.last_change
            keys = map(self._mirror.key, ids.tolist())
            again = [Entry(key, reason=reason) for key, reason in zip(keys, reasons, strict=True)]
            self.ledger.add(again)
        else:
            self.ledger.undo(*(entry.uid for entry in written))
        self._written.pop()
        ids = self._known.undo()
        self._mirror.take([self._mirror.key(index) for index in ids.tolist()])  # others' answers
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
            self._mirror.check_state(ids, labels, excluded)
            return
        self._labels.load(ids, rounds, labels, excluded)
        if self.ledger is None or is_follower():
            return
        try:
            self.ledger.add(self._entries(np.array([*ids.tolist(), *excluded], dtype=int)))
        except BaseException:
            self._known.restore(ids[:0], [], {}, {})
            raise
        self._written.clear()

    def _entries(self, ids: np.ndarray, asked: object = None, who: str = "") -> list[Entry]:
        """Entries of samples as they are in memory."""
        named, known = self._labels.named, self._known
        entries = []
        for k, index in enumerate(ids.tolist()):
            more = {**self._origin(asked, k), "who": who}
            if known.rounds[index] == EXCLUDED:
                more["reason"] = known.reasons[index]
            else:
                own = index not in known.labels
                label = self._labels.own_value(index) if own else known.labels[index]
                more |= {"label": named(label), "round": int(known.rounds[index])}
                more["who"] = DATASET if own else who
            entries.append(Entry(self._mirror.key(index), **more))
        self._mirror.check_classes(entry.label for entry in entries)
        return entries

    def _origin(self, asked: object, k: int) -> dict[str, Any]:
        """Rule, score and guess by which a sample was queried, as far as they are known."""
        if isinstance(asked, Origins):
            return dict(asked[k])
        if not isinstance(asked, Query):
            return {}
        origin: dict[str, Any] = {"why": asked.reasons[k] if asked.reasons else asked.why}
        if asked.scores is not None:
            origin["score"] = float(asked.scores[k])
        if asked.guesses is not None:
            origin["guess"] = self._labels.named(plain(asked.guesses[k]))
        return origin

    def refresh(self) -> np.ndarray:
        """Take what others have written since; return the indices whose state has changed."""
        if self.ledger is None:
            raise ConfigurationError("the pool has no ledger: pass ledger= when it is made.")
        last, first = self.ledger.last, self._seen == 0
        if last == self._seen:
            return np.empty(0, dtype=np.int64)
        new = None if first else [entry.sample for entry in self.ledger.entries(self._seen)]
        changed = self._mirror.take(new)
        self._seen = last
        return changed
