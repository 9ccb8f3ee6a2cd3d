import numpy as np
import pytest
from matplotlib import pyplot as plt

from alkit import plots
from alkit.errors import ConfigurationError

WINS = [[0, 0.25, 0], [0.5, 0, 0.125], [0.75, 0, 0]]


def test_the_numbers_stand_where_they_belong():
    ax = plots.penalty_matrix(WINS, ["a", "b", "c"])
    cells = {text.get_position(): text.get_text() for text in ax.texts}
    for i, j in np.ndindex(3, 3):
        said = cells[j, i]  # x is the column
        assert said == "" if i == j else float(said) == pytest.approx(WINS[i][j], abs=0.01)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a beat", "b beat", "c beat"]


def test_the_penalty_is_the_mean_of_the_column():
    ax = plots.penalty_matrix(WINS, ["a", "b", "c"])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a\n0.42", "b\n0.08", "c\n0.04"]


def test_a_matrix_that_does_not_fit_the_names_is_an_error():
    with pytest.raises(ConfigurationError, match=r"\(2, 2\)"):
        plots.penalty_matrix(WINS, ["a", "b"])


def test_it_draws_on_the_axes_that_are_given():
    ax = plt.subplots()[1]
    assert plots.penalty_matrix(WINS, "abc", ax) is ax
