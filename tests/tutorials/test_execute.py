from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat

SCRIPT = Path(__file__).parents[2] / "tutorials" / "execute.py"


def run(source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, source, "--out", out]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_solutions_and_checks_are_executed_but_written_as_the_students_version(source, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "word.txt").write_text("beside")
    reads = "\n# %%\nprint(open('data/word.txt').read(), double(21))\n"
    source.write_text(source.read_text() + reads)
    finished = run(source, tmp_path / "out")
    assert finished.returncode == 0, finished.stderr
    notebook = nbformat.read(tmp_path / "out" / "00_a_lesson.ipynb", as_version=4)
    first, answer, check, last = (cell for cell in notebook.cells if cell.cell_type == "code")
    assert first.outputs[0].text == "2\n"
    assert "NotImplementedError" in answer.source
    assert check.outputs == []
    assert last.outputs[0].text == "beside 42\n"


def test_a_failing_cell_ends_the_run_with_its_error_and_writes_nothing(source, tmp_path):
    source.write_text(source.read_text().replace("1 + 1 == 2", "1 + 1 == 3"))
    finished = run(source, tmp_path / "out")
    assert finished.returncode == 1
    assert "assert 1 + 1 == 3" in finished.stderr
    assert "AssertionError" in finished.stderr
    assert not list(tmp_path.glob("out/*"))
