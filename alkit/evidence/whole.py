"""Checks that the results in a folder are whole and belong together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alkit.evidence.records_csv import Row

PROTOCOL, TRIALS, STATE = "protocol.json", "trials", "state.json"
LISTS = ("strategies", "seeds")  # entries of the protocol that are lists
OBJECTS = ("parts", "data")  # entries that are objects
NEEDED = ("strategy", "seed", "round", "annotated")


def read_protocol(folder: Path) -> dict[str, Any]:
    """The protocol of a folder.

    Raises:
        ValueError: it is not a JSON object, or an entry is of the wrong kind.
        OSError: it cannot be read.
    """
    protocol = json.loads((folder / PROTOCOL).read_text(encoding="utf-8"))
    if not isinstance(protocol, dict):
        raise ValueError(f"{PROTOCOL} is a {type(protocol).__name__}, not an object")
    for name in LISTS:
        if not isinstance(protocol.get(name, []), list):
            raise ValueError(f"{name} in {PROTOCOL} is not a list: {protocol[name]!r}")
    for name in OBJECTS:
        if not isinstance(protocol.get(name, {}), dict):
            raise ValueError(f"{name} in {PROTOCOL} is not an object: {protocol[name]!r}")
    return protocol


def check_rows(rows: Sequence[Row], protocol: Mapping[str, Any], folder: Path) -> None:
    """Raise a ValueError for rows of which some, or some columns, are missing or changed.

    Rounds missing at the end of a trial are not noticed: it may be running. Numbers are compared
    with the states of the trials, where there are any.
    """
    if not rows:
        return
    metric = protocol.get("metric")
    for name in (*NEEDED, *([] if metric is None else [metric])):
        lacking = [k for k, row in enumerate(rows) if name not in row]
        if len(lacking) == len(rows):
            raise ValueError(f"records.csv has no column {name!r}")
        if lacking and name in NEEDED:
            raise ValueError(f"records.csv, row {lacking[0] + 1}: there is no {name!r}")
    trials: dict[tuple[Any, Any], list[Row]] = {}
    for row in rows:
        trials.setdefault((row["strategy"], row["seed"]), []).append(row)
    for (name, seed), found in trials.items():
        rounds = sorted(row["round"] for row in found)
        if rounds != list(range(len(rounds))):
            missing = next(k for k, round in enumerate([*rounds, None]) if k != round)
            raise ValueError(
                f"records.csv lacks round {missing} of {name!r}, seed {seed}, or has a round twice"
            )
    for row in _states(folder):
        for own in trials.get((row.get("strategy"), row.get("seed")), ()):
            if own["round"] == row.get("round"):
                _compare(own, row)


def checksum(trial: object, state: object) -> str:
    """Checksum of the state of a trial in plain values."""
    return hashlib.sha256(json.dumps([trial, state]).encode()).hexdigest()


def _states(folder: Path) -> list[Row]:
    """Rows of the trials in a folder, as far as their states can be read."""
    rows: list[Row] = []
    for path in sorted((folder / TRIALS).glob(f"*/{STATE}")):
        try:
            whole = json.loads(path.read_text(encoding="utf-8"))
            if whole["sha256"] == checksum(whole["trial"], whole["state"]):
                rows += [row for row in whole["state"]["rows"] if isinstance(row, dict)]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # a damaged state is reported when the comparison is resumed
    return rows


def _compare(own: Row, state: Row) -> None:
    for name in dict.fromkeys([*state, *own]):
        one, other = own.get(name, ""), state.get(name, "")
        if one != other and repr(one) != repr(other):  # NaN is not equal to itself
            raise ValueError(
                f"records.csv has {name}={one!r} in round {own['round']} of {own['strategy']!r}, "
                f"seed {own['seed']}, and its state has {other!r}"
            )
