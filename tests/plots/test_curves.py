import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
from matplotlib import pyplot as plt

from alkit import plots
from alkit.result import Result


@pytest.fixture
def result():
    rows = [
        {
            "strategy": name,
            "seed": seed,
            "round": r,
            "annotated": 10 * (r + 1),
            "steps": 1,
            "testMulticlassAccuracy": 0.1 * r + 0.01 * seed + shift,
            "seconds_train": 0.1,
            "picked": [],
        }
        for name, shift in (("uniform", 0.0), ("margin", 0.05))
        for seed in (0, 1, 2)
        for r in range(4)
    ]
    return Result(rows, {"seeds": [0, 1, 2]})


def test_learning_curves_show_the_mean_and_the_worst_and_best_trial(result):
    ax = plots.learning_curves(result)
    line = ax.get_lines()[0]
    assert line.get_xdata().tolist() == [10, 20, 30, 40]
    assert np.allclose(line.get_ydata(), 0.1 * np.arange(4) + 0.01)
    band = ax.collections[0].get_paths()[0].get_extents()
    assert (band.y0, band.y1) == pytest.approx((0.0, 0.32))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["uniform", "margin"]
    assert ax.get_ylabel() == "test accuracy"
    plt.close(ax.figure)


def test_learning_curves_draw_on_the_axes_that_are_given(result):
    figure, ax = plt.subplots()
    assert plots.learning_curves(result, ax) is ax
    plt.close(figure)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("testMulticlassAccuracy", "test accuracy"),
        ("testMulticlassF1Score_epoch", "test F1 score"),
        ("test_loss_epoch", "test loss"),
        ("testBinaryAUROC", "test AUROC"),
    ],
)
def test_metrics_have_names_for_people(metric, words):
    assert plots.title(metric) == words


def test_saving_writes_the_figure_and_lets_it_go(result, tmp_path):
    open_figures = plt.get_fignums()
    plots.save(plots.learning_curves(result), tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"
    assert plt.get_fignums() == open_figures
