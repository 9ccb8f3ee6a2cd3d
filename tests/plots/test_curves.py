import numpy as np
import pytest
from matplotlib import pyplot as plt

from alkit import plots
from alkit.evidence import summary
from alkit.evidence.records import Records


def test_learning_curves_show_the_mean_of_the_trials(result):
    ax = plots.learning_curves(result)
    line = ax.get_lines()[0]
    assert line.get_xdata().tolist() == [10, 20, 30, 40]
    assert np.allclose(line.get_ydata(), 0.1 * np.arange(4) + 0.01)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["uniform", "margin"]
    assert ax.get_ylabel() == "test accuracy"
    assert "3 trials" in ax.get_title("left")


def test_the_band_is_the_bootstrap_interval_over_the_trials(result):
    ax = plots.learning_curves(result)
    band = ax.collections[0].get_paths()[0].get_extents()
    rows = [row for row in summary.budgets(result) if row["strategy"] == "uniform"]
    low, high = min(row["low"] for row in rows), max(row["high"] for row in rows)
    assert (band.y0, band.y1) == pytest.approx((low, high))
    assert low < 0.01 < 0.31 < high  # around the means of the first and the last round


def test_a_trial_that_is_not_finished_is_left_out(result):
    del result.rows[3]  # uniform, seed 0, round 3
    ax = plots.learning_curves(result)
    assert np.allclose(ax.get_lines()[0].get_ydata(), 0.1 * np.arange(4) + 0.015)
    assert "2 to 3 trials" in ax.get_title("left")


def test_one_trial_has_no_band_and_is_called_one_trial(result):
    one = Records([row for row in result.rows if row["seed"] == 0], {})
    ax = plots.learning_curves(one)
    assert not ax.collections
    assert ax.get_title("left") == "one trial"


def test_lines_are_told_apart_without_color(result):
    lines = plots.learning_curves(result).get_lines()
    assert len({(line.get_marker(), line.get_linestyle()) for line in lines}) == len(lines)


def test_the_ceiling_is_a_line_at_its_mean(result):
    result.protocol["ceiling"] = {"testMulticlassAccuracy": [0.9, 1.0], "other": [0.1]}
    ax = plots.learning_curves(result)
    assert list(ax.get_lines()[-1].get_ydata()) == pytest.approx([0.95, 0.95])
    assert ax.get_legend().get_texts()[-1].get_text() == "all labels: 0.950"


def test_learning_curves_draw_on_the_axes_that_are_given(result):
    ax = plt.subplots()[1]
    assert plots.learning_curves(result, ax) is ax


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("testMulticlassAccuracy", "test accuracy"),
        ("testMulticlassF1Score_epoch", "test F1 score"),
        ("test_loss_epoch", "test loss"),
        ("testBinaryAUROC", "test AUROC"),
        ("testMeanIoU", "test mean IoU"),
        ("testMultilabelF1Score", "test F1 score"),
    ],
)
def test_metrics_have_names_for_people(metric, words):
    assert plots.title(metric) == words


def test_saving_writes_the_figure_and_lets_it_go(result, tmp_path):
    open_figures = plt.get_fignums()
    plots.save(plots.learning_curves(result), tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"
    assert plt.get_fignums() == open_figures
