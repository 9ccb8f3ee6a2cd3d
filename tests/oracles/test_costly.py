"""Costs: each sample is paid for once."""

import numpy as np
import pytest
import torch
from torch import nn

import alkit as al
from alkit.criteria.function import as_criterion
from alkit.errors import ConfigurationError, SampleIndexError
from alkit.oracles import Abstaining, Costly, Reveal

pytestmark = pytest.mark.filterwarnings("ignore::alkit.errors.SelectionWarning")


def test_each_sample_is_paid_for_once(dataset):
    oracle = Costly(Reveal(dataset), np.arange(600) / 2)
    assert oracle.spent == 0
    assert oracle([2, 4]) == [2, 1]
    assert oracle.spent == 3
    oracle([4, 6, 6])
    assert oracle.spent == 6
    assert oracle.of([1, 599]).tolist() == [0.5, 299.5]
    assert oracle.spent == 6
    unsure = Costly(Abstaining(Reveal(dataset), 1), 2)
    assert unsure([1, 2]) == [None, None]
    assert unsure.spent == 4


def test_nothing_is_paid_for_a_failed_call(dataset):
    asked = []
    oracle = Costly(asked.extend, [1, 2, 3])
    for wrong in [0, 3], [-1]:
        with pytest.raises(SampleIndexError, match="samples 0 to 2"):
            oracle(wrong)
    assert asked == []
    failing = Costly(lambda ids: 1 / 0, 1)
    with pytest.raises(ZeroDivisionError):
        failing([0])
    assert oracle.spent == failing.spent == 0
    for wrong in -1, np.nan, "1", [1, -2], [[1]], None:
        with pytest.raises(ConfigurationError, match="cost must be"):
            Costly(Reveal(dataset), wrong)


def test_a_query_by_score_per_cost_picks_the_best_ratios(dataset):
    pool = al.ActiveLearningDataset(dataset)
    pool.annotate_random(6, seed=0)
    minutes = torch.rand(600, generator=torch.Generator().manual_seed(1)) + 0.1
    per_cost = al.Margin() / as_criterion(lambda prediction: minutes[prediction.ids])
    net = nn.Linear(2, 3)
    strategy = al.Strategy(net, pool, per_cost, al.TopK(), seed=0).build()
    query = strategy.query(10)
    ids = pool.unannotated_indices
    p = net(dataset.tensors[0][ids]).softmax(-1).sort(descending=True).values
    ratio = (1 - (p[:, 0] - p[:, 1])) / minutes[ids]
    assert query.indices.tolist() == ids[ratio.topk(10).indices.numpy()].tolist()


def test_a_cost_may_be_a_function_of_the_indices_such_as_of_what_the_model_predicts(dataset):
    pool = al.ActiveLearningDataset(dataset)
    pool.annotate_random(6, seed=0)
    net, calls = nn.Linear(2, 3), []
    strategy = al.Strategy(net, pool, al.Margin(), al.TopK(), seed=0).build()

    def objects(ids):
        calls.append(len(ids))
        classes = torch.cat([p.guesses for p in strategy.predictions(pool, ids)])
        return 1 + classes.numpy()

    oracle = Costly(Reveal(dataset), objects)
    query = strategy.query(budget=12, cost=oracle.of)
    assert calls == [594]  # one pass over the candidates
    costs = 1 + net(dataset.tensors[0][query.indices]).argmax(1).numpy()
    assert 9 < costs.sum() <= 12
    pool.annotate(query, oracle(query.indices))
    assert oracle.spent == costs.sum()
    for wrong in (lambda ids: 1, lambda ids: -np.ones(len(ids)), lambda ids: "a"):
        with pytest.raises(ConfigurationError, match="cost must be"):
            Costly(Reveal(dataset), wrong)([1, 2])
