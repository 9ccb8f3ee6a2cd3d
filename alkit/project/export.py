"""Files of a project's labels."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alkit.atomic import write_whole
from alkit.errors import ConfigurationError
from alkit.pool.ledger import Entry
from alkit.spreadsheet import escaped

COLUMNS = ("name", "label", "reason", "who", "at", "round", "why", "prediction", "probability")


def write(
    path: Path, answers: Iterable[Entry], predictions: Mapping[str, tuple[str, float]]
) -> int:
    """Write one row per sample with an answer or a prediction; return the number of rows.

    Args:
        path: path of a CSV, JSON or Parquet file.
        answers: the answer that counts for each sample.
        predictions: class and probability by the model, of samples without an answer.

    Raises:
        ConfigurationError: the suffix is another one.
        FolderError: the file cannot be written; an older one is unchanged.
    """
    rows = [_answer(entry) for entry in answers]
    rows += [
        {"name": name, "prediction": label, "probability": round(sure, 4)}
        for name, (label, sure) in predictions.items()
    ]
    rows.sort(key=lambda row: row["name"])
    writers = {".csv": _csv, ".json": _json, ".parquet": _parquet}
    if path.suffix.lower() not in writers:
        raise ConfigurationError(
            f"{path}: labels are written to .csv, .json or .parquet files; give one of these "
            "suffixes."
        )
    write_whole(path, writers[path.suffix.lower()](rows))
    return len(rows)


def _answer(entry: Entry) -> dict[str, Any]:
    at = datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="seconds")
    row = {"name": entry.sample, "label": entry.label, "reason": entry.reason, "who": entry.who}
    return {**row, "at": at, "round": entry.round, "why": entry.why}


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO(newline="")
    writer: Any = csv.DictWriter(text, COLUMNS, restval="")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {key: escaped(value) if isinstance(value, str) else value for key, value in row.items()}
        )
    return text.getvalue()


def _json(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, ensure_ascii=False, indent=1)


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise ConfigurationError(
            "Parquet files need pyarrow: pip install 'alkit[parquet]', or write a .csv file."
        ) from None
    columns = {name: [row.get(name) for row in rows] for name in COLUMNS}
    sink = io.BytesIO()
    parquet.write_table(pa.table(columns), sink)
    return sink.getvalue()
