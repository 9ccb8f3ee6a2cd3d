import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from PIL import Image
from torch import nn

import alkit as al
from alkit import plots
from alkit.errors import ConfigurationError


def strategy(data=None):
    """Class 1 right of x = 0.5, class 0 left of it, by weights that are set."""
    x = torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    data = torch.utils.data.TensorDataset(x, torch.tensor([0, 1, 0, 1])) if data is None else data
    pool = al.ActiveLearningDataset(data)
    pool.annotate([0, 1])
    net = nn.Linear(len(pool[2]), 2)
    with torch.no_grad():
        net.weight[:] = torch.tensor([[-1.0], [1.0]]) * torch.eye(1, len(pool[2]))
        net.bias[:] = torch.tensor([0.5, -0.5])
    return al.Strategy(net, pool, seed=0).build()


def test_the_grid_is_classified_as_the_model_does():
    shown = plots.regions(strategy(), queried=[2])
    expected = np.broadcast_to(shown.x > 0.5, shown.classes.shape)
    assert np.array_equal(shown.classes, expected)
    assert shown.x[0] < 0 < 1 < shown.x[-1]
    assert shown.labels.tolist() == [0, 1]
    assert shown.queried.tolist() == [2]


def test_keeping_the_regions_changes_nothing():
    learner = strategy()
    learner.train()
    before = torch.random.get_rng_state()
    plots.regions(learner)
    assert learner.training
    assert learner.train_pool.get_num_annotated() == 2
    assert torch.equal(before, torch.random.get_rng_state())


def test_classes_are_told_by_marker_and_number_and_queries_by_a_ring():
    ax = plots.decision_regions(plots.regions(strategy(), queried=[2]))
    said = [text.get_text() for text in ax.get_legend().get_texts()]
    assert said == ["class 0", "class 1", "queried"]
    numbers = {text.get_text(): text.get_position()[0] for text in ax.texts}
    assert numbers["0"] < 0.5 < numbers["1"]
    points = {c.get_label(): c for c in ax.collections}
    assert np.asarray(points["class 1"].get_offsets()).tolist() == [[1, 1]]
    assert np.asarray(points["queried"].get_offsets()).tolist() == [[0, 1]]
    shapes = [points[name].get_paths()[0].vertices.tobytes() for name in ("class 0", "class 1")]
    assert shapes[0] != shapes[1]


def test_a_strategy_is_drawn_as_it_is_now_on_the_axes_that_are_given():
    ax = plt.subplots()[1]
    assert plots.decision_regions(strategy(), ax) is ax
    assert ax.get_title("left") == "2 of 4 annotated"


def test_an_animation_has_one_frame_per_round(tmp_path):
    learner = strategy()
    frames = [plots.regions(learner, [2])]
    learner.train_pool.annotate([2])
    frames.append(plots.regions(learner))
    path = plots.animate_regions(frames, tmp_path / "rounds.gif", seconds=0.5)
    with Image.open(path) as image:
        assert image.format == "GIF"
        assert image.n_frames == 2
        assert image.info["duration"] == 500
        first = np.asarray(image.convert("RGB"))
        image.seek(1)
        assert (first != np.asarray(image.convert("RGB"))).any()
    assert not plt.get_fignums()


def test_samples_of_other_sizes_and_no_frames_are_errors(tmp_path):
    wide = torch.utils.data.TensorDataset(torch.zeros(4, 3), torch.tensor([0, 1, 0, 1]))
    with pytest.raises(ConfigurationError, match=r"\(3,\)"):
        plots.regions(strategy(wide))
    with pytest.raises(ConfigurationError, match="at least one frame"):
        plots.animate_regions([], tmp_path / "none.gif")
