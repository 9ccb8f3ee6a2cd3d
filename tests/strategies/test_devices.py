"""Queries of strategies whose network is on a pretended GPU."""

import pytest
import torch
from pretended_gpu import GPU, pretended
from torch import nn

import alkit as al
from alkit import selectors

QUERIES = {
    "margin": {"criterion": al.Margin()},
    "BALD": {"criterion": al.criteria.BALD(), "samples": 3},
    "rank": {"criterion": al.Rank(al.Margin()) + al.Rank(al.Entropy())},
    "k-center": {"selector": al.KCenter()},
    "BADGE": {"selector": al.KMeansPlusPlus(space=selectors.GradientEmbedding())},
    "TypiClust": {"selector": selectors.TypiClust()},
    "herding": {"selector": selectors.MaxHerding()},
    "ALFAMix": {"selector": selectors.ALFAMix()},
    "DropQuery": {"selector": selectors.DropQuery()},
    "quotas": {"selector": selectors.PerGroup([i % 3 for i in range(60)], al.TopK())},
    "inputs": {"selector": al.KCenter(selectors.Inputs())},
    "BatchBALD": {"selector": selectors.BatchBALD(), "samples": 3},
    "sketch": {"selector": selectors.LCMD(selectors.GradientSketch(32))},
    "BAIT": {"selector": selectors.BAIT()},
    "ProbCover": {"selector": selectors.ProbCover()},
    "herding by scores": {"criterion": al.Margin(), "selector": al.UncertaintyHerding()},
    "expected error": {"selector": selectors.ExpectedErrorReduction()},
    "facility location": {"selector": selectors.FacilityLocation(avoided=[0])},
    "EPIG": {"criterion": al.criteria.EPIG(), "samples": 3},
    "CoreMSE": {"criterion": al.criteria.CoreMSE(), "samples": 3},
    "class weight": {"criterion": al.Margin() * al.criteria.ClassWeight(3)},
    "prefilter": {"criterion": al.Entropy(), "selector": al.Prefilter(3, al.KCenter())},
}


@pytest.fixture
def made(blobs):
    def make(**options):
        pool = al.ActiveLearningDataset(blobs())
        pool.annotate_random(12, seed=0)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            net = al.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 3))
        return al.Strategy(net, pool, seed=0, test_batch_size=20, **options).build()

    return make


pytestmark = pytest.mark.filterwarnings("ignore:.*not trained since it was built")


@pytest.mark.parametrize("options", QUERIES.values(), ids=QUERIES)
def test_a_query_on_a_gpu_is_that_of_the_cpu(made, options):
    expected, strategy = list(made(**options).query(6)), made(**options)
    with pretended():
        strategy.to(GPU)
        query = strategy.query(6)
        assert list(query) == expected
        assert next(strategy.parameters()).device == GPU


@pytest.fixture
def special(blobs):
    """Strategies with networks of their own, and the automatic one."""

    def make(name):
        pool = al.ActiveLearningDataset(blobs())
        pool.annotate_random(12, seed=0)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            backbone = al.Sequential(nn.Linear(2, 8), nn.ReLU())
            head, other = al.MultiLayerPerceptron(8, [], 3), al.MultiLayerPerceptron(8, [], 1)
            net = al.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3))
            if name == "adversarial":
                return al.AdversarialStrategy(backbone, head, other, pool, seed=0).build()
            if name == "loss":
                return al.strategies.LearningLossStrategy(net, pool, seed=0).build()
            return al.auto(net, pool, seed=0).build()

    return make


@pytest.mark.parametrize("name", ["adversarial", "auto", "loss"])
def test_a_query_of_a_special_strategy_is_that_of_the_cpu(special, name):
    expected, strategy = list(special(name).query(6)), special(name)
    with pretended():
        strategy.to(GPU)
        assert list(strategy.query(6)) == expected


def test_features_that_do_not_fit_on_the_gpu_are_kept_on_the_cpu(made, monkeypatch):
    monkeypatch.setattr("alkit.storage.SMALL", 0)
    expected, strategy = list(made(selector=al.KCenter()).query(6)), made(selector=al.KCenter())
    with pretended(free=200):
        strategy.to(GPU)
        assert list(strategy.query(6)) == expected
