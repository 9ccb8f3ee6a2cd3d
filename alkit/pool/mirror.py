"""Mirror of a ledger in the memory of a pool."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from alkit.errors import ConfigurationError, LabelError, warn
from alkit.pool.annotations import EXCLUDED, OUTSIDE, Annotations
from alkit.pool.labeling import Labeling
from alkit.pool.labels import ABSENT
from alkit.pool.ledger import Entry, Ledger
from alkit.pool.names import Names


class Mirror:
    """The state of a pool, brought to that of a ledger.

    The key of a sample is its name, or its index in a pool without names; a ledger of indices has
    the fingerprint of its dataset.

    Args:
        ledger: the ledger.
        known: state of the pool.
        labels: labels of the pool.
        names: names of the samples.
    """

    def __init__(self, ledger: Ledger, known: Annotations, labels: Labeling, names: Names) -> None:
        self._ledger, self._known, self._labels, self._names = ledger, known, labels, names
        self._agreed = False  # whether the numbers of the classes are those of the ledger

    def key(self, index: int) -> str:
        """Key of a sample in the ledger."""
        return str(index) if self._names.texts is None else self._names[index]

    def agree_on_classes(self, labels: Iterable[object]) -> None:
        """Let the ledger keep the numbers of the classes, if labels hold numbers or places of them.

        Raises:
            ConfigurationError: the ledger has another order of the classes.
        """
        classes, at = self._labels.gate.classes, 0
        if classes is None or self._agreed:
            return
        if not any(map(_has_numbers, labels)):
            return
        while at < len(classes):
            fact = json.dumps(classes[at:], ensure_ascii=False)
            stored = json.loads(self._ledger.agree(f"classes from {at}", fact))
            pairs = enumerate(zip(classes[at:], stored), at)
            for number, (here, there) in ((k, p) for k, p in pairs if p[0] != p[1]):
                raise ConfigurationError(
                    f"{self._ledger.path} has labels with class numbers, in which {number} is "
                    f"{there!r}, and this pool has {here!r} there, so its numbers would change "
                    "their meaning: pass the same classes= in the same order, new ones at the end."
                )
            at += len(stored)
        self._agreed = True

    def take(self, keys: list[str] | None) -> np.ndarray:
        """Bring samples, or all that the ledger has, to their state in the ledger; all or none."""
        ledger = self._ledger
        current = ledger.current(keys)
        found = {key: self._names.place(key) for key in (current if keys is None else keys)}
        unknown = [key for key, index in found.items() if index is None]
        is_lost = keys is None and len(unknown) == len(found) > 0
        if is_lost and ledger.agree("owner", "pool") != "project":
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
        labels = self._checked({i: e for i, e in inside.items() if e and not e.reason})
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

    def _checked(self, entries: dict[int, Entry]) -> dict[int, Any]:
        """Labels of entries by index, if all of them are labels of this pool."""

        def describe(index: int) -> str:
            entry = entries[index]
            by = f" by {entry.who}" if entry.who else ""
            return f"{self._ledger.path}, entry {entry.seq}{by}: {self._names.describe(index)}"

        self.agree_on_classes(entry.label for entry in entries.values())
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

    def check_state(
        self, ids: np.ndarray, labels: dict[int, Any], excluded: dict[int, str]
    ) -> None:
        """Raise a ConfigurationError if a state has what the ledger lacks."""
        keys = np.array(list(labels), dtype=np.int64)
        values = self._labels.stored(labels, keys)
        given = dict(zip(labels, values, strict=True))
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


def check_dataset(ledger: Ledger, samples: str) -> None:
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


def _has_numbers(label: object) -> bool:
    """True for arrays, or boxes with numbers of classes; a class alone is stored by its name."""
    if isinstance(label, dict):
        return any(isinstance(part, int) for part in label.get("labels", ()))
    return isinstance(label, list) and not all(isinstance(part, str) for part in label)


def _round(entry: Entry | None) -> int:
    """Round of an entry in memory; a label without a round belongs to the first."""
    if entry is None:
        return -1
    return EXCLUDED if entry.reason is not None else entry.round or 0
