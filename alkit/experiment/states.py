"""State of a trial in files: JSON and tensors, written atomically, with checksums, not pickled."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import torch

from alkit.atomic import write_whole
from alkit.errors import FolderError
from alkit.evidence.whole import STATE, checksum
from alkit.experiment.trial import State
from alkit.strategies.identity import differences


class StateFiles:
    """Files of one trial: ``state.json``, and ``weights-N.pt`` until it is finished.

    The state names its weights file and checksum, and is written after the weights: whenever the
    process is killed, a complete state with its weights exists. Cost: a write waits until the data
    are on disk. The weights are written once, or in each round with a warm start.

    Args:
        folder: folder of the trial.
        owner: strategy, seed and comparison of the trial, which its states name. Default: any.
    """

    def __init__(self, folder: Path, owner: Mapping[str, Any] | None = None) -> None:
        self.folder = folder
        self.owner = dict(owner or {})
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
        whole = {"trial": self.owner, "state": plain, "sha256": checksum(self.owner, plain)}
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
            plain, owner = whole["state"], whole["trial"]
            if whole["sha256"] != checksum(owner, plain):
                raise ValueError("its checksum does not match")
            if plain.keys() != {field.name for field in fields(State)}:
                raise ValueError("it was written by another version of alkit")
            if not all(isinstance(row, dict) for row in plain["rows"]):
                raise ValueError("its rows are not objects")
            if plain["weights"] is not None:
                self._file_of(plain["weights"])
        except FileNotFoundError:
            return None
        except NotADirectoryError as error:
            raise FolderError(
                f"{path} cannot be read: {self.folder}, or {self.folder.parent}, is a file. Move "
                "it away and start again."
            ) from error
        except OSError as error:
            raise self._unread(path, error) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._damaged(path, error) from error
        if self.owner and owner != self.owner:
            raise self._of_another(path, owner)
        self._weights = plain["weights"]
        return State(**{**plain, "weights": self._read_weights() if weights else None})

    def _file_of(self, weights: Mapping[str, str]) -> Path:
        """The weights file that a state names, in the folder of the trial."""
        name = weights["file"]
        if name != Path(name).name or not re.fullmatch(r"weights-\d+\.pt", name):
            raise ValueError(f"it names {name!r} for the weights")
        return self.folder / name

    def _read_weights(self) -> dict[str, dict[str, Any]] | None:
        if self._weights is None:
            return None
        path = self._file_of(self._weights)
        try:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != self._weights["sha256"]:
                raise ValueError("its checksum does not match")
        except FileNotFoundError as error:
            raise self._damaged(path, "it is missing") from error
        except OSError as error:
            raise self._unread(path, error) from error
        except (ValueError, KeyError) as error:
            raise self._damaged(path, error) from error
        try:
            weights = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        except Exception as error:  # torch has no common class for damaged files
            raise self._damaged(path, "it is not a file of weights") from error
        if not isinstance(weights, dict) or not weights.keys() <= {"initial", "model"}:
            raise self._damaged(path, "it is not a file of the weights of a trial")
        return weights

    def _unread(self, path: Path, error: OSError) -> FolderError:
        return FolderError(
            f"{path} cannot be read: {error.strerror or error}. Make it readable and start again."
        )

    def _of_another(self, path: Path, owner: Any) -> FolderError:
        return FolderError(
            f"{path} is the state of another trial: {'; '.join(differences(owner, self.owner))}. "
            f"Move {self.folder} back to where it came from, or remove it to repeat this trial."
        )

    def _damaged(self, path: Path, reason: object) -> FolderError:
        return FolderError(
            f"{path} is damaged: {reason}. The other trials, and records.csv, are unchanged. "
            f"Remove the folder {self.folder} and start again to repeat this trial."
        )


def _packed(weights: dict[str, dict[str, Any]]) -> bytes:
    packed = io.BytesIO()
    torch.save(weights, packed)
    return packed.getvalue()
