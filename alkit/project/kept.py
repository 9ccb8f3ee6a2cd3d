"""Status and labels of a project whose samples are not there, from its folder alone."""

from __future__ import annotations

from pathlib import Path

from alkit.errors import ProjectError
from alkit.pool.ledger import Ledger
from alkit.project import export
from alkit.project.catalog import FILE as SAMPLES
from alkit.project.catalog import Catalog
from alkit.project.opening import LABELS
from alkit.project.results import Results
from alkit.project.settings import FILE, Settings
from alkit.project.status import Status, status


def status_of(folder: Path, note: str) -> Status:
    """Status of a project as it was when it was last opened.

    Args:
        folder: folder of the project.
        note: reason why it cannot be opened.

    Raises:
        ProjectError: a file of the folder is missing or damaged.
    """
    settings = Settings.read(folder / FILE)
    catalog, results = Catalog.read(folder / SAMPLES), Results(folder)
    with _labels(folder) as ledger:
        return status(settings, catalog, ledger, results, [note])


def export_of(folder: Path, path: Path) -> int:
    """Write the labels of a project to a file; return the number of rows.

    Raises:
        ProjectError: the labels are missing.
        ConfigurationError: the suffix of the path is not one of a file of labels.
        FolderError: the file cannot be written.
    """
    with _labels(folder) as ledger:
        return export.write(path, ledger.current().values(), {})


def _labels(folder: Path) -> Ledger:
    if not (folder / LABELS).exists():
        raise ProjectError(f"{folder} has no labels: {LABELS} is missing.")
    return Ledger(folder / LABELS)
