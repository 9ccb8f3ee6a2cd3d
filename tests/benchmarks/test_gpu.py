import json
import sys
import time
from pathlib import Path

import pytest
import torch
from pretended_gpu import GPU, OnGpu, pretended

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import gpu

    yield gpu
    sys.modules.pop("gpu")


@pytest.fixture
def tiny(benchmark, monkeypatch):
    monkeypatch.setattr(benchmark, "SMALL", benchmark.Sizes(300, 400, 150, 16, 5, 3, 100, 64))
    return benchmark.SMALL


def checked(record, sizes, benchmark):
    """Check each row and ratio of a record, and that all rows are there."""
    rows = {row["row"]: row for row in record["rows"]}
    assert [row["error"] for row in rows.values() if "error" in row] == []
    assert len(rows) == len(record["rows"]) == 14
    for name in ("k-center", "k-means++", "BADGE", "TypiClust", "herding"):
        for number in (sizes.images, sizes.pool):
            row, width = rows[f"{name}, {number:,}"], sizes.width
            nbytes = 4 * number * (width + 10 * (name == "BADGE"))
            assert row["copy"] == pytest.approx(
                row["seconds"] / (nbytes / record["rates"]["copy within"])
            )
            products = number * sizes.n * width
            least = products / record["rates"]["matrix float32"]
            assert row["matrix"] == pytest.approx(row["seconds"] / least)
            assert row["quality"] == pytest.approx(1, abs=0.05)
            assert row["equal"] >= 0.8
            assert row["again"]
    # Linear layers: 128 * 256 + 256 * 256 + 256 * 10 products
    row = rows[f"scoring {sizes.pool:,} rows"]
    products = sizes.pool * (128 * 256 + 256 * 256 + 2560)
    assert row["matrix"] == pytest.approx(
        row["seconds"] / (products / record["rates"]["matrix bfloat16"])
    )
    assert row["copy"] == pytest.approx(
        row["seconds"] / (sizes.pool * 512 / record["rates"]["copy from the CPU"])
    )
    for name in (f"scoring {sizes.images:,} images", f"MC dropout x 3, {sizes.images:,} images"):
        assert rows[name]["bare"] > 0
        assert rows[name]["quality"] >= benchmark.LOWEST
        assert rows[name]["again"]


def test_all_rows_run_on_the_cpu_and_are_shown(benchmark, tiny, tmp_path, capsys):
    out = tmp_path / "found.json"
    assert benchmark.main(["--device", "cpu", "--small", "--out", str(out)]) == 0
    record, (table, progress) = json.loads(out.read_text()), capsys.readouterr()
    checked(record, tiny, benchmark)
    for row in record["rows"]:
        assert row["row"] in table
        assert row["row"] in progress
        assert row["GiB"] is None


def test_all_rows_run_on_a_pretended_gpu(benchmark, tiny, tmp_path, monkeypatch):
    class Pretended(benchmark.Device):
        def __init__(self, name):
            super().__init__("cpu")
            self.device = GPU

    cpu, clusters = benchmark.Device("cpu"), benchmark.clusters
    monkeypatch.setattr(benchmark, "Device", Pretended)
    # a pretended GPU has no generators
    monkeypatch.setattr(benchmark, "clusters", lambda *sizes: OnGpu(clusters(*sizes[:2], cpu)))
    out = tmp_path / "found.json"
    with pretended():
        assert benchmark.main(["--small", "--out", str(out)]) == 0
    checked(json.loads(out.read_text()), tiny, benchmark)


def test_an_error_of_a_row_and_the_end_of_the_time_are_recorded(benchmark, capsys):
    def full():
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.\nTried to allocate")

    def slow():
        for _ in range(1000):
            time.sleep(0.01)

    rows = {"full": full, "good": lambda: {"seconds": 1.0}, "slow": slow, "last": full}
    found = benchmark.run(rows, benchmark.Device("cpu"), 0.2)
    assert found == [
        {"row": "full", "error": "OutOfMemoryError: CUDA out of memory."},
        {"row": "good", "seconds": 1.0},
        {"row": "slow", "error": "not reached"},
        {"row": "last", "error": "not reached"},
    ]
    table = benchmark.shown(found).splitlines()
    assert [line.split()[0] for line in table[1:]] == [*rows]
    assert "CUDA out of memory" in table[1]


def test_a_row_that_fails_or_picks_worse_ends_with_1(benchmark, monkeypatch):
    for found, code in [
        ({"quality": 0.94}, 1),
        ({"quality": 0.95}, 0),
        ({"error": "RuntimeError: no"}, 1),
        ({"error": "not reached"}, 0),
    ]:
        rows = [{"row": "one"} | found]
        monkeypatch.setattr(benchmark, "run", lambda *_, rows=rows: rows)
        assert benchmark.main(["--device", "cpu", "--small"]) == code


def test_without_a_gpu_a_line_says_so_and_a_record_of_one_is_kept(benchmark, tmp_path, capsys):
    out = tmp_path / "gpu.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: False)
        assert benchmark.main(["--out", str(out)]) == 0
        record = json.loads(out.read_text())
        assert record["gpu"] is None
        assert record["note"] in capsys.readouterr().out
        assert len(record["date"]) == 10
        out.write_text('{"gpu": {"name": "H200"}}')
        assert benchmark.main(["--out", str(out)]) == 0
    assert json.loads(out.read_text())["gpu"] == {"name": "H200"}
