"""The folder of a comparison: what it refuses, and what it never loses."""

import json
import os
import resource
import signal
from pathlib import Path

import pytest
from small import DATA, compare, lasting, margin, uniform

import alkit as al
from alkit.errors import ConfigurationError, FolderError


@pytest.fixture
def folder(tmp_path):
    """A finished comparison of one seed."""
    compare(folder=tmp_path, seeds=[3])
    return tmp_path


def test_a_comparison_comes_back_from_its_folder(tmp_path):
    result = compare(folder=tmp_path, ceiling=5)
    loaded = al.load(tmp_path)
    assert type(loaded) is type(result)
    assert loaded.rows == result.rows
    assert loaded.protocol == result.protocol
    assert lasting(result.rows) == lasting(compare().rows)


def test_what_is_finished_is_not_run_again(folder):
    before = al.load(folder)
    assert compare(folder=folder, seeds=[3]).rows == before.rows  # its very seconds as well


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"max_steps": 5}, "max_steps was 4 and is 5"),
        ({"seeds": [3, 5]}, r"seeds was \[3\] and is \[3, 5\]"),
        ({"warm_start": True}, "start was"),
        ({"strategies": {"uniform": uniform, "other": margin}}, "strategies was"),
        ({"strategies": {"uniform": uniform, "margin": uniform}}, "made was"),
        ({"protocol": {"dataset": "another"}}, "dataset was None and is 'another'"),
    ],
)
def test_a_folder_of_another_comparison_is_refused_and_left_alone(folder, changes, told):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(FolderError, match=told):
        compare(folder=folder, **{"seeds": [3], **changes})
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_other_labels_are_another_comparison(folder, monkeypatch):
    import small
    from torch.utils.data import TensorDataset

    monkeypatch.setattr(small, "DATA", TensorDataset(small.X[:40], 2 - small.Y[:40]))
    with pytest.raises(FolderError, match="labels was"):
        compare(folder=folder, seeds=[3])


def cut(path):
    path.write_bytes(path.read_bytes()[:-40])


def flip(path):
    content = bytearray(path.read_bytes())
    place = content.index(b'"annotated": ') + 13
    content[place] = content[place] ^ 1
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, flip, empty])
def test_a_damaged_state_is_an_error_that_names_it_and_the_rest_is_kept(folder, damage):
    rows = al.load(folder).rows
    state = folder / "trials" / "margin-3" / "state.json"
    damage(state)
    with pytest.raises(FolderError, match="margin-3"):
        compare(folder=folder, seeds=[3])
    assert al.load(folder).rows == rows
    state.unlink()  # what the message says
    assert lasting(compare(folder=folder, seeds=[3]).rows) == lasting(rows)


def test_damaged_weights_are_an_error_that_names_them(folder, tmp_path):
    from alkit.experiment.states import StateFiles
    from alkit.experiment.trial import Plan, Trial

    files = StateFiles(tmp_path / "trial")
    trial = Trial("m", 0, margin, DATA, Plan(3, 4, 4, 2))
    for state, _ in zip(trial.run(), range(2), strict=False):
        files.write(state)
    (weights,) = files.folder.glob("weights-*")
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(FolderError, match=weights.name):
        files.read()
    assert len(files.read(weights=False).rows) == 1


def test_a_damaged_protocol_and_records_of_others_are_refused(folder, tmp_path):
    (folder / "protocol.json").write_text("{")
    with pytest.raises(FolderError, match=r"protocol\.json is damaged"):
        compare(folder=folder, seeds=[3])
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "records.csv").write_text("mine\n1\n")
    with pytest.raises(FolderError, match="did not write it"):
        compare(folder=tmp_path / "theirs")
    assert (tmp_path / "theirs" / "records.csv").read_text() == "mine\n1\n"


def test_damaged_records_are_made_anew_from_the_states(folder):
    rows = al.load(folder).rows
    cut(folder / "records.csv")
    assert len(al.load(folder).rows) == len(rows) - 1
    compare(folder=folder, seeds=[3])
    assert al.load(folder).rows == rows


def test_a_folder_that_cannot_be_made_is_said_before_any_training(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FolderError, match="cannot be written"):
        compare(folder=tmp_path / "file" / "folder")
    made = []

    def never(pool, seed):
        made.append(seed)
        return margin(pool, seed)

    with pytest.raises(FolderError, match="cannot be written"):
        compare({"never": never}, folder="/proc/alkit")
    assert len(made) <= 2  # looked at, and not trained


def test_a_disk_that_is_full_is_said_and_what_was_finished_is_kept(tmp_path):
    """The limit on the size of a file stands for the disk: the state outgrows it."""
    expected = compare(seeds=[3], rounds=6)
    child = os.fork()
    if not child:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))
        status = 1
        try:
            compare(folder=tmp_path, seeds=[3], rounds=6)
        except FolderError as error:
            status = 0 if "cannot be written" in str(error) and "kept" in str(error) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    kept = al.load(tmp_path).rows
    assert 0 < len(kept) < len(expected.rows)
    assert lasting(kept) == lasting(expected.rows[: len(kept)])
    assert lasting(compare(folder=tmp_path, seeds=[3], rounds=6).rows) == lasting(expected.rows)


def test_a_full_device_is_said_too(tmp_path):
    from alkit.atomic import append

    with pytest.raises(FolderError, match="No space left"):
        append(Path("/dev/full"), "row\n")


def test_an_unfinished_comparison_is_compared_by_the_seeds_that_all_have_finished(tmp_path):
    result = compare(folder=tmp_path)
    lines = (tmp_path / "records.csv").read_text().splitlines(keepends=True)
    (tmp_path / "records.csv").write_text("".join(lines[:-1]))
    partial = al.load(tmp_path)
    assert len(partial.rows) == len(result.rows) - 1
    assert {row["seed"] for row in partial.paired().rows} == {3}
    assert partial.paired().protocol["seeds"] == [3]
    assert partial.paired().summary()[0]["trials"] == 1
    (tmp_path / "records.csv").write_text("".join(lines[:3]))
    with pytest.raises(ConfigurationError, match="no seed has been finished"):
        al.load(tmp_path).paired()


def test_no_file_is_pickled(folder):
    names = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert names == {".csv", ".json", ""}
    state = json.loads((folder / "trials" / "margin-3" / "state.json").read_text())
    assert len(state["state"]["rows"]) == 3
    assert state["state"]["weights"] is None
