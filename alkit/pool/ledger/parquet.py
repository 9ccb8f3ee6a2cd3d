"""Rows of a ledger as a Parquet file, by pyarrow."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alkit.errors import LabelError, MissingPackageError

TYPES = {"round": "int64", "score": "float64", "guess_shown": "bool_", "seconds": "float64"}


def to_bytes(columns: Mapping[str, Sequence[Any]], format: str) -> bytes:
    """Content of a file with columns of texts, numbers and, as ``at``, times."""
    arrow, parquet = _arrow()
    fields = []
    for name in columns:
        kind = getattr(arrow, TYPES.get(name, "string"))()
        fields.append((name, arrow.timestamp("us", tz="UTC") if name == "at" else kind))
    schema = arrow.schema(fields, metadata={"format": format})
    times = {"at": [datetime.fromtimestamp(at, UTC) for at in columns["at"]]}
    whole = io.BytesIO()
    parquet.write_table(arrow.table({**columns, **times}, schema=schema), whole)
    return whole.getvalue()


def from_file(path: Path) -> tuple[list[dict[str, Any]], str]:
    """Rows of a file, and the format that its writer states, or an empty text.

    Raises:
        LabelError: it cannot be read.
    """
    arrow, parquet = _arrow()
    try:
        table = parquet.read_table(io.BytesIO(path.read_bytes()))
    except arrow.ArrowException as error:
        raise LabelError(f"{path} is not a Parquet file: {error}.") from error
    return table.to_pylist(), (table.schema.metadata or {}).get(b"format", b"").decode()


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingPackageError(
            "Parquet files need pyarrow: pip install 'alkit[parquet]'. Without it, use a .csv or "
            ".json file."
        ) from error
    return pyarrow, pyarrow.parquet
