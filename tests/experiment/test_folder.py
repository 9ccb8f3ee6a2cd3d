"""The folder of a comparison: what it refuses, and what it never loses."""

import hashlib
import json
import os
import resource
import shutil
import signal
from pathlib import Path

import pytest
import small
import torch
from small import DATA, compare, lasting, margin, options, uniform
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import ConfigurationError, FolderError
from alkit.evidence.whole import checksum
from alkit.experiment.states import StateFiles
from alkit.experiment.trial import Plan, Trial


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
        (
            {"strategies": {"uniform": uniform, "margin": uniform}},
            r"parts margin class was '.*UncertaintyStrategy' and is '.*Uniform",
        ),
        ({"protocol": {"dataset": "another"}}, "dataset was None and is 'another'"),
    ],
)
def test_a_folder_of_another_comparison_is_refused_and_left_alone(folder, changes, told):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(FolderError, match=told):
        compare(folder=folder, **{"seeds": [3], **changes})
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def one_label_corrected():
    labels = small.Y[:40].clone()
    labels[7] = (labels[7] + 1) % 3
    return TensorDataset(small.X[:40], labels)


def made_of(**changes):
    """A factory, the same source each time, of which one part is another."""

    def factory(pool, seed):
        parts = {"network": small.network, "criterion": al.Margin(), **options(seed), **changes}
        network, criterion = parts.pop("network"), parts.pop("criterion")
        return al.UncertaintyStrategy(network(), criterion, pool, **parts)

    return factory


def tanh():
    network = small.network()
    network[0].blocks[0].activation.configure(nn.Tanh)
    return network


def less_dropout():
    parts = al.MultiLayerPerceptron(4, [8], 8), al.Layer(nn.Dropout, p=0.1)
    return al.Sequential(*parts, al.Layer(nn.Linear, 8, 3))


@pytest.fixture(scope="module")
def half_done(tmp_path_factory):
    """A comparison of two strategies, of which the second is missing."""
    folder = tmp_path_factory.mktemp("half")
    compare({"uniform": uniform, "margin": made_of()}, folder=folder, seeds=[3], rounds=2)
    shutil.rmtree(folder / "trials" / "margin-3")
    return folder


def doubled(prediction):
    return al.Margin()(prediction) * 2


@pytest.mark.parametrize(
    ("data", "changes", "told"),
    [
        (lambda: TensorDataset(-small.X[:40], small.Y[:40]), {}, "data inputs differs"),
        (one_label_corrected, {}, "data labels differs"),
        (None, {"test": TensorDataset(-small.X[40:], small.Y[40:])}, "margin test inputs differs"),
        (None, {"test": TensorDataset(small.X[40:], 2 - small.Y[40:])}, "margin test labels diff"),
        (
            None,
            {"test": TensorDataset(small.X[41:], small.Y[41:])},
            "samples was 20 and is 19",
        ),
        (
            None,
            {"loss": nn.CrossEntropyLoss(label_smoothing=0.3)},
            "settings loss.label_smoothing was 0.0 and is 0.3",
        ),
        (
            None,
            {"loss": nn.CrossEntropyLoss(torch.tensor([1.0, 2.0, 1.0]))},
            "weight was None",
        ),
        (None, {"loss": nn.NLLLoss()}, r"loss was 'CrossEntropyLoss\(\)' and is 'NLLLoss\(\)'"),
        (None, {"network": tanh}, r"network model.* was 'ReLU\(\)' and is 'Tanh\(\)'"),
        (None, {"network": less_dropout}, r"'Dropout\(p=0.2.* and is 'Dropout\(p=0.1"),
        (None, {"optimizer": al.SGD(lr=0.1)}, "optimizer was 'Adam"),
        (None, {"criterion": al.Entropy()}, r"query was 'TopK\(\) of Margin\(\)' and is"),
        (None, {"criterion": doubled}, "margin query was"),
        (None, {"batch_size": 9}, "options batch_size was 8 and is 9"),
    ],
)
def test_a_half_done_comparison_of_other_data_or_parts_is_refused(
    half_done, monkeypatch, data, changes, told
):
    if data is not None:
        monkeypatch.setattr(small, "DATA", data())
    arms = {"uniform": uniform, "margin": made_of(**changes)}
    with pytest.raises(FolderError, match=told) as error:
        compare(arms, folder=half_done, seeds=[3], rounds=2)
    assert "parts uniform" not in str(error.value)
    assert len(str(error.value)) < 600


