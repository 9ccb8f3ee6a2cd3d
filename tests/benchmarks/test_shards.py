import json
import sys
from pathlib import Path

import numpy as np
import pytest

import alkit as al

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import shards

    yield shards
    sys.modules.pop("shards")


def test_one_shard_is_the_exact_selection(benchmark):
    rows, _ = benchmark.clusters(300, 8, 0)
    for selector, _, _ in benchmark.METHODS.values():
        exact = al.select(7, embeddings=rows, selector=selector, seed=0).indices
        found = benchmark.over_shards(rows, [np.arange(300)], 7, selector)
        assert set(found) == set(exact)


def test_picks_are_rows_of_all_shards_each_once(benchmark):
    rows, cluster = benchmark.clusters(200, 8, 0)
    shards = np.array_split(cluster.argsort(), 3)
    found = benchmark.over_shards(rows, [np.sort(shard) for shard in shards], 9, al.KCenter())
    assert len(set(found.tolist())) == 9
    assert all(np.isin(found, shard).any() for shard in shards)


def test_the_qualities_are_those_of_loops(benchmark):
    rows, _ = benchmark.clusters(40, 8, 0)
    picks = np.array([1, 5, 9])
    apart = [min(float(np.linalg.norm(row - rows[k])) for k in picks) for row in rows]
    assert benchmark.radius(rows, picks) == pytest.approx(max(apart), abs=1e-3)
    covered = np.mean([np.exp(-(d**2)) for d in apart])
    assert benchmark.coverage(rows, picks) == pytest.approx(covered, abs=1e-4)
    similar = np.mean([max(max(float(row @ rows[k]), 0) for k in picks) for row in rows])
    assert benchmark.facility(rows, picks) == pytest.approx(similar, abs=1e-5)


def test_the_benchmark_judges_and_writes_what_it_shows(benchmark, tmp_path, capsys):
    out = tmp_path / "found.json"
    code = benchmark.main(["--rows", "300", "--n", "10", "--shards", "2", "--out", str(out)])
    found = json.loads(out.read_text())["found"]
    limits = {name: limit for name, (_, _, limit) in benchmark.METHODS.items()}
    random = {row["method"]: row["ratio"] for row in found if row["order"] == "random"}
    worse = [r > limits[m] if limits[m] > 1 else r < limits[m] for m, r in random.items()]
    assert code == any(worse)
    assert f"{found[0]['ratio']:.4f}" in capsys.readouterr().out
