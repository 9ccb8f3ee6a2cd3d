"""The result of a comparison from its folder."""

from __future__ import annotations

from pathlib import Path

from alkit.result import Result


def load(folder: str | Path) -> Result:
    """The result that ``compare(..., folder=)`` or ``result.save`` wrote, as far as it has come.

    Reads ``records.csv`` and ``protocol.json``, also while a comparison writes them. Of one that
    is not finished, ``load(folder).paired()`` has the seeds that can be compared.

    Raises:
        FolderError: there are no results, or they are damaged.
    """
    return Result.load(folder)