def test_a_half_done_comparison_of_the_same_goes_on(half_done, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(half_done, folder)
    arms = {"uniform": uniform, "margin": made_of()}
    again = compare(arms, folder=folder, seeds=[3], rounds=2)
    assert lasting(again.rows) == lasting(compare(arms, seeds=[3], rounds=2).rows)


def test_a_finished_comparison_of_other_data_is_refused(folder, monkeypatch):
    monkeypatch.setattr(small, "DATA", TensorDataset(-small.X[:40], small.Y[:40]))
    with pytest.raises(FolderError, match="data inputs differs"):
        compare(folder=folder, seeds=[3])


def test_a_folder_of_an_earlier_version_loads_and_is_not_resumed(folder):
    whole = al.load(folder)
    protocol = {k: v for k, v in whole.protocol.items() if k not in ("data", "parts")}
    (folder / "protocol.json").write_text(json.dumps(protocol))
    assert al.load(folder).rows == whole.rows
    with pytest.raises(FolderError, match="earlier version"):
        compare(folder=folder, seeds=[3])


def test_another_thread_count_and_scoring_batch_are_the_same_comparison(folder, monkeypatch):
    rows = al.load(folder).rows
    with monkeypatch.context() as changed:
        changed.setattr(torch, "get_num_threads", lambda: 5)
        assert compare(folder=folder, seeds=[3]).rows == rows


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


@pytest.mark.parametrize("content", ["{", "[]", "", '{"strategies": 5}', None])
def test_a_damaged_protocol_is_written_anew_from_whole_trials(folder, content):
    whole = al.load(folder)
    protocol = folder / "protocol.json"
    protocol.unlink() if content is None else protocol.write_text(content)
    before = {path: path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}
    with pytest.raises(FolderError, match=r"Make the same al\.compare call again|no results"):
        al.load(folder)
    with pytest.raises(FolderError, match="trials are whole, but not of this comparison"):
        compare(folder=folder, seeds=[3], max_steps=5)
    assert {path: path.read_bytes() for path in folder.rglob("*.*") if path.is_file()} == before
    assert compare(folder=folder, seeds=[3]).rows == whole.rows
    assert al.load(folder).protocol == whole.protocol


def test_a_damaged_protocol_without_trials_and_records_of_others_are_refused(tmp_path):
    (tmp_path / "protocol.json").write_text("{")
    with pytest.raises(FolderError, match=r"protocol\.json is damaged"):
        compare(folder=tmp_path, seeds=[3])
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "records.csv").write_text("mine\n1\n")
    with pytest.raises(FolderError, match="did not write it"):
        compare(folder=tmp_path / "theirs")
    assert (tmp_path / "theirs" / "records.csv").read_text() == "mine\n1\n"


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("trial", ["margin-4", "uniform-3"])
def test_the_state_of_another_trial_is_refused(tmp_path, trial, finished):
    whole = compare(folder=tmp_path)
    margin = tmp_path / "trials" / "margin-3"
    if not finished:
        shutil.rmtree(margin)
        margin.mkdir()
    shutil.copy(tmp_path / "trials" / trial / "state.json", margin / "state.json")
    with pytest.raises(FolderError, match=r"another trial: (seed was 4 and|strategy was .unif)"):
        compare(folder=tmp_path)
    shutil.rmtree(margin)  # what the message says
    assert lasting(compare(folder=tmp_path).rows) == lasting(whole.rows)


def test_the_state_of_another_comparison_is_refused(folder, tmp_path):
    compare(folder=tmp_path / "other", seeds=[3], max_steps=5)
    place = "trials/margin-3/state.json"
    shutil.copy(tmp_path / "other" / place, folder / place)
    with pytest.raises(FolderError, match="another trial: comparison was"):
        compare(folder=folder, seeds=[3])


def rewritten(path, change):
    """A state that is changed, with the checksum that fits."""
    whole = json.loads(path.read_text())
    changed = change(whole)
    whole = whole if changed is None else changed
    if isinstance(whole, dict):
        whole["sha256"] = checksum(whole.get("trial"), whole.get("state"))
    path.write_text(json.dumps(whole))


