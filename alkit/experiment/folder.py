"""Folder of a comparison: its protocol, its records, and the state of each trial."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from alkit.atomic import append, write_whole
from alkit.errors import FolderError
from alkit.evidence import records_csv
from alkit.evidence.records import RECORDS, in_order
from alkit.evidence.records_csv import Row
from alkit.evidence.whole import PROTOCOL, STATE, TRIALS, read_protocol
from alkit.experiment.states import StateFiles
from alkit.experiment.trial import State, Trial, quoted
from alkit.strategies.identity import differences

LATER = ("ceiling", "failures")  # protocol entries that are known only at the end
PLACE = ("python", "torch_threads", "command")  # protocol entries that do not affect the records
MADE = ("made", "labels", "rising")  # protocol entries that "parts" and "data" state in detail


class Folder:
    """Folder that a comparison writes to: ``protocol.json``, ``records.csv``, ``trials/``.

    The states of the trials are authoritative. ``records.csv`` repeats their rows for people and
    other programs; it is rewritten from the states at each start and appended to once per round.

    Args:
        path: path of the folder, which is created if it is missing.
        protocol: protocol of the comparison.

    Raises:
        FolderError: the folder cannot be written, or holds results of another configuration or a
            damaged file. Nothing in it is changed.
    """

    def __init__(self, path: Path, protocol: Mapping[str, Any]) -> None:
        self.path = path
        self._columns: list[str] = []
        self._files: dict[tuple[str, int], StateFiles] = {}
        self._check(protocol)
        self.protocol = dict(protocol)

    def _check(self, protocol: Mapping[str, Any]) -> None:
        now = checked(protocol)
        owner = json.dumps(_without_values(now, list(now.get("parts", {}))), sort_keys=True)
        self._owner = hashlib.sha256(owner.encode()).hexdigest()[:16]
        try:
            before = read_protocol(self.path)
        except FileNotFoundError:
            if (self.path / RECORDS).exists():
                self._check_trials(
                    f"{self.path} has a {RECORDS} but no {PROTOCOL}: alkit did not write it, or "
                    "part of it is missing."
                )
            return
        except (OSError, ValueError) as error:
            self._check_trials(f"{self.path / PROTOCOL} is damaged: {error}.")
            return
        if before.keys() >= {"strategies", "rounds"} and not before.keys() >= {"data", "parts"}:
            raise FolderError(
                f"{self.path} was written by an earlier version of alkit, which did not keep what "
                "data and networks it was made with. Use another folder; alkit.load reads this one."
            )
        before = checked(before)
        both = before.get("parts", {}).keys() & now.get("parts", {}).keys()
        for side in (before, now):
            side["parts"] = {name: side.get("parts", {})[name] for name in both}
        begun = [name for name in both if self._goes_on(name, now.get("seeds", []))]
        if changed := differences(_without_values(before, begun), _without_values(now, begun)):
            raise FolderError(
                f"{self.path} holds another comparison: {'; '.join(changed)}. Use the same "
                "settings as before, or another folder."
            )

    def _goes_on(self, name: str, seeds: Iterable[int]) -> bool:
        """True if all trials of a strategy have begun, and not all are finished.

        Their states have the weights, so a network that was drawn anew is not used.
        """
        paths = [self.path / TRIALS / f"{quoted(name)}-{seed}" / STATE for seed in seeds]
        begun = all(path.is_file() for path in paths)
        return begun and not all(is_finished(path) for path in paths)

    def _check_trials(self, problem: str) -> None:
        """Raise unless the states of the trials, which are whole, are of this comparison."""
        owners = [owner_of(path) for path in (self.path / TRIALS).glob(f"*/{STATE}")]
        if not owners:
            raise FolderError(f"{problem} Use another folder.")
        if any(owner is not None and owner != self._owner for owner in owners):
            raise FolderError(
                f"{problem} Its trials are whole, but not of this comparison: the call that wrote "
                "them writes the rest anew. Use that one, or another folder."
            )

    def files(self, trial: Trial) -> StateFiles:
        """The files of a trial; the same object each time, since it tracks the weights file."""
        name, seed = trial.key
        at = self.path / TRIALS / f"{quoted(name)}-{seed}"
        owner = {"strategy": name, "seed": seed, "comparison": self._owner}
        return self._files.setdefault(trial.key, StateFiles(at, owner))

    def open(self, states: Iterable[State], **protocol: object) -> None:
        """Write the records of these states, and the protocol with further entries."""
        self.protocol.update(protocol)
        text = json.dumps(self.protocol, indent=2, default=str)
        write_whole(self.path / PROTOCOL, text + "\n")
        rows = in_order([row for state in states for row in state.rows], self.protocol)
        self._columns = records_csv.columns(rows)
        write_whole(self.path / RECORDS, records_csv.as_text(rows))

    def add(self, rows: list[Row], states: Iterable[State]) -> None:
        """Append rows to the records; rewrite the whole table if they have new columns."""
        if set(records_csv.columns(rows)) <= set(self._columns):
            append(
                self.path / RECORDS, "".join(records_csv.line(row, self._columns) for row in rows)
            )
        elif rows:
            self.open(states)


def checked(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of a protocol that determine the records, as JSON returns them."""
    plain = json.loads(json.dumps(protocol, default=str))
    left_out = (*LATER, *PLACE, *MADE)
    return {name: value for name, value in plain.items() if name not in left_out}


def _without_values(protocol: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The protocol without the values of the weights that some strategies begin with."""
    parts = {name: dict(part) for name, part in protocol.get("parts", {}).items()}
    for name in names:
        weights = parts[name].get("weights")
        if isinstance(weights, dict):
            parts[name]["weights"] = {key: v for key, v in weights.items() if key != "values"}
    return {**protocol, "parts": parts}


def is_finished(state: Path) -> bool:
    """True if a state is of a finished trial; False if it cannot be read, which is found later."""
    try:
        return bool(json.loads(state.read_text(encoding="utf-8"))["state"]["finished"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def owner_of(state: Path) -> str | None:
    """The comparison that a state was written by; None if it cannot be read."""
    try:
        return str(json.loads(state.read_text(encoding="utf-8"))["trial"]["comparison"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
