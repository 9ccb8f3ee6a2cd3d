import json
import time
from dataclasses import asdict
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest

AXES = {"D": 16, "C": 10, "A": 20}


@pytest.fixture
def parts(part):
    """The modules, and ``Arrays`` and ``Size``."""
    workloads = part("workloads")
    names = ("pool_scale", "pool_scale_run", "pool_scale_page")
    return *map(import_module, names), workloads


@pytest.fixture
def folder(parts, tmp_path):
    workloads = parts[-1]
    workloads.Arrays.make(workloads.Size(600, 10, **AXES), folder=tmp_path)
    return tmp_path


def task(parts, folder, workload, method, **changes):
    size = asdict(parts[-1].Size(600, 10, **AXES))
    limits = {"timeout": 60, "memory_gb": 0, "repeat": 1, "threads": 1}
    names = {"workload": workload, "method": method, "folder": str(folder)}
    return limits | names | {"size": size} | changes


def test_the_files_hold_the_numbers_of_the_arrays_in_half_precision(parts, folder):
    _, run, _, workloads = parts
    size = workloads.Size(600, 10, **AXES)
    found, wanted = run.last(size, folder), workloads.Arrays.make(size)
    for name in ("rows", "probabilities"):
        assert isinstance(getattr(found, name), np.memmap)
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name).astype("half"))


def test_a_smaller_size_has_the_last_candidates_and_all_annotated_rows(parts, folder):
    _, run, _, workloads = parts
    every = run.last(workloads.Size(600, 10, **AXES), folder)
    some = run.last(workloads.Size(50, 10, **AXES), folder)
    np.testing.assert_array_equal(some.pool, every.pool[-50:])
    np.testing.assert_array_equal(some.rows[50:], every.rows[600:])
    np.testing.assert_array_equal(some.probabilities, every.probabilities[-50:])


def test_every_method_picks_candidates_and_states_its_cost(parts, folder):
    run = parts[1]
    picks = {}
    for workload, methods in run.METHODS.items():
        for method in methods:
            row = run.measure(task(parts, folder, workload, method))
            if method == "engine" and row["status"] == "not installed (lightly_mundig)":
                continue
            assert row["status"] == "ok"
            assert min(row["picks"]) >= 0
            assert max(row["picks"]) < 600
            assert len(set(row["picks"])) == 10
            assert min(row["cpu_seconds"]) > 0
            assert row["anonymous_gib"] >= 0
            picks[workload, method] = row["picks"]
    if ("k-center", "engine") in picks:
        assert picks["k-center", "engine"] == picks["k-center", "alkit"]


def test_the_engine_scores_typicality_and_similarity_as_the_formulas_do(parts, folder):
    pytest.importorskip("lightly_mundig")
    run = parts[1]
    arrays = run.last(parts[-1].Size(600, 10, **AXES), folder)
    pool, known = arrays.pool.astype("float64"), arrays.rows[600:].astype("float64")
    apart = np.linalg.norm(pool[:, None] - pool, axis=2)
    typical = np.sort(apart, axis=1)[:, 1 : run.NEIGHBORS + 1].mean(1).argsort()
    assert len(set(run.engine_typicality(arrays, 10)()) & set(typical[:10])) >= 9
    similar = np.linalg.norm(pool[:, None] - known, axis=2).min(1).argsort()
    assert set(run.engine_similarity(arrays, 10)()) <= set(similar[:60])


def test_rows_of_the_engine_are_lists_of_the_numbers(parts):
    lists = parts[1].Lists(np.arange(5000, dtype="half").reshape(2500, 2) / 8)
    assert list(lists) == lists.rows.astype(float).tolist()
    assert len(lists) == 2500
    assert lists[7] == [1.75, 1.875]


def test_memory_leaves_out_the_pages_of_a_file(parts, folder, monkeypatch):
    run = parts[1]

    def allocating(arrays, n):
        def work():
            kept = np.ones(2**24)  # 0.125 GiB
            time.sleep(0.2)
            return kept[:n].cumsum()

        return work

    def reading(arrays, n):
        def work():
            rows = np.lib.format.open_memmap(folder / "more.npy", "w+", float, (2**24,))
            rows[:] = 1
            time.sleep(0.2)
            return np.arange(n) + int(rows.max())

        return work

    monkeypatch.setitem(run.METHODS, "own", {"allocating": allocating, "reading": reading})
    sizes = {
        method: run.measure(task(parts, folder, "own", method))["anonymous_gib"]
        for method in run.METHODS["own"]
    }
    assert sizes["reading"] < 0.03
    # the first call frees what the second one allocates again
    assert sizes["allocating"] == pytest.approx(0.125, abs=0.03)


