import csv
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from alkit.cli import main
from alkit.evidence.records import Records

SMALL = ["compare", "--rounds", "2", "--query-size", "10", "--trials", "2", "--max-steps", "5"]


def records(folder):
    with open(folder / "records.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_compare_leaves_records_curves_and_a_report_and_prints_a_table(tmp_path, capsys):
    assert main([*SMALL, "--out", str(tmp_path / "out")]) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    results = {"records.csv", "learning_curves.png", "report.html", "protocol.json"}
    assert names == {*results, "trials", ".lock"}
    rows = records(tmp_path / "out")
    assert {row["strategy"] for row in rows} == {"uniform", "uncertainty", "adversarial"}
    assert len(rows) == 3 * 2 * 2
    printed = capsys.readouterr()
    assert "uncertainty" in printed.out
    assert str(tmp_path / "out" / "report.html") in printed.out
    assert "seed 1, round 2 of 2" in printed.err


def test_the_options_do_what_they_say(tmp_path):
    out = tmp_path / "o"
    options = ["--strategies", "uncertainty,uniform", "--criterion", "entropy", "--seed", "7"]
    assert main([*SMALL, *options, "--trials", "1", "--out", str(out)]) == 0
    rows = records(out)
    assert list(dict.fromkeys(row["strategy"] for row in rows)) == ["uncertainty", "uniform"]
    assert {row["seed"] for row in rows} == {"7"}
    assert {row["steps"] for row in rows} == {"5"}
    assert [row["annotated"] for row in rows[:2]] == ["10", "20"]
    assert '"criterion": "entropy"' in (out / "protocol.json").read_text()


def test_the_same_seed_gives_the_same_picks(tmp_path):
    for name in ("a", "b"):
        main([*SMALL, "--trials", "1", "--out", str(tmp_path / name)])
    a, b = records(tmp_path / "a"), records(tmp_path / "b")
    assert [row["picked"] for row in a] == [row["picked"] for row in b]
    assert [row["testMulticlassAccuracy"] for row in a] == [
        row["testMulticlassAccuracy"] for row in b
    ]


def test_mnist_is_read_from_the_data_folder(tmp_path, data_dir):
    options = ["--dataset", "mnist", "--data-dir", str(data_dir), "--strategies", "uniform"]
    small = ["--rounds", "1", "--trials", "1", "--max-steps", "1", "--query-size", "5"]
    assert main(["compare", *options, *small, "--out", str(tmp_path / "m")]) == 0
    assert records(tmp_path / "m")[0]["annotated"] == "5"


def test_a_missing_dataset_says_where_it_looked_and_how_to_get_it(tmp_path, capsys):
    options = ["--dataset", "cifar10", "--data-dir", str(tmp_path / "nowhere")]
    assert main(["compare", *options]) == 2
    message = capsys.readouterr().err
    assert str(tmp_path / "nowhere") in message
    assert "--download" in message
    assert "download=True" in message
    assert "Traceback" not in message


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--strategies", "uniform,uncertanty", "Did you mean 'uncertainty'"),
        ("--without", "unifrm", "Did you mean 'uniform'"),
        ("--dataset", "digts", "Did you mean 'digits'"),
        ("--criterion", "x", "alkit compare --help has all"),
    ],
)
def test_an_unknown_name_is_told_with_its_likely_spelling(option, value, told, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["compare", option, value])
    assert stopped.value.code == 2
    assert told in capsys.readouterr().err


def test_uniform_is_always_there_unless_it_is_left_out(tmp_path):
    for name, more in (("a", []), ("b", ["--without", "uniform"])):
        options = ["--strategies", "uncertainty", "--trials", "1", *more]
        assert main([*SMALL, *options, "--out", str(tmp_path / name)]) == 0
    assert {row["strategy"] for row in records(tmp_path / "a")} == {"uniform", "uncertainty"}
    assert {row["strategy"] for row in records(tmp_path / "b")} == {"uncertainty"}


