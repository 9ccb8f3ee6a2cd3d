from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import ConfigurationError, QuerySizeError

N = 40


@pytest.fixture
def strategy():
    x = torch.randn(N, 2, generator=torch.Generator().manual_seed(0))
    pool = al.ActiveLearningDataset(TensorDataset(x, torch.arange(N) % 3))
    pool.annotate_random(6, seed=0)
    torch.manual_seed(0)
    return al.Strategy(nn.Linear(2, 3), pool, al.Margin(), seed=0).build()


@pytest.fixture
def costs():
    return np.random.default_rng(1).uniform(0.5, 4, N)


def test_the_picks_are_those_of_the_highest_scaled_score_per_cost_that_fit(strategy, costs):
    ids = strategy.train_pool.unannotated_indices
    every = strategy.query(len(ids))
    score = np.empty(N)
    score[every.indices] = every.scores
    gain = (score[ids] - score[ids].min()) / (score[ids].max() - score[ids].min())
    left, expected = 9.0, []
    for index in ids[np.argsort(-gain / costs[ids], kind="stable")]:
        if costs[index] <= left:
            left -= costs[index]
            expected.append(index)
    query = strategy.query(budget=9, cost=costs)
    assert query.indices.tolist() == expected
    assert costs[query.indices].sum() <= 9
    assert "budget of 9" in query.why


def test_equal_costs_give_the_picks_of_a_query_without_costs(strategy):
    query = strategy.query(budget=5, cost=np.ones(N))
    assert query.indices.tolist() == strategy.query(5).indices.tolist()


def test_a_costly_oracle_is_paid_at_most_the_budget(strategy, costs):
    oracle = al.oracles.Costly(lambda ids: [0] * len(ids), costs)
    query = strategy.query(budget=6, cost=oracle.of)
    strategy.train_pool.annotate(query, oracle(query.indices))
    assert 0 < oracle.spent <= 6


def test_n_limits_the_number_and_exclude_leaves_samples_out(strategy, costs):
    first = strategy.query(3, budget=20, cost=costs)
    assert len(first) == 3
    second = strategy.query(3, budget=20, cost=costs, exclude=first)
    assert not set(first) & set(second)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0.1, 50), min_size=12, max_size=12),
    st.floats(0.2, 120),
    st.none() | st.integers(1, 8),
    st.sampled_from([al.TopK(), al.Random(), al.KCenter(), al.Power(2), al.selectors.KMeans()]),
)
def test_what_is_asked_for_is_paid_for_and_is_never_nothing(costs, budget, n, selector):
    x = torch.randn(12, 2, generator=torch.Generator().manual_seed(0))
    pool = al.ActiveLearningDataset(TensorDataset(x, torch.arange(12) % 3))
    pool.annotate([2, 7, 8])
    network = al.MultiLayerPerceptron(2, [4], 3)
    strategy = al.Strategy(network, pool, al.Margin(), selector, seed=0).build()
    costs, ids = np.array(costs), pool.unannotated_indices
    if costs[ids].min() > budget * (1 + 1e-9):
        with pytest.raises(QuerySizeError, match="does not suffice"):
            strategy.query(n, budget=budget, cost=costs)
        return
    picks = strategy.query(n, budget=budget, cost=costs).indices
    assert 1 <= len(picks) <= (n or 9)
    assert set(picks) <= set(ids)
    assert len(set(picks)) == len(picks)
    oracle = al.oracles.Costly(lambda asked: [0] * len(asked), lambda asked: costs[asked])
    oracle([*picks, *picks])
    left = budget - oracle.spent
    assert left >= -1e-6 * budget
    if n is None and isinstance(selector, al.TopK):
        assert left < costs[np.setdiff1d(ids, picks)].min(initial=np.inf) + 1e-6


def test_the_default_posterior_samples_are_stated(strategy):
    pool = strategy.train_pool
    network = nn.Sequential(nn.Linear(2, 8), nn.Dropout(), nn.Linear(8, 3))
    sampled = al.Strategy(network, pool, al.BALD(), seed=0).build()
    query = sampled.query(budget=5, cost=np.ones(N))
    assert "the default of samples=" in query.why


def test_an_acquisition_that_asks_in_its_own_way_is_refused(strategy):
    class First(al.Acquisition):
        def ask(self, context, n):
            return al.Query(context.pool.unannotated_indices[:n])

    strategy.acquisition = First()
    with pytest.raises(ConfigurationError, match="asks without them"):
        strategy.query(budget=5, cost=np.ones(N))


def test_a_selector_without_scores_keeps_its_order(strategy, costs):
    strategy.selector = al.Random()
    query = strategy.query(budget=8, cost=costs)
    assert len(query) > 1
    assert costs[query.indices].sum() <= 8


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"budget": 5}, ConfigurationError, "together"),
        ({"cost": np.ones(N)}, ConfigurationError, "together"),
        ({"budget": 0, "cost": np.ones(N)}, ConfigurationError, "above 0"),
        ({"budget": float("nan"), "cost": np.ones(N)}, ConfigurationError, "above 0"),
        ({"budget": 5, "cost": np.zeros(N)}, ConfigurationError, "one number above 0"),
        ({"budget": 5, "cost": np.ones(N - 5)}, ConfigurationError, "one number above 0"),
        ({"budget": 5, "cost": np.ones(N + 1)}, ConfigurationError, "one number above 0"),
        ({"budget": 5, "cost": torch.ones(N).requires_grad_()}, ConfigurationError, "above 0"),
        ({"budget": 5, "cost": lambda ids: [1]}, ConfigurationError, "one number above 0"),
        ({"budget": 0.5, "cost": np.ones(N)}, QuerySizeError, "cheapest one costs 1"),
    ],
)
def test_what_cannot_be_paid_is_refused(strategy, options, error, match):
    before = strategy.train_pool.state_dict()
    with pytest.raises(error, match=match):
        strategy.query(**options)
    assert strategy.train_pool.state_dict() == before
