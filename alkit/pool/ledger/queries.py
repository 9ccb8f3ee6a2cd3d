"""SQL of a ledger: its rows as entries are read and written."""

from __future__ import annotations

import json
from collections.abc import Iterable

from alkit.pool.ledger.entry import COLUMNS

SELECT = f"SELECT seq, {', '.join(COLUMNS)}, checksum FROM"
INSERT = (
    f"INSERT INTO entry ({', '.join(COLUMNS)}, checksum) "
    f"VALUES ({', '.join('?' * (len(COLUMNS) + 1))}) ON CONFLICT (uid) DO NOTHING"
)
FEW = 500  # samples in a query; SQLite allows at least 999 values


def among(samples: Iterable[str] | None) -> tuple[str, list[str]]:
    """Condition on the samples, and its values; a few of them are found by the index."""
    if samples is None:
        return "", []
    keys = list(samples)
    if len(keys) <= FEW:
        return f"WHERE sample IN ({', '.join('?' * len(keys))})", keys
    return "WHERE sample IN (SELECT value FROM json_each(?))", [json.dumps(keys)]
