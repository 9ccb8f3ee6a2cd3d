import pytest

from alkit.errors import FolderError, ProjectError
from alkit.project.results import Results


@pytest.fixture
def trained(points):
    project = points.project()
    project.label(20, oracle=points.oracle)
    project.train()
    return project


def test_each_training_has_a_record(trained, points):
    trained.label(10, oracle=points.oracle)
    trained.train()
    rows = Results(trained.folder).rows()
    assert [row["labels"] for row in rows] == ["20", "30"]
    assert [record.annotated for record in points.project().records] == [20, 30]
    assert all(0 <= record.metrics["accuracy"] <= 1 for record in trained.records if record.metrics)


def test_a_row_that_was_cut_off_is_skipped_and_spoils_no_other(trained):
    path = trained.folder / "records.csv"
    whole = path.read_bytes()
    path.write_bytes(whole + b"2,30,0.9")
    assert len(trained.records) == 1
    trained.train()
    assert [record.annotated for record in trained.records] == [20, 20]
    for junk in (
        b"x,y,z,a,b,c,d\r\n",
        b"1,2\r\n",
        b"1,2,nan,0,0,0,text\r\n",
        b"\r\n",
        b"1,2,3,4,5,6,7,8\r\n",
    ):
        path.write_bytes(whole + junk)
        assert len(trained.records) == 1


def test_no_file_is_no_record(points):
    assert Results(points.folder).rows() == []


def test_a_file_that_is_not_text_is_named(trained):
    (trained.folder / "records.csv").write_bytes(b"round\xff\xfe\x00")
    with pytest.raises(ProjectError, match=r"records\.csv cannot be read"):
        _ = trained.records


def test_a_folder_that_cannot_be_written_is_named(trained):
    (trained.folder / "records.csv").unlink()
    (trained.folder / "records.csv").mkdir()
    with pytest.raises((FolderError, ProjectError), match=r"records\.csv"):
        trained.train()
