"""State of a trial in files: JSON and tensors, written atomically, with checksums, not pickled."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import torch

from alkit.atomic import write_whole
from alkit.errors import FolderError
from alkit.experiment.trial import State

STATE = "state.json"


class StateFiles:
    """Files of one trial: ``state.json``, and ``weights-N.pt`` until it is finished.

    The state names its weights file and checksum, and is written after the weights: whenever the
    process is killed, a complete state with its weights exists. Cost: a write waits until the data
    are on disk. The weights are written once, or in each round with a warm start.

    Args:
        folder: folder of the trial.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._weights: dict[str, str] | None = None  # file and checksum

    def write(self, state: State) -> None:
        """Replace the previous state.

        Raises:
            FolderError: the state cannot be written; the previous one is unchanged.
        """
        if state.weights is not None and not state.finished:
            content = _packed(state.weights)
            name = f"weights-{len(state.rows)}.pt"
            write_whole(self.folder / name, content)
            self._weights = {"file": name, "sha256": hashlib.sha256(content).hexdigest()}
        if state.finished:
            self._weights = None
        plain = {**asdict(replace(state, weights=None)), "weights": self._weights}
        whole = {"state": plain, "sha256": _checksum(plain)}
        write_whole(self.folder / STATE, json.dumps(whole) + "\n")
        current = None if self._weights is None else self._weights["file"]
        for old in self.folder.glob("weights-*.pt"):
            if old.name != current:
                old.unlink(missing_ok=True)

    def read(self, *, weights: bool = True) -> State | None:
        """The last state exactly as it was written; None if there is none.

        Args:
            weights: True to read the weights as well.

        Raises:
            FolderError: a file is damaged or cannot be read.
        """
        path = self.folder / STATE
        try:
            whole = json.loads(path.read_text(encoding="utf-8"))
            plain = whole["state"]
            if whole["sha256"] != _checksum(plain):
                raise ValueError("its checksum does not match")
            if plain.keys() != {field.name for field in fields(State)}:
                raise ValueError("it was written by another version of alkit")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._damaged(path, error) from error
        self._weights = plain["weights"]
        return State(**{**plain, "weights": self._read_weights() if weights else None})

    def _read_weights(self) -> dict[str, dict[str, Any]] | None:
        if self._weights is None:
            return None
        path = self.folder / self._weights["file"]
        try:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != self._weights["sha256"]:
                raise ValueError("its checksum does not match")
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        except (OSError, ValueError) as error:
            raise self._damaged(path, error) from error

    def _damaged(self, path: Path, error: Exception) -> FolderError:
        return FolderError(
            f"{path} is damaged: {error}. The other trials, and records.csv, are unchanged. "
            f"Remove the folder {self.folder} and start again to repeat this trial."
        )


def _packed(weights: dict[str, dict[str, Any]]) -> bytes:
    packed = io.BytesIO()
    torch.save(weights, packed)
    return packed.getvalue()


def _checksum(plain: object) -> str:
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()
