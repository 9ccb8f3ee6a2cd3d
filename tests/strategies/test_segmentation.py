"""Methods for segmentation choose by the formulas that they name, and refuse other outputs."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.strategies import segmentation

WHY = {
    "mean_pixel_entropy": "TopK() of mean over pixels of Entropy()",
    "top_pixel_entropy": "TopK() of TopShare(0.05) over pixels of Entropy()",
    "diverse_pixel_entropy": "Prefilter(4, KCenter()) of mean over pixels of Entropy()",
}


@pytest.fixture
def pool():
    x = torch.randn(40, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    pool = al.ActiveLearningDataset(TensorDataset(x, (x[:, 0] > 0).long()))
    pool.annotate_random(6, seed=0)
    return pool


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 5, 3, padding=1), nn.ReLU(), nn.Conv2d(5, 3, 1))


def test_every_method_is_tested_here():
    assert sorted(WHY) == segmentation.__all__
    assert set(WHY) <= set(al.strategies.__all__)


@pytest.mark.parametrize(("name", "why"), WHY.items())
def test_a_query_says_by_which_rule(name, why, pool):
    strategy = getattr(al.strategies, name)(net(), pool, seed=0).build()
    strategy.fit(max_steps=2, enable_progress_bar=False)
    query = strategy.query(4)
    assert query.why.startswith(why)
    assert len(set(query) - set(pool.annotated_indices)) == 4


def entropies(network, x):
    with torch.no_grad():
        p = network.eval()(x).softmax(1).double()
    return -(p * p.log()).sum(1).flatten(1).numpy()


@pytest.mark.parametrize("name", ["mean_pixel_entropy", "top_pixel_entropy"])
def test_the_picks_are_those_of_the_formula(name, pool):
    strategy = getattr(al.strategies, name)(net(), pool, seed=0).build()
    strategy.fit(max_steps=2, enable_progress_bar=False)
    left = pool.unannotated_indices
    each = entropies(strategy.module.model, pool._samples.dataset.tensors[0][left])
    count = 64 if name == "mean_pixel_entropy" else 4  # 5 % of 64 pixels, rounded up
    scores = np.sort(each, axis=1)[:, -count:].mean(1)
    assert list(strategy.query(5)) == left[np.argsort(-scores)[:5]].tolist()


def test_the_shortlist_is_as_long_as_asked_for(pool):
    def rule(factor):
        made = al.strategies.diverse_pixel_entropy(net(), pool, factor=factor, seed=0).build()
        return list(made.query(5))

    first = al.strategies.mean_pixel_entropy(net(), pool, seed=0).build().query(5)
    assert set(rule(1)) == set(first)
    assert set(rule(6)) != set(first)
    assert "TopShare(0.5)" in str(
        al.strategies.top_pixel_entropy(net(), pool, share=0.5, seed=0).build().query(2).why
    )


def test_outputs_of_the_caller_are_kept(pool):
    def read(returned):
        return al.Prediction.segmentation(returned[..., 2:6, 2:6])

    strategy = al.strategies.mean_pixel_entropy(net(), pool, outputs=read, seed=0).build()
    query = strategy.query(1)
    x = pool._samples.dataset.tensors[0][list(query)]
    with torch.no_grad():
        inner = strategy.module.model.eval()(x)[..., 2:6, 2:6]
    expected = al.Entropy()(al.Prediction.segmentation(inner))
    assert float(query.scores[0]) == pytest.approx(float(expected[0]), rel=1e-5)