def test_the_growth_is_fitted_to_the_sizes_that_ended(parts):
    def row(N, method="alkit", status="ok"):
        spent = {"cpu_seconds": [2e-6 * N**1.5, 1e9]} if status == "ok" else {}
        size = {"N": N}
        return {"workload": "margin", "method": method, "size": size, "status": status} | spent

    rows = [row(100), row(1000), row(9000, status="> 3 s"), row(10, "engine")]
    (found,) = parts[0].growth(rows)
    assert (found["workload"], found["method"]) == ("margin", "alkit")
    assert found["exponent"] == pytest.approx(1.5)
    assert [number for number, _ in found["points"]] == [100, 1000]


def test_the_share_is_that_of_the_picks_of_alkit(parts):
    rows = [{"picks": [1, 2, 3, 4]}, {"picks": [4, 3, 9, 8]}, {"status": "failed"}]
    assert parts[0].with_shares(rows) == [{}, {"same": 0.5}, {"status": "failed"}]


def test_alkit_alone_misses_the_target(parts):
    def missed(**row):
        return parts[0].missed({"method": "alkit", "status": "ok", "anonymous_gib": 1.4} | row)

    assert not missed()
    assert missed(anonymous_gib=1.6)
    assert missed(status="> 90 s")
    assert not missed(method="engine", anonymous_gib=1.6)
    assert not missed(method="engine", status="> 90 s")


def test_a_run_shows_and_writes_its_rows(parts, tmp_path, capsys):
    out = tmp_path / "found.json"
    arguments = ["--only", "margin", "--features", "8", "--query", "5", "--annotated", "3"]
    assert parts[0].main([*arguments, "--sizes", "300", "--out", str(out)]) == 0
    record = json.loads(out.read_text())
    (row,) = record["rows"]
    assert (row["status"], row["size"]["N"]) == ("ok", 300)
    assert {"command", "machine", "versions", "limits"} <= set(record)
    assert "margin" in capsys.readouterr().out


def test_the_growth_of_a_record_is_that_of_all_runs(parts, tmp_path):
    options = SimpleNamespace(
        out=tmp_path / "found.json", threads=1, repeat=1, timeout=1, memory_gb=1
    )
    for number in (100, 1000):
        row = {"workload": "margin", "method": "alkit", "size": {"N": number}, "status": "ok"}
        parts[0].write(options, {}, [row | {"cpu_seconds": [number / 1e6]}])
    (found,) = json.loads(options.out.read_text())["growth"]
    assert found["points"] == [[100, 1e-4], [1000, 1e-3]]
    assert found["exponent"] == pytest.approx(1)


def test_the_page_shows_the_record(parts):
    page = parts[2]
    assert page.PAGE.read_text() == page.page(), "run python benchmarks/pool_scale_page.py"


def test_the_record_has_every_method_on_three_sizes_and_alkit_within_the_targets(parts):
    scale, run, page, _ = parts
    record = json.loads(page.RECORD.read_text())
    rows = {(row["workload"], row["method"], row["size"]["N"]): row for row in record["rows"]}
    for workload, methods in run.METHODS.items():
        for method in methods:
            for number in (10_000, 100_000, 1_000_000):
                assert not scale.missed(rows[workload, method, number])


def test_a_line_of_the_table_has_seconds_growth_and_memory(parts):
    def row(N, method="engine", status="ok"):
        names = {"workload": "TypiClust", "method": method, "size": {"N": N}, "status": status}
        spent = {"cpu_seconds": [N / 1000, 99.0], "anonymous_gib": N / 10_000}
        return names | (spent if status == "ok" else {})

    rows = [row(1000), row(5000, status="> 9 s"), row(1000, "alkit"), row(5000, "alkit")]
    powers = [{"workload": "TypiClust", "method": "alkit", "exponent": 1.0}]
    assert parts[2].table({"rows": rows, "growth": powers}).splitlines() == [
        "| method | 1,000, s | 5,000, s | grows as | GiB |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| TypiClust | 1 | 5 | N^1.00 | 0.50 |",
        "| LightlyStudio, typicality | 1 | > 9 s |  |  |",
    ]
