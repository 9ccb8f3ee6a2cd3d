import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import fit_overhead
    import query_overhead

    for module in fit_overhead, query_overhead:
        # the setting would last for the whole process
        monkeypatch.setattr(module, "keep_freed_memory", lambda: None)
    yield fit_overhead, query_overhead
    for module in fit_overhead, query_overhead:
        sys.modules.pop(module.__name__)


def test_the_benchmark_of_fit_judges_and_writes_what_it_shows(
    benchmarks, data_dir, tmp_path, capsys
):
    out = tmp_path / "found.json"
    arguments = ["--networks", "small", "--steps", "2", "--batch-sizes", "120", "--repeats", "1"]
    code = benchmarks[0].main([*arguments, "--data-dir", str(data_dir), "--out", str(out)])
    (row,), shown = json.loads(out.read_text())["rows"], capsys.readouterr().out
    assert row["ratio"] == row["seconds"]["alkit"] / row["seconds"]["bare"]
    assert code == (row["ratio"] > 1.1)
    assert f"ratio {row['ratio']:5.2f}" in shown
    assert ("above 1.1" in shown) == code


def test_the_benchmark_of_a_query_judges_and_writes_what_it_shows(
    benchmarks, data_dir, tmp_path, capsys
):
    out = tmp_path / "found.json"
    arguments = ["--networks", "small", "--images", "256", "--repeats", "1"]
    code = benchmarks[1].main([*arguments, "--data-dir", str(data_dir), "--out", str(out)])
    (row,), shown = json.loads(out.read_text())["rows"], capsys.readouterr().out
    seconds = row["seconds"]
    cached = seconds["alkit, cached"] / seconds["bare"]
    first = seconds["alkit, first"] / seconds["loader"]
    assert code == (cached > 1.25 or first > 1)
    assert f"{cached:5.2f} times bare" in shown
    assert f"{first:5.2f} times loader" in shown
    assert ("missed" in shown) == code
