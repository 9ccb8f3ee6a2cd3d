import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from sklearn.decomposition import PCA

import alkit as al
from alkit import plots
from alkit.errors import ConfigurationError, UnbuiltError

RNG = np.random.default_rng(0)


def shown(ax):
    """Rows of points by what they are called."""
    return {c.get_label().split(" (")[0]: np.asarray(c.get_offsets()) for c in ax.collections}


def test_two_columns_are_drawn_as_they_are_each_sample_once():
    points = RNG.normal(size=(20, 2))
    parts = shown(plots.embedding_map(points, annotated=[1, 2, 3], queried=[3, 9]))
    assert np.array_equal(parts["annotated"], points[[1, 2]])
    assert np.array_equal(parts["newly queried"], points[[3, 9]])
    assert np.array_equal(parts["unannotated"], np.delete(points, [1, 2, 3, 9], axis=0))


def test_kinds_differ_in_shape_and_are_counted():
    ax = plots.embedding_map(RNG.normal(size=(20, 2)), [1, 2, 3], [4, 5])
    shapes = {c.get_paths()[0].vertices.tobytes() for c in ax.collections}
    assert len(shapes) == 3
    said = [text.get_text() for text in ax.get_legend().get_texts()]
    assert said == ["unannotated (15)", "annotated (3)", "newly queried (2)"]


def test_t_sne_keeps_clusters_apart_and_is_repeatable():
    points = np.concatenate([RNG.normal(size=(15, 6)), RNG.normal(size=(15, 6)) + 50])
    ax = plots.embedding_map(points)
    assert "t-SNE of 30" in ax.get_title("left")
    flat = shown(ax)["unannotated"]
    halves = np.stack([flat[:15].mean(0), flat[15:].mean(0)])
    nearest = ((flat[:, None] - halves) ** 2).sum(-1).argmin(1)
    assert nearest.tolist() == [0] * 15 + [1] * 15
    assert np.array_equal(flat, shown(plots.embedding_map(points))["unannotated"])


def test_large_pools_are_mapped_by_pca():
    points = RNG.normal(size=(3001, 4)) * [1, 5, 2, 0.1]
    ax = plots.embedding_map(points)
    theirs = PCA(2).fit(points)
    assert np.abs(shown(ax)["unannotated"]) == pytest.approx(
        np.abs(theirs.transform(points)), abs=1e-6
    )
    assert f"{theirs.explained_variance_ratio_.sum():.0%}" in ax.get_title("left")


def strategy(width=2):
    data = torch.utils.data.TensorDataset(torch.randn(30, 4), torch.arange(30) % 2)
    pool = al.ActiveLearningDataset(data)
    pool.annotate([0, 1])
    net = al.Sequential(
        al.MultiLayerPerceptron(4, [], width), al.MultiLayerPerceptron(width, [], 2)
    )
    return al.Strategy(net, pool, seed=0)


def test_a_pool_is_mapped_by_the_features_of_the_model():
    learner = strategy().build()
    parts = shown(plots.pool_map(learner, queried=[5]))
    (prediction,) = learner.predictions(learner.train_pool, [5])
    assert parts["newly queried"] == pytest.approx(prediction.features.numpy())
    assert len(parts["annotated"]) == 2


def test_the_newest_round_is_what_was_newly_queried():
    learner = strategy().build()
    assert "newly queried" not in shown(plots.pool_map(learner))
    learner.train_pool.annotate([7, 8, 9])
    assert len(shown(plots.pool_map(learner))["newly queried"]) == 3


def test_bad_input_is_an_error():
    with pytest.raises(ConfigurationError, match=r"\(5,\)"):
        plots.embedding_map(np.zeros(5))
    with pytest.raises(ConfigurationError, match="finite"):
        plots.embedding_map([[0.0, np.nan]])
    with pytest.raises(ConfigurationError, match="0 to 4, got -1 to 2"):
        plots.embedding_map(np.zeros((5, 2)), [-1, 2])
    with pytest.raises(UnbuiltError):
        plots.pool_map(strategy())


def test_it_draws_on_the_axes_that_are_given():
    ax = plt.subplots()[1]
    assert plots.embedding_map(np.eye(3)[:, :2], ax=ax) is ax
