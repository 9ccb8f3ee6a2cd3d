"""Folder of a comparison: its protocol, its records, and the state of each trial."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from alkit.atomic import append, write_whole
from alkit.errors import FolderError
from alkit.evidence import records_csv
from alkit.evidence.records import PROTOCOL, RECORDS, in_order
from alkit.evidence.records_csv import Row
from alkit.experiment.states import StateFiles
from alkit.experiment.trial import State, Trial

LATER = ("ceiling", "failures")  # protocol entries that are known only at the end
PLACE = ("python", "torch_threads", "command")  # protocol entries that do not affect the records


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
        there = self.path / PROTOCOL
        try:
            before = json.loads(there.read_text(encoding="utf-8"))
        except FileNotFoundError:
            if (self.path / RECORDS).exists():
                raise FolderError(
                    f"{self.path} has a {RECORDS} but no {PROTOCOL}: alkit did not write it, or "
                    "part of it is missing. Use another folder."
                ) from None
            return
        except (OSError, ValueError) as error:
            raise FolderError(f"{there} is damaged: {error}. Use another folder.") from error
        now = json.loads(json.dumps(protocol, default=str))
        names = [*dict.fromkeys([*before, *now])]
        changed = [
            f"{name} was {before.get(name)!r} and is {now.get(name)!r}"
            for name in names
            if name not in (*LATER, *PLACE) and before.get(name) != now.get(name)
        ]
        if changed:
            raise FolderError(
                f"{self.path} holds another comparison: {'; '.join(changed)}. Use the same "
                "settings as before, or another folder."
            )

    def files(self, trial: Trial) -> StateFiles:
        """The files of a trial; the same object each time, since it tracks the weights file."""
        name, seed = trial.key
        at = self.path / "trials" / f"{quote(name, safe=' ')}-{seed}"
        return self._files.setdefault(trial.key, StateFiles(at))

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
