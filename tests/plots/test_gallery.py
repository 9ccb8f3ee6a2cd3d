import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt

import alkit as al
from alkit import plots
from alkit.errors import ConfigurationError

IMAGES = [(torch.full((1, 4, 4), float(k)) + torch.arange(4.0), k % 2) for k in range(40)]


def words(ax):
    return [text.get_text().split("\n") for text in ax.texts]


def test_each_pick_is_shown_with_label_guess_and_score():
    query = al.Query([7, 4, 5], scores=np.array([0.5, 0.25, 0.125]), guesses=np.array([1, 1, 1]))
    ax = plots.gallery(query, IMAGES)
    assert words(ax) == [
        ["label 1", "guess 1", "0.5"],
        ["label 0", "not 1", "0.25"],
        ["label 1", "guess 1", "0.125"],
    ]
    assert len(ax.get_images()) == 3
    assert len(ax.get_lines()) == 1  # the frame of the wrong guess
    left = ax.get_images()[1].get_extent()[0]
    assert ax.get_lines()[0].get_xdata().min() == left


def test_the_records_name_the_query(result):
    ax = plots.gallery(result, IMAGES, strategy="margin", seed=2, round=1)  # picked 12 and 15
    assert words(ax) == [["label 0", "not 1", "0.5"], ["label 1", "guess 1", "0.25"]]
    assert ax.get_title("left").startswith("margin, seed 2, after round 1")
    shown = np.asarray(ax.get_images()[0].get_array())
    assert shown[0] == pytest.approx(np.arange(4) / 3)


def test_a_query_that_is_not_in_the_records_is_an_error(result):
    with pytest.raises(ConfigurationError, match="after round 3"):
        plots.gallery(result, IMAGES, round=3)
    with pytest.raises(ConfigurationError, match="strategies are uniform, margin"):
        plots.gallery(result, IMAGES, strategy="margn")


def test_a_pool_shows_only_the_labels_of_annotated_samples():
    pool = al.ActiveLearningDataset(IMAGES)
    pool.annotate([3])
    assert words(plots.gallery(al.Query([3, 2]), pool)) == [["label 1"], [""]]


def test_the_title_states_how_many_are_left_out():
    ax = plots.gallery(al.Query(np.arange(12)), IMAGES, most=10, columns=4)
    assert len(ax.get_images()) == 10
    assert "10 of 12" in ax.get_title("left")


@pytest.mark.parametrize("shape", [(5, 4), (1, 5, 4), (3, 5, 4), (5, 4, 3), (5, 4, 1)])
def test_images_of_every_layout_stand_upright(shape):
    ax = plots.gallery(al.Query([0]), [np.random.default_rng(0).random(shape)])
    assert np.asarray(ax.get_images()[0].get_array()).shape[:2] == (5, 4)


def test_samples_that_are_not_images_are_an_error():
    with pytest.raises(ConfigurationError, match=r"\(7,\)"):
        plots.gallery(al.Query([0]), [np.zeros(7)])


def test_it_draws_on_the_axes_that_are_given():
    ax = plt.subplots()[1]
    assert plots.gallery(al.Query([0, 1]), IMAGES, ax) is ax


NAMES = ["ant", "bee"]


@pytest.mark.parametrize(
    ("label", "guess", "classes", "shown", "wrong"),
    [
        (torch.tensor([1.0]), 1, None, ["label 1", "guess 1"], False),
        (torch.tensor([0]), 1, None, ["label 0", "not 1"], True),
        ("ant", 0, NAMES, ["label ant", "guess ant"], False),
        ("ant", 1, NAMES, ["label ant", "not bee"], True),
        (1, 0, NAMES, ["label bee", "not ant"], True),
        ("ant", 0, None, ["label ant", "guess 0"], False),
        (1.0, [1.0001234], None, ["label 1", "guess 1"], False),
        ([2.0, 3.0], [2.5, 3.5], None, ["label [2, 3]", "guess [2.5, 3.5]"], False),
        (torch.tensor([1.0, 0.0]), [1, 0], None, ["label [1, 0]", "guess [1, 0]"], False),
        (torch.tensor([1.0, 0.0]), [1, 1], None, ["label [1, 0]", "not [1, 1]"], True),
        (
            torch.tensor([1.0, float("nan")]),
            [1, 1],
            None,
            ["label [1, nan]", "guess [1, 1]"],
            False,
        ),
        (-1, 1, None, ["label -1", "guess 1"], False),
        ([0.25, 0.75], 1, None, ["label [0.25, 0.75]", "guess 1"], False),
    ],
)
def test_only_a_guess_that_is_not_the_label_is_marked(label, guess, classes, shown, wrong):
    query = al.Query([0], guesses=np.array([guess]), classes=classes)
    ax = plots.gallery(query, [(np.zeros((4, 4)), label)])
    assert words(ax) == [shown]
    assert len(ax.get_lines()) == wrong
