import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import cached_features

    yield cached_features
    sys.modules.pop("cached_features")


def test_the_benchmark_judges_and_writes_what_it_shows(benchmark, tmp_path, capsys):
    out = tmp_path / "found.json"
    arguments = ["--images", "150", "--side", "32", "--batch-size", "64", "--repeats", "1"]
    code = benchmark.main([*arguments, "--out", str(out)])
    (row,) = json.loads(out.read_text())["rows"]
    assert row["same_picks"]
    assert row["ratio"] == row["seconds"]["second"] / row["seconds"]["whole"]
    assert code == (row["ratio"] > benchmark.LIMIT)
    assert "the same picks" in capsys.readouterr().out
