import numpy as np
import pytest
from matplotlib import pyplot as plt

from alkit import plots
from alkit.errors import ConfigurationError


def test_a_cell_is_the_mean_over_the_trials(result):
    ax = plots.queried_classes(result, "margin")
    shown = np.asarray(ax.get_images()[0].get_array())
    assert shown.tolist() == [[1, 1, 1], [1, 1, 1], [0, 0, 0]]  # seeds 0, 1, 2 by hand
    result.rows[0]["queried_classes"] = [3, 0, 0]  # uniform, seed 0, round 0
    ax = plots.queried_classes(result)
    assert np.asarray(ax.get_images()[0].get_array())[:, 0].tolist() == [2, pytest.approx(1 / 3), 0]
    assert {text.get_position(): text.get_text() for text in ax.texts}[0, 1] == "0.3"


def test_columns_are_the_labels_before_the_query_and_rows_the_classes(result):
    ax = plots.queried_classes(result, names=["cat", "dog", "owl"])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["10", "20", "30"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["cat", "dog", "owl"]
    assert "uniform" in ax.get_title("left")


def test_many_classes_have_a_scale_instead_of_numbers(result):
    for row in result.rows:
        row["queried_classes"] = [1] * 200 if row["queried_classes"] else []
    ax = plots.queried_classes(result)
    assert not ax.texts
    assert len(ax.figure.axes) == 2


def test_records_that_count_no_classes_and_unknown_strategies_are_errors(result):
    with pytest.raises(ConfigurationError, match="only uniform, margin"):
        plots.queried_classes(result, "margn")
    for row in result.rows:
        del row["queried_classes"]
    with pytest.raises(ConfigurationError, match="do not count queried classes"):
        plots.queried_classes(result)


def test_it_draws_on_the_axes_that_are_given(result):
    ax = plt.subplots()[1]
    assert plots.queried_classes(result, ax=ax) is ax
