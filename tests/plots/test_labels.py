import numpy as np
import pytest
from matplotlib import pyplot as plt

from alkit import plots
from alkit.records import Records


def curve(**strategies):
    return Records(
        [
            {"strategy": name, "seed": 0, "round": r, "annotated": 10 * r + 10, "testAccuracy": v}
            for name, values in strategies.items()
            for r, v in enumerate(values)
        ]
    )


def test_the_curve_is_read_the_other_way_round(result):
    ax = plots.labels_needed(result)
    uniform, margin = ax.get_lines()
    assert uniform.get_xdata() == pytest.approx(0.1 * np.arange(4) + 0.01)
    assert uniform.get_ydata().tolist() == [10, 20, 30, 40]
    assert margin.get_xdata() == pytest.approx(0.1 * np.arange(4) + 0.06)
    assert ax.get_xlabel() == "test accuracy"
    assert "needed" in ax.get_ylabel()


def test_a_line_ends_where_its_strategy_came_no_further_and_never_falls():
    # by hand: 0.7 and 0.5 pool to 0.6, which is reached with 20 labels; nothing beyond is drawn
    ax = plots.labels_needed(curve(a=[0.2, 0.7, 0.5], b=[0.2, 0.4, 0.9]))
    a, b = ax.get_lines()
    assert a.get_xdata() == pytest.approx([0.2, 0.6])
    assert a.get_ydata().tolist() == [10, 20]
    assert b.get_xdata().max() == pytest.approx(0.9)
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words == ["a, to 0.600", "b, to 0.900"]


def test_it_draws_on_the_axes_that_are_given(result):
    ax = plt.subplots()[1]
    assert plots.labels_needed(result, ax) is ax
