import pytest

from alkit.errors import ProjectError
from alkit.project.kept import export_of, status_of


def test_a_folder_alone_has_its_status_and_labels(points):
    project = points.project()
    project.label(12, oracle=points.oracle)
    project.train()
    project.close()
    (points.folder / "points.npy").unlink()
    found = status_of(project.folder, "there is no points.npy.")
    assert (found.labeled, found.total) == (12, 60)
    assert found.notes[-1] == "there is no points.npy."
    assert export_of(project.folder, points.folder / "l.csv") == 12


def test_labels_that_are_missing_are_not_created(points):
    project = points.project()
    project.close()
    (project.folder / "labels.db").unlink()
    for action in (
        lambda: status_of(project.folder, ""),
        lambda: export_of(project.folder, "l.csv"),
    ):
        with pytest.raises(ProjectError, match=r"labels\.db is missing"):
            action()
    assert not (project.folder / "labels.db").exists()
