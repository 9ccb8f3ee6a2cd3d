import numpy as np
import pytest

from alkit.reporting import text as report


def test_the_table_says_what_the_summary_says(report_records):
    records = report_records()
    headings, rows = report.table(records)
    uniform, other = (dict(zip(headings, row, strict=True)) for row in rows)
    assert uniform["strategy"] == "uniform"
    assert uniform["final"] == "0.605"  # by hand: 0.6 and 0.61
    assert uniform["p"] == uniform["labels saved"] == ""
    assert other["final"] == "0.710"  # 0.7 and 0.72
    assert other["gain (95 %)"].startswith("0.105 (")  # 0.1 and 0.11
    assert float(other["s per round"]) == 0.25


def test_the_text_stands_in_columns_that_fit_a_terminal(report_records):
    lines = report.as_text(report_records(5, names=("uniform", "uncertainty"))).split("\n")
    assert lines[0].startswith("strategy ")
    assert lines[0].endswith("s per round")
    assert len(lines) == 3
    assert max(map(len, lines)) <= 80


def test_the_legend_explains_the_columns(report_records):
    text = report.legend(report_records())
    for words in ("test accuracy with 20 labels", "over uniform", "Holm", "uniform's final level"):
        assert words in text


def test_of_one_strategy_nothing_is_compared(report_records):
    text = report.legend(report_records(names=["uniform"]))
    assert "gain" not in text
    assert "test accuracy with 20 labels" in text


@pytest.mark.parametrize("equal", [True, False])
def test_the_legend_states_the_steps_only_where_they_are_equal(report_records, equal):
    records = report_records()
    for row in records.rows:
        row["steps"] = 7 if equal or row["strategy"] == "uniform" else 700
    assert ("for 7 gradient steps" in report.legend(records)) is equal


def test_the_legend_says_why_labels_saved_are_not_stated(make_records):
    flat = np.random.default_rng(0).normal(0.9, 0.01, size=(2, 5, 8))
    records = make_records({"uniform": flat[0], "margin": flat[1]})
    text = report.legend(records)
    assert "labels saved: not stated, since uniform's own results are not shown to improve" in text
    assert "final level" not in text
    assert "not stated" in report.as_text(records)
