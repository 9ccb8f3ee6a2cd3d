import csv
import subprocess
import sys

import pytest

from alkit.cli import main

SMALL = ["compare", "--rounds", "2", "--query-size", "10", "--trials", "2", "--max-steps", "5"]


def records(folder):
    with open(folder / "records.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_compare_leaves_records_curves_and_a_report_and_prints_a_table(tmp_path, capsys):
    assert main([*SMALL, "--out", str(tmp_path / "out")]) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"records.csv", "learning_curves.png", "report.html", "protocol.json"}
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


def test_an_unknown_strategy_is_named(capsys):
    assert main(["compare", "--strategies", "uniform,margn"]) == 2
    assert "margn" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--rounds", "--query-size", "--trials", "--max-steps"])
def test_sizes_must_be_positive(option, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["compare", option, "0"])
    assert stopped.value.code == 2
    assert "at least 1" in capsys.readouterr().err


def test_help_does_not_load_torch():
    code = (
        "import sys; from alkit.cli import main\n"
        "try: main(['compare', '--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--max-steps" in done.stdout
