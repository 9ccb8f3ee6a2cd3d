"""The penalty matrix of a comparison."""

import numpy as np
import pytest

from alkit.errors import RecordsError
from alkit.evidence.summary import penalties

rng = np.random.default_rng(0)
CURVES = {
    "uniform": np.linspace(0.2, 0.8, 6) + rng.normal(0, 0.01, (4, 6)),
    "margin": np.linspace(0.3, 0.9, 6) + rng.normal(0, 0.01, (4, 6)),
}


def test_the_row_beats_the_column_at_rounds_that_double(make_records):
    found = penalties(make_records(CURVES))
    assert found.strategies == ["uniform", "margin"]
    assert found.annotated == [20, 30, 50]
    assert found.matrix == pytest.approx(np.array([[0, 0], [1, 0]]))
    assert found.penalty == pytest.approx({"uniform": 0.5, "margin": 0.0})


def test_it_prints_as_a_matrix_with_the_penalty_below(make_records):
    lines = repr(penalties(make_records(CURVES))).splitlines()
    assert [line.split()[-2:] for line in lines] == [
        ["uniform", "margin"],
        ["0.000", "0.000"],
        ["1.000", "0.000"],
        ["0.500", "0.000"],
    ]


def test_only_seeds_that_all_strategies_finished_count(make_records):
    records = make_records(CURVES)
    records.rows = [r for r in records.rows if (r["strategy"], r["seed"]) != ("margin", 0)]
    assert penalties(records).matrix[1, 0] == 1
    uniform = [r for r in records.rows if r["strategy"] == "uniform" and r["seed"] == 0]
    records.rows = uniform + [r for r in records.rows if r["strategy"] == "margin"]
    with pytest.raises(RecordsError, match="so no trials are paired"):
        penalties(records)
