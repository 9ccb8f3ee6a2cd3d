"""Named papers are ready strategies, and keep the laws."""

import inspect
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

import alkit as al
from alkit.strategies import papers
from alkit.testing import check_strategy

PAPERS = {
    "auto": "MaxHerding(space=Inputs()): the network is not trained yet",
    "badge": "KMeansPlusPlus(space=GradientEmbedding())",
    "bald": "TopK() of BALD()",
    "coreset": "KCenter()",
    "typiclust": "TypiClust()",
    "probcover": "ProbCover()",
    "uherding": "UncertaintyHerding() of Margin()",
    "cluster_margin": "ClusterMargin() of Margin()",
    "coral": "Coral() of Margin()",
    "power_bald": "Power(beta=8.0) of BALD()",
    "power_margin": "Power() of Margin()",
    "batchbald": "BatchBALD()",
    "committee": "TopK() of BALD()",
    "epig": "TopK() of EPIG(36 targets)",
    "greedy_sampling": "GreedySampling()",
    "lcmd": "LCMD()",
    "activeft": "ActiveFT()",
    "bemps": "TopK() of CoreMSE(36 targets)",
    "dcom": "Dcom() of Margin()",
    "expected_error": "ExpectedErrorReduction()",
    "refine": "Refine(passes=1, batches=9) of Margin()",
    "tailor": "Mix(",
    "tcm": "TypiClust(): phase 1, up to round 3",
}
# options that keep these tests short
QUICK = {"refine": {"passes": 1, "batches": 9}}


def paper(name):
    return partial(getattr(papers, name), **QUICK.get(name, {}))


@pytest.fixture
def net(net):
    """The network of these tests, with a dropout for the papers that sample by it."""

    def make():
        first, *others = net()
        return nn.Sequential(nn.Sequential(first, nn.Dropout(0.3)), *others)

    return make


def test_every_paper_is_tested_here():
    functions = [value for value in vars(papers).values() if inspect.isfunction(value)]
    own = {function.__name__ for function in functions if function.__module__ == papers.__name__}
    assert {name for name in own if not name.startswith("_")} <= set(PAPERS)
    assert papers.__all__ == sorted(PAPERS)


@pytest.mark.parametrize("name", PAPERS)
def test_every_paper_keeps_the_laws(name, net):
    made = paper(name)
    check_strategy(lambda pool, test: made(net(), pool, test=test, seed=3, batch_size=8).build())


@pytest.mark.parametrize(("name", "why"), PAPERS.items())
def test_a_query_says_by_which_rule(name, why, pool, net):
    query = paper(name)(net(), pool, seed=0).build().query(5)
    assert query.why.startswith(why)
    assert (query.scores is None) == (" of " not in query.why.partition(":")[0])


@pytest.mark.parametrize("name", PAPERS)
def test_a_cold_start_needs_no_label(name, blobs, net):
    pool = al.ActiveLearningDataset(blobs())
    assert len(set(paper(name)(net(), pool, seed=0).build().query(7))) == 7


def test_a_strategy_chooses_as_select_does_on_the_arrays_of_its_model(pool, net):
    strategy = al.badge(net(), pool, seed=0).build()
    model = strategy.module.model.eval()
    x = pool._samples.dataset.tensors[0]
    with torch.no_grad():
        p, features = model(x).softmax(1), model[:3](x)
    left = pool.unannotated_indices
    seen = []

    def remember(candidates, n, generator):
        seen.append(candidates)
        return torch.arange(n)

    remember.needs = {"features", "outputs", "annotated", "labels", "head"}
    al.Strategy(net(), pool, selector=remember, seed=0).build().query(3)
    (candidates,) = seen
    assert candidates.ids.tolist() == left.tolist()
    torch.testing.assert_close(candidates.features, features[left])
    torch.testing.assert_close(candidates.probabilities, p[left])
    known = pool.annotated_indices
    torch.testing.assert_close(candidates.annotated.features, features[known])
    assert candidates.labels.tolist() == [int(pool[i][1]) for i in known]
    torch.testing.assert_close(candidates.head(features[:5]), model[3](features[:5]))
    assert strategy.query(4).probabilities is None


def test_power_margin_tells_the_probability_of_each_pick(pool, net):
    query = al.papers.power_margin(net(), pool, beta=2, seed=0).build().query(6)
    assert query.why.startswith("Power(beta=2) of Margin()")
    assert query.probabilities.shape == (6,)
    assert ((query.probabilities > 0) & (query.probabilities < 1)).all()


def test_targets_may_be_other_inputs_than_the_pool(pool, blobs, net):
    query = al.epig(net(), pool, samples=4, targets=blobs(25, seed=3), seed=0).build().query(3)
    assert query.why.startswith("TopK() of EPIG(25 targets)")


def test_samples_and_members_are_as_many_as_asked_for(pool, net):
    for name, options in (
        ("batchbald", {"samples": 7}),
        ("epig", {"samples": 7}),
        ("committee", {"members": 3}),
    ):
        strategy = getattr(papers, name)(net(), pool, seed=0, **options).build()
        (prediction,) = strategy.predictions(pool, [0, 1])
        assert prediction.outputs.shape == (2, *options.values(), 3)


def test_a_committee_may_vote(pool, net):
    strategy = al.committee(net(), pool, criterion=al.criteria.VoteEntropy(), seed=0).build()
    assert strategy.query(3).why.startswith("TopK() of VoteEntropy()")


@pytest.mark.parametrize("name", ["batchbald", "committee", "epig"])
def test_a_lightning_module_is_sampled_or_repeated_as_it_is(name, pool, net):
    strategy = getattr(papers, name)(al.CategoricalClassifier(net()), pool, seed=0).build()
    strategy.fit(max_steps=2, enable_progress_bar=False)
    (prediction,) = strategy.predictions(pool, [0, 1])
    assert prediction.outputs.shape == (2, 5 if name == "committee" else 20, 3)
    assert len(strategy.query(3)) == 3


def test_features_may_be_named(pool):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(2, 5), nn.Linear(5, 3)

        def forward(self, x):
            return self.head(self.body(x).relu())

    with pytest.raises(ValueError, match="features="):
        al.papers.coreset(Net(), pool).build().query(3)
    query = al.papers.coreset(Net(), pool, features="model.body").build().query(3)
    assert np.isin(query, pool.unannotated_indices).all()
