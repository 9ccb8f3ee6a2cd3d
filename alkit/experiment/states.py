"""The state of a trial in files: plain JSON and tensors, whole and checked, nothing pickled."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import torch

from alkit.errors import FolderError
from alkit.evidence.atomic import write_whole
from alkit.experiment.trial import State

STATE = "state.json"


class StateFiles:
    """The files of one trial: ``state.json``, and ``weights-N.pt`` while it is not finished.

    The state names its weights with their checksum, and is written after them: whenever the
    process is killed there is a whole state with its weights. Writing costs what the disk takes
    to confirm; the weights are written once, or each round of a warm start.

    Args:
        folder: of the trial.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._weights: dict[str, str] | None = None  # file and checksum

    def write(self, state: State) -> None:
        """Put a state in the place of the one before.

        Raises:
            FolderError: it cannot be written; the one before is as it was.
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
        """The state as it was written last, exactly; None where there is none.

        Args:
            weights: also read the weights.

        Raises:
            FolderError: a file is damaged, or cannot be read.
        """
        path = self.folder / STATE
        try:
            whole = json.loads(path.read_text(encoding="utf-8"))
            plain = whole["state"]
            if whole["sha256"] != _checksum(plain):
                raise ValueError("its checksum does not fit")
            if plain.keys() != {field.name for field in fields(State)}:
                raise ValueError("it is of another version of alkit")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._damaged(path, error) from error
        self._weights = plain["weights"]
        return State(**{**plain, "weights": self._read_weights() if weights else None})

    def _read_weights(self) -> Any:
        if self._weights is None:
            return None
        path = self.folder / self._weights["file"]
        try:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != self._weights["sha256"]:
                raise ValueError("its checksum does not fit")
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        except (OSError, ValueError) as error:
            raise self._damaged(path, error) from error

    def _damaged(self, path: Path, error: Exception) -> FolderError:
        return FolderError(
            f"{path} is damaged: {error}. The other trials, and records.csv, are as they were. "
            f"Remove the folder {self.folder} to run this trial anew, and start again."
        )


def _packed(weights: dict[str, dict[str, Any]]) -> bytes:
    packed = io.BytesIO()
    torch.save(weights, packed)
    return packed.getvalue()


def _checksum(plain: Any) -> str:
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()