@pytest.mark.parametrize(
    "change",
    [
        lambda whole: [],
        lambda whole: {**whole, "state": [1]},
        lambda whole: {**whole, "state": {**whole["state"], "rows": 5}},
        lambda whole: {**whole, "state": {**whole["state"], "rows": [1]}},
        lambda whole: {**whole, "state": {**whole["state"], "weights": 5}},
        lambda whole: {**whole, "state": {**whole["state"], "weights": {"file": "../../a.pt"}}},
        lambda whole: {**whole, "state": {**whole["state"], "weights": {"file": "/etc/passwd"}}},
        lambda whole: {"state": whole["state"]},
        lambda whole: 7,
    ],
)
def test_a_state_of_another_form_is_damaged(folder, change):
    rewritten(folder / "trials" / "margin-3" / "state.json", change)
    with pytest.raises(FolderError, match=r"margin-3.state\.json is damaged"):
        compare(folder=folder, seeds=[3])
    assert len(al.load(folder).rows) == 6


class Code:
    def __reduce__(self):
        return os.mkdir, ("executed",)


@pytest.mark.parametrize("content", [b"no weights", b"", Code(), {"other": torch.ones(2)}, 5])
def test_a_file_that_holds_no_weights_is_damaged(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    files = StateFiles(tmp_path / "trial")
    trial = Trial("m", 0, margin, DATA, Plan(3, 4, 4, 2))
    for state, _ in zip(trial.run(), range(2), strict=False):
        files.write(state)
    (weights,) = files.folder.glob("weights-*")
    weights.write_bytes(content) if isinstance(content, bytes) else torch.save(content, weights)

    def fits(whole):
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        whole["state"]["weights"]["sha256"] = digest

    rewritten(files.folder / "state.json", fits)
    with pytest.raises(FolderError, match=rf"{weights.name} is damaged"):
        files.read()
    assert not Path("executed").exists()
    weights.unlink()
    with pytest.raises(FolderError, match=rf"{weights.name} is damaged: it is missing"):
        files.read()


def test_trials_that_are_a_file_are_said_to_be_one(folder):
    shutil.rmtree(folder / "trials")
    (folder / "trials").write_text("")
    with pytest.raises(FolderError, match="is a file"):
        compare(folder=folder, seeds=[3])


def lines_of(folder):
    return (folder / "records.csv").read_text().splitlines(keepends=True)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda lines: [*lines[:2], *lines[3:]], "lacks round 1 of 'uniform', seed 3"),
        (lambda lines: [*lines[:2], *lines[1:]], "or has a round twice"),
        (lambda lines: [line.replace("annotated", "labels", 1) for line in lines], "'annotated'"),
        (lambda lines: [line.replace("seed,", "sed,", 1) for line in lines], "seed and round"),
        (
            lambda lines: [
                *lines[:2],
                lines[2].replace("uniform,3,1,12", "uniform,3,1,13"),
                *lines[3:],
            ],
            "annotated=13 in round 1 of 'uniform', seed 3, and its state has 12",
        ),
        (
            lambda lines: [lines[0].replace("MulticlassAccuracy", "Acc", 1), *lines[1:]],
            "and its state has",
        ),
    ],
)
def test_records_that_were_changed_are_noticed_and_written_anew(folder, change, told):
    rows = al.load(folder).rows
    (folder / "records.csv").write_text("".join(change(lines_of(folder))))
    with pytest.raises(FolderError, match=told):
        al.load(folder)
    compare(folder=folder, seeds=[3])
    assert al.load(folder).rows == rows


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


@pytest.mark.parametrize("entry", [{"parts": None}, {"parts": [1]}, {"data": [1]}])
def test_parts_that_are_no_object_are_a_damaged_protocol(half_done, tmp_path, entry):
    shutil.copytree(half_done, tmp_path / "copy")
    path = tmp_path / "copy" / "protocol.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **entry}))
    with pytest.raises(FolderError):
        al.load(tmp_path / "copy")
    arms = {"uniform": uniform, "margin": made_of(batch_size=9)}
    with pytest.raises(FolderError, match="is not an object"):
        compare(arms, folder=tmp_path / "copy", seeds=[3], rounds=2)
