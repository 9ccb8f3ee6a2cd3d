import json
import resource
import sys
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest


def test_every_library_has_every_workload(part):
    names = list(part("workloads").WORKLOADS)
    for library in ("textbook", "peers", "alkit"):
        assert list(part(library).METHODS) == names


def test_inputs_are_the_same_for_a_seed_and_probabilities_are_of_norm_one(part, arrays):
    workloads = part("workloads")
    again = workloads.Arrays.make(workloads.Size(200, 10, D=12, C=5, A=7))
    np.testing.assert_array_equal(again.rows, arrays.rows)
    assert arrays.pool.shape == (200, 12)
    np.testing.assert_allclose(arrays.probabilities.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(arrays.unit().rows, axis=1), 1, rtol=1e-5)


def task(part, folder, arrays, **changes):
    arrays.save(folder)
    size = asdict(part("workloads").Size(200, 10, D=12, C=5, A=7))
    names = {"workload": "k-center", "library": "textbook", "method": "textbook"}
    limits = {"timeout": 60, "memory_gb": 0, "repeat": 2, "threads": 1}
    return names | limits | {"size": size, "folder": str(folder)} | changes


def test_a_run_reports_time_memory_picks_and_objective(part, arrays, tmp_path):
    result = part("run").measure(task(part, tmp_path, arrays))
    assert result["status"] == "ok"
    assert len(result["seconds"]) == len(result["cpu_seconds"]) == 2
    assert min(result["seconds"]) > 0
    assert min(result["cpu_seconds"]) > 0
    assert result["megabytes"] >= 0
    assert result["distinct"] == len(result["picks"]) == 10
    assert result["objective"] > 0


def test_a_peer_that_cannot_be_imported_is_not_installed(part, arrays, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    names = {"workload": "k-means medoids", "library": "peers", "method": "faiss"}
    result = part("run").measure(task(part, tmp_path, arrays, **names))
    assert result == {"status": "not installed (faiss)"}


def test_what_ended_late_or_out_of_memory_is_not_run_on_larger_sizes(part):
    ended, Size = part("").ended, part("workloads").Size
    names = {"workload": "k-center", "library": "peers", "method": "slow"}

    def row(status="", **numbers):
        return names | {"size": asdict(Size(**numbers)), "status": status}

    known = [row("> 300 s", N=1000, n=100), row("ok", N=10, n=10), row("failed", N=10, n=10)]
    assert ended(row(N=1000, n=200), known) == {"status": "> 300 s", "inferred": True}
    assert ended(row(N=900, n=200), known) is None
    assert ended(row(N=1000, n=200) | {"method": "other"}, known) is None


def test_ratios_are_to_the_fastest_peer_and_to_the_limit(part):
    size = asdict(part("workloads").Size(1000, 2, D=10, A=0))

    def row(library, status="ok", cpu=0.0, picks=()):
        seconds = {"seconds": [2 * cpu], "cpu_seconds": [cpu], "picks": list(picks)}
        names = {"workload": "k-center", "library": library, "method": library, "size": size}
        return names | {"status": status} | (seconds if status == "ok" else {})

    limits = {"bytes_per_second": 1e12, "multiply_adds_per_second": 20_000.0}
    rows = [row("textbook", cpu=4.0, picks=(1, 2)), row("alkit", cpu=2.0, picks=(2, 3))]
    late = row("peers", "> 30 s")
    _, ours, _ = part("table").compare([*rows, late], limits)
    assert ours["limit_seconds"] == 1  # 1000 rows x 2 picks x 10 features at 20,000 a second
    assert ours["over_limit"] == 2
    assert (ours["times_best_peer"], ours["best_peer_finished"]) == (15, False)
    assert ours["same"] == 0.5
    assert "picks" not in ours
    done = [row("peers", cpu=6.0), row("peers", cpu=8.0)]
    _, ours, *_ = part("table").compare([*rows, late, *done], limits)
    assert (ours["times_best_peer"], ours["best_peer_finished"]) == (3, True)
    _, ours, _ = part("table").compare([*rows, row("peers", "out of memory")], limits)
    assert "times_best_peer" not in ours


def test_the_exponent_of_growth_is_the_slope_of_the_logarithms(part):
    points = [(N, 3e-6 * N**1.5) for N in (100, 1000, 5000)]
    assert part("table").exponent(points)["exponent"] == pytest.approx(1.5)


def test_newer_rows_replace_those_of_the_same_method_and_size(part, tmp_path):
    options = SimpleNamespace(
        out=tmp_path / "deep" / "selection.json", threads=1, repeat=1, timeout=1, memory_gb=1
    )
    size = {"N": 1}
    old = [{"workload": "margin", "method": m, "size": size, "seconds": 1} for m in "ab"]
    part("").save(options, {}, old, [])
    part("").save(options, {}, [old[0] | {"seconds": 2}], [])
    rows = json.loads(options.out.read_text())["rows"]
    assert [(row["method"], row["seconds"]) for row in rows] == [("b", 1), ("a", 2)]


def test_a_run_that_needs_too_much_memory_fails_by_itself(part):
    run = part("run")
    before = resource.getrlimit(resource.RLIMIT_AS)
    try:
        run.limit_memory(0.05)
        with pytest.raises(MemoryError):
            np.ones(20_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    np.ones(20_000_000)


def test_a_run_that_takes_too_long_is_ended(part, tmp_path):
    size = part("workloads").Size(400_000, 100, D=64, A=7)  # half a second of textbook k-center
    names = task(part, tmp_path, part("workloads").Arrays.make(size), size=asdict(size))
    options = SimpleNamespace(threads=1, repeat=1, timeout=0.05, memory_gb=0)
    assert part("").run(names, options) == {"status": "> 0.05 s"}


def test_a_line_of_the_table_is_aligned_and_marks_bounds(part, capsys):
    table = part("table")
    names = {"workload": "BADGE", "method": "alkit", "size": asdict(part("workloads").Size(9, 2))}
    took = {"seconds": [2.0], "cpu_seconds": [1.0], "megabytes": 3.0, "objective": 0.5}
    ratios = {"times_best_peer": 30.0, "best_peer_finished": False, "over_limit": 2.0}
    table.show([names | {"status": "ok"} | took | ratios])
    table.show([names | {"status": "> 300 s", "inferred": True}])
    table.show([names | {"status": "failed", "error": "TypeError: no"}])
    done, late, failed = capsys.readouterr().out.splitlines()
    assert len(done) == len(table.title())
    assert done.split() == ["BADGE", "N=9", "n=2", "alkit", "2", "1", "3", "-", "0.5", ">30", "2"]
    assert late.endswith("  > 300 s*")
    assert failed.endswith("  failed (TypeError: no)")
