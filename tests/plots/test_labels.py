import numpy as np
import pytest
from matplotlib import pyplot as plt

from alkit import plots
from alkit.evidence import summary
from alkit.evidence.records import Records


def curve(metric="testAccuracy", **strategies):
    return Records(
        [
            {"strategy": name, "seed": seed, "round": r, "annotated": 10 * r + 10, metric: value}
            for name, trials in strategies.items()
            for seed, values in enumerate(trials)
            for r, value in enumerate(values)
        ]
    )


def test_the_curve_of_the_median_trial_is_read_the_other_way_round(result):
    ax = plots.labels_needed(result)
    uniform, margin = ax.get_lines()
    # of seeds 0, 1, 2 the middle one: 0.01 at 10 labels, 0.1 more for each 10
    assert uniform.get_xdata()[[0, -1]] == pytest.approx([0.01, 0.31])
    assert uniform.get_ydata() == pytest.approx(10 + 100 * (uniform.get_xdata() - 0.01))
    assert margin.get_xdata()[[0, -1]] == pytest.approx([0.06, 0.36])
    assert ax.get_xlabel() == "test accuracy"
    assert "needed" in ax.get_ylabel()


def test_it_says_what_the_tables_say():
    rng = np.random.default_rng(0)
    values = np.sort(rng.random((5, 6)), axis=1) + rng.normal(0, 0.1, (5, 6))
    records = curve(a=values)
    (line,) = plots.labels_needed(records).get_lines()
    for k in (0, 7, 30, 60):
        (row,) = summary.labels_to(records, line.get_xdata()[k])
        assert line.get_ydata()[k] == pytest.approx(row["labels"])


def test_a_line_ends_where_its_strategy_came_no_further_and_never_falls():
    # by hand: 0.7 and 0.5 pool to 0.6, which is reached with 20 labels; nothing beyond is drawn
    ax = plots.labels_needed(curve(a=[[0.2, 0.7, 0.5]], b=[[0.2, 0.4, 0.9]]))
    a, b = ax.get_lines()
    assert (a.get_xdata()[-1], a.get_ydata()[-1]) == pytest.approx((0.6, 20))
    assert (b.get_xdata()[-1], b.get_ydata()[-1]) == pytest.approx((0.9, 30))
    assert (np.diff(a.get_ydata()) >= 0).all()
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words == ["a (to 0.600)", "b (to 0.900)"]


def test_of_two_trials_what_both_reached_counts():
    (line,) = plots.labels_needed(curve(a=[[0.2, 0.6], [0.2, 0.8]])).get_lines()
    assert line.get_xdata()[-1] == pytest.approx(0.6)
    assert line.get_ydata()[-1] == pytest.approx((20 + 16.666667) / 2)


def test_a_falling_result_has_its_better_end_at_the_right():
    ax = plots.labels_needed(curve("test_loss_epoch", a=[[3.0, 2.0, 1.0]]))
    (line,) = ax.get_lines()
    assert line.get_xdata()[[0, -1]] == pytest.approx([3, 1])
    assert line.get_ydata()[[0, -1]] == pytest.approx([10, 30])
    assert ax.get_xlim()[0] > ax.get_xlim()[1]


def test_it_draws_on_the_axes_that_are_given(result):
    ax = plt.subplots()[1]
    assert plots.labels_needed(result, ax) is ax


@pytest.mark.parametrize("metric", ["testAccuracy", "test_loss_epoch"])
def test_a_note_says_where_gaps_between_lines_are_no_labels_saved(metric):
    flat = np.random.default_rng(0).normal(0.9, 0.01, size=(5, 8))
    trend = np.linspace(0, -0.3 if "loss" in metric else 0.3, 8)
    for values, said in ((flat, True), (flat + trend, False), (flat - trend, True)):
        ax = plots.labels_needed(curve(metric, uniform=values, margin=values[::-1]))
        note = ax.get_title("left")
        assert ("uniform is not shown to improve: gaps may be chance" in note) == said
        plt.close(ax.figure)