def test_a_comparison_that_is_stopped_says_what_is_kept_and_is_resumed(tmp_path, capsys):
    options = ["--strategies", "uniform,uncertainty", "--trials", "1", "--rounds", "6"]
    sizes = ["--query-size", "10", "--max-steps", "5"]
    assert main(["compare", *options, *sizes, "--out", str(tmp_path / "whole")]) == 0

    def stop():
        while not list(tmp_path.glob("stopped/records.csv")) or not records(tmp_path / "stopped"):
            time.sleep(0.002)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=stop)
    thread.start()
    assert main(["compare", *options, *sizes, "--out", str(tmp_path / "stopped")]) == 130
    thread.join()
    told = capsys.readouterr().err
    assert "of 12 rounds are finished and kept" in told
    assert f"alkit resume {tmp_path / 'stopped'}" in told
    assert 0 < len(records(tmp_path / "stopped")) < 12
    assert main(["resume", str(tmp_path / "stopped")]) == 0
    ours, theirs = records(tmp_path / "stopped"), records(tmp_path / "whole")
    for row in (*ours, *theirs):
        for name in [name for name in row if name.startswith(("seconds", "peak"))]:
            del row[name]
    assert ours == theirs


def test_another_comparison_in_the_same_folder_is_refused(tmp_path, capsys):
    out = ["--trials", "1", "--strategies", "uniform", "--out", str(tmp_path)]
    assert main([*SMALL, *out]) == 0
    assert main([*SMALL, *out, "--seed", "9"]) == 2
    assert "holds another comparison" in capsys.readouterr().err
    assert main([*SMALL, *out]) == 0  # the same one: nothing is left to do


def test_a_report_is_made_again_and_labels_are_replayed(tmp_path, capsys):
    out, again = tmp_path / "out", tmp_path / "again"
    assert main([*SMALL, "--strategies", "uniform", "--ceiling", "9", "--out", str(out)]) == 0
    (out / "report.html").unlink()
    assert main(["report", str(out)]) == 0
    assert (out / "report.html").stat().st_size
    replay = ["replay", str(out), "--strategy", "uniform", "--seed", "1", "--out", str(again)]
    assert main(replay) == 0
    assert "labels  recorded  replayed" in capsys.readouterr().out
    picks = [row["picked"] for row in records(out) if row["seed"] == "1"]
    assert [row["picked"] for row in records(again)] == picks
    assert main([*replay[:3], "unifrm", *replay[4:]]) == 2
    assert "Did you mean 'uniform'" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["resume", "report"])
def test_a_folder_without_results_is_said(command, tmp_path, capsys):
    assert main([command, str(tmp_path / "nowhere")]) == 2
    assert "no results" in capsys.readouterr().err


def test_a_comparison_with_a_file_of_features_is_resumed_from_another_folder(
    tmp_path, monkeypatch, capsys
):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.random.default_rng(0).normal(size=(1297, 4)))
    strategies = ["--strategies", "uniform,max-herding(space=given('x.npy'))"]
    assert main([*SMALL, *strategies, "--trials", "1", "--out", "whole"]) == 0
    before = records(tmp_path / "whole")
    for path in (tmp_path / "whole" / "trials").glob("*herding*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (tmp_path / "whole" / "records.csv").unlink()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(["resume", "../whole"]) == 0, capsys.readouterr().err
    assert Path.cwd() == tmp_path / "elsewhere"
    assert [row["picked"] for row in records(tmp_path / "whole")] == [
        row["picked"] for row in before
    ]


def test_a_comparison_of_python_is_not_resumed_from_the_command_line(tmp_path, capsys):
    Records([], {"seeds": [0]}).save(tmp_path)
    assert main(["resume", str(tmp_path)]) == 2
    assert "al.compare(" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--rounds", "--query-size", "--trials", "--max-steps"])
def test_sizes_must_be_positive(option, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["compare", option, "0"])
    assert stopped.value.code == 2
    assert "at least 1" in capsys.readouterr().err


def test_help_has_an_example_of_each_command_and_does_not_load_torch():
    code = (
        "import sys; from alkit.cli import main\n"
        "for name in ('compare', 'resume', 'report', 'replay', 'select'):\n"
        "    try: main([name, '--help'])\n"
        "    except SystemExit: pass\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--max-steps" in done.stdout
    for name in ("compare", "resume", "report", "replay", "select"):
        assert f"example:\n  alkit {name} " in done.stdout
