"""A result gives the verdict, tables and frame of its records."""

import builtins
import json

import pytest

from alkit.errors import MissingPackageError
from alkit.evidence import summary
from alkit.reporting import verdict as verdicts

CURVES = {
    "uniform": [[0.3, 0.5, 0.6], [0.3, 0.7, 0.8]],
    "margin": [[0.3, 0.7, 0.8], [0.3, 0.8, 0.9]],
}


@pytest.fixture
def result(make_records):
    return make_records(CURVES)


def test_the_frame_has_a_row_for_each_row(result):
    assert len(result.frame) == 12
    mean = result.frame.groupby(["strategy", "annotated"])[result.metric].mean()
    assert mean["margin", 30] == pytest.approx(0.85)
    assert list(result.frame.columns) == list(result.rows[0])


def test_without_pandas_the_frame_says_what_to_install(result, monkeypatch):
    find = builtins.__import__

    def without_pandas(name, *args, **options):
        if name == "pandas":
            raise ImportError(name)
        return find(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    with pytest.raises(MissingPackageError, match=r"pip install 'alkit\[pandas\]'"):
        _ = result.frame


def test_its_tables_are_those_of_the_summary(result):
    assert json.dumps(result.summary()) == json.dumps(summary.summary(result))
    assert result.budgets() == summary.budgets(result)
    assert json.dumps(result.tests()) == json.dumps(summary.tests(result))
    assert result.labels_to(0.7) == summary.labels_to(result, 0.7)
    assert result.labels_saved(0.7) == summary.labels_saved(result, 0.7)
    assert result.trials_needed(0.1) == summary.trials_needed(result, 0.1)
    assert (result.penalties().matrix == summary.penalties(result).matrix).all()


def test_its_verdict_is_a_paragraph(result):
    assert result.verdict() == verdicts.verdict(result)
    assert "\n" not in result.verdict()
