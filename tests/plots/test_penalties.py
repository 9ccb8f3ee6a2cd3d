import numpy as np
import pytest
from matplotlib import pyplot as plt

from alkit import plots
from alkit.evidence import summary

WINS = np.array([[0, 0.25, 0], [0.5, 0, 0.125], [0.75, 0, 0]])
MATRIX = summary.Penalties(["a", "b", "c"], WINS, [10, 20, 40, 80])


def cells(ax):
    """Texts by (row, column)."""
    return {text.get_position()[::-1]: text.get_text() for text in ax.texts}


def test_the_numbers_stand_where_they_belong():
    ax = plots.penalty_matrix(MATRIX)
    for (i, j), said in cells(ax).items():
        assert said == "" if i == j else float(said) == pytest.approx(WINS[i][j], abs=0.01)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a beat", "b beat", "c beat"]
    assert "4 rounds" in ax.get_title("left")


def test_the_penalty_is_the_mean_of_the_column():
    ax = plots.penalty_matrix(MATRIX)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a\n0.42", "b\n0.08", "c\n0.04"]


def test_records_are_compared_trial_by_trial(result):
    for row in result.rows:  # margin stays about 0.05 above uniform
        row["testMulticlassAccuracy"] += 0.001 * row["seed"] * (row["strategy"] == "margin")
    assert cells(plots.penalty_matrix(result)) == {(0, 0): "", (0, 1): "0", (1, 0): "1", (1, 1): ""}


def test_long_names_leave_room_for_the_numbers():
    long = summary.Penalties(["x" * 60, "b"], np.eye(2), [10])
    labels = [label.get_text() for label in plots.penalty_matrix(long).get_yticklabels()]
    assert labels == ["x" * 17 + "\N{HORIZONTAL ELLIPSIS} beat", "b beat"]


def test_it_draws_on_the_axes_that_are_given():
    ax = plt.subplots()[1]
    assert plots.penalty_matrix(MATRIX, ax) is ax
