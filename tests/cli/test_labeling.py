"""The commands label, status and export, as a person types them."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pages import Caller, Served
from PIL import Image

import alkit as al
from alkit.cli import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with 12 photos of two kinds."""
    (tmp_path / "photos").mkdir()
    for k in range(12):
        pixels = np.random.default_rng(k).integers(0, 100, (8, 8, 3)) + 120 * (k % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "photos" / f"{k:02d}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def labeled(here):
    """A project in which 8 photos are labeled, in the folder ``trash``."""
    project = al.Project("trash", images="photos", classes=["dark", "light"], seed=0)
    project.label(8, oracle=lambda ids: [int(i) % 2 for i in ids])
    project.train()
    project.close()
    return here


def test_two_commands_begin_and_go_on(here):
    script = "from alkit.cli import main; raise SystemExit(main({!r}))"
    begin = ["label", "photos/", "--classes", "dark, light", "--no-browser"]
    with Served(script.format(begin), here) as served:
        address = served.url
        assert Caller(address).call("start")[1]["classes"] == ["dark", "light"]
        assert served.stop() == 0
        assert "Project: photos-labels" in (here / "log").read_text()
        served.script = script.format(["label", "photos", "--no-browser"])  # without its classes
        assert served.start() == address  # so an open page goes on
        assert Caller(address).call("start")[0] == 200
        assert served.stop() == 0


def test_status_says_what_is_labeled_and_what_is_next(labeled, capsys):
    assert main(["status", "trash/"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("trash: 8 labeled of 12; accuracy")
    assert (
        lines[1] in ("labels: dark 4, light 4", "labels: light 4, dark 4") or "labels:" in lines[1]
    )
    assert any(line.startswith("next: ") for line in lines)
    assert any("features" in line and "resnet18" in line for line in lines)


@pytest.mark.parametrize("file", ["labels.csv", "labels.json", "labels.parquet"])
def test_export_writes_a_row_per_label(labeled, capsys, file):
    assert main(["export", "trash", file]) == 0
    assert capsys.readouterr().out == f"8 rows in {file}.\n"
    if file.endswith(".csv"):
        with open(file, newline="") as content:
            rows = list(csv.DictReader(content))
        assert {row["label"] for row in rows} == {"dark", "light"}
        assert all(
            row["label"] == ("light" if int(row["name"][:2]) % 2 else "dark") for row in rows
        )
    assert main(["export", "trash", file, "--predictions"]) == 0
    assert capsys.readouterr().out == f"12 rows in {file}.\n"


def test_tasks_for_label_studio_are_exported(labeled, capsys):
    assert main(["export", "trash", "tasks.json", "--to", "label-studio", "-n", "3"]) == 0
    assert "3 tasks in tasks.json" in capsys.readouterr().out
    assert len(json.loads(Path("tasks.json").read_text())) == 3


def test_status_and_export_need_no_samples(labeled, capsys):
    shutil.rmtree("photos")
    assert main(["status", "trash"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("trash: 8 labeled of 12; accuracy")
    assert "there is no folder" in told
    assert main(["export", "trash", "labels.csv"]) == 0
    assert "8 rows in labels.csv" in capsys.readouterr().out
    assert main(["export", "trash", "all.csv", "--predictions"]) == 2
    assert main(["label", "trash", "--no-browser"]) == 2
    assert "change the path in project.toml" in capsys.readouterr().err


def test_labels_that_are_gone_are_not_an_empty_file(labeled, capsys):
    Path("trash/labels.db").unlink()
    for command in (["status", "trash"], ["export", "trash", "l.csv"], ["label", "trash"]):
        assert main(command) == 2
        assert "labels.db" in capsys.readouterr().err
    assert not Path("l.csv").exists()
    assert not Path("trash/labels.db").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["label", "photos"], "needs its classes: --classes glass,paper,metal"),
        (["label", "photos", "--classes", "a"], "needs two classes or more, got only 'a'"),
        (["label", "photos", "--classes", "a,a"], "the class 'a' is there twice"),
        (["label", "photos", "--classes", "a,,b"], "class 2 of 3 is empty"),
        (["label", "photos", "--classes", ""], "class 1 of 1 is empty"),
        (["label", "nowhere", "--classes", "a,b"], "there is no nowhere"),
        (["label", "empty", "--classes", "a,b"], "empty has no images"),
        (["label", "notes", "--classes", "a,b"], "its files are: 1 .txt"),
        (["label", "one.txt", "--classes", "a,b"], "one.txt has one text"),
        (["label", "x.pdf", "--classes", "a,b"], "neither a folder of images"),
        (["label", "table.csv", "--classes", "a,b"], "column="),
        (["label", "table.csv", "--classes", "a,b", "--column", "rewiev"], "review"),
        (["label", "photos", "--classes", "a,b", "--features", "resnet81"], "unknown features"),
        (["label", "photos", "--classes", "a,b", "--features", "tfidf"], "images"),
        (["label", "photos", "--classes", "a,b", "-n", "0"], "n must be"),
        (["label", "photos", "--classes", "a,b", "--votes", "0"], "votes must be"),
        (["label", "photos", "--classes", "a,b", "--host", "0.0.0.0"], "--allow-remote"),
        (["label", "photos", "--classes", "a,b", "--port", "99999"], "cannot be served"),
        (["label", "photos", "--classes", "a,b", "--as", "majority"], "kept for programs"),
        (["status", "photos"], "photos is not a project: it has no project.toml"),
        (["export", "nowhere", "l.csv"], "nowhere is not a project"),
    ],
)
def test_bad_input_is_answered_in_words(here, capsys, arguments, told):
    for folder in ("empty", "notes"):
        Path(folder).mkdir()
    Path("notes/a.txt").write_text("a")
    Path("one.txt").write_text("only one\n")
    Path("x.pdf").write_text("")
    Path("table.csv").write_text("id,review\n1,good\n2,bad\n")
    assert main([*arguments, *(["--no-browser"] if arguments[0] == "label" else [])]) == 2
    err = capsys.readouterr().err
    assert told in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["label", "trash", "--classes", "x,y"], "has classes ['dark', 'light']"),
        (["label", "trash", "--project", "other"], "is a project itself"),
        (["export", "trash", "l.xlsx"], "give one of these suffixes"),
        (["export", "trash", "trash"], "suffixes"),
        (["export", "trash", "photos/00.png/l.csv"], "cannot be written"),
    ],
)
def test_what_does_not_fit_a_project_is_answered_in_words(labeled, capsys, arguments, told):
    assert main(arguments) == 2
    assert told in capsys.readouterr().err


def test_names_of_folders_may_have_dots(here, capsys):
    shutil.move("photos", "2024.05.03")
    assert main(["label", "2024.05.03", "--classes", "a,b", "--port", "99999"]) == 2
    assert Path("2024.05.03-labels/project.toml").exists()


@pytest.mark.parametrize("seconds", [0.5, 6.0])
def test_ctrl_c_at_any_moment_leaves_a_project_that_can_be_opened(here, seconds):
    script = "from alkit.cli import main; raise SystemExit(main({!r}))"
    command = ["label", "photos", "--project", "p", "--classes", "a,b", "--no-browser"]
    running = subprocess.Popen(
        [sys.executable, "-c", script.format(command)], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    time.sleep(seconds)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    assert str(al.Project("p", images="photos", classes=["a", "b"])).startswith("0 labeled of 12")
