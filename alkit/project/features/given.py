"""Contents of samples when the rows of a given file were first read."""

from __future__ import annotations

import json
from contextlib import suppress

import numpy as np

from alkit.atomic import write_whole
from alkit.features.vectors import Job

FILE = "given-contents.json"


def unchanged(job: Job, has: np.ndarray, key: str) -> np.ndarray:
    """Samples ``(N,)`` that have a row of their present content.

    Rows are found by name, and a file may get the name of another one, or be replaced. So the
    content of each sample is kept when its row is first read, until the rows are written again.

    Args:
        job: the samples.
        has: ``(N,)`` whether a sample has a row.
        key: text that differs once the rows or their names are written again.
    """
    path, known = job.folder / FILE, {}
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(path.read_text(encoding="utf-8"))
        known = dict(kept["contents"]) if kept["key"] == key else {}
    pairs = list(zip(job.names, job.contents))
    new = {name: content for (name, content), row in zip(pairs, has) if row and name not in known}
    if new:
        write_whole(path, json.dumps({"key": key, "contents": {**known, **new}}, indent=0))
    return has & np.array([known.get(name, content) == content for name, content in pairs])
