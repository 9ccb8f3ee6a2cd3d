"""Labels from a CSV file that people filled in."""

from __future__ import annotations

import csv
import os
from typing import Any

from alkit.errors import LabelError


def read_labels(path: str | os.PathLike[str]) -> tuple[list[int], list[Any], int | None]:
    """Read the labeled rows of a CSV file from ``Query.save``: ids, labels, round.

    Labels that look like a number become one, an integer if it is whole (``3.0`` becomes 3, since
    spreadsheets write it that way); any other text stays text. Rows without a label are skipped:
    they can be read later. The round is that of the rows, or None if they differ or have none.

    Raises:
        LabelError: no column ``id`` or ``label``, an id that is not a number (the error states
            its line), or a file that is not UTF-8 text.
    """
    ids: list[int] = []
    labels: list[Any] = []
    rounds: set[str] = set()
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = {"id", "label"} - set(reader.fieldnames or ())
            if missing:
                raise LabelError(
                    f"{os.fspath(path)} needs the columns id and label; "
                    f"missing: {', '.join(sorted(missing))}."
                )
            for row in reader:
                text = (row["label"] or "").strip()
                if not text:
                    continue
                if not (row["id"] or "").strip().isdecimal():
                    where = f"{os.fspath(path)}, line {reader.line_num}"
                    raise LabelError(f"{where}: expected a dataset index as id, got {row['id']!r}.")
                ids.append(int(row["id"]))
                labels.append(_parsed(text))
                rounds.add((row.get("round") or "").strip())
    except UnicodeDecodeError as error:
        raise LabelError(f"{os.fspath(path)} is not UTF-8 text: save it as UTF-8.") from error
    shared = rounds.pop() if len(rounds) == 1 else ""
    return ids, labels, int(shared) if shared.isdecimal() else None


def _parsed(text: str) -> int | float | str:
    if "_" in text:  # Python reads 1_000 as a number, people do not
        return text
    try:
        number = float(text)
    except ValueError:
        return text
    try:
        return int(text)
    except ValueError:
        return int(number) if number.is_integer() else number
