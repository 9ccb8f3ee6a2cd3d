"""Tailor: which selector drew a label is read from the records, and rare labels pay."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.criteria import Context
from alkit.errors import ConfigurationError, PredictionError
from alkit.querying import Tailor
from alkit.querying.tailor import arms

CLASSES = 3


def skewed():
    """300 samples in the plane, 270 of class 0, 20 of class 1, 10 of class 2."""
    y = torch.tensor([0] * 270 + [1] * 20 + [2] * 10)
    x = torch.randn(300, 2, generator=torch.Generator().manual_seed(0)) + 9.0 * y[:, None]
    return al.ActiveLearningDataset(TensorDataset(x, y))


def lowest(candidates, n, generator):
    """Picks of class 0."""
    return candidates.features[:, 0].argsort()[:n]


def highest(candidates, n, generator):
    """Picks of the rare classes, as long as there are any."""
    return candidates.features[:, 0].argsort(descending=True)[:n]


lowest.needs = highest.needs = {"features"}


def strategy_of(pool, acquisition, seed=0):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Identity(), nn.Linear(2, CLASSES))
    return al.Strategy(net, pool, acquisition=acquisition, seed=seed).build()


def counts_of(query):
    return [int(k) for k in re.search(r"drew \[(.*?)\]", query.why)[1].split(",")]


def reference(queries, pool, selectors, discount):
    """Weights of the Dirichlet distributions, from the queries, label by label."""
    weights = np.ones((selectors, CLASSES))
    for query in queries:
        new, picks = np.zeros_like(weights), iter(query)
        for selector, count in enumerate(counts_of(query)):
            for _ in range(count):
                new[selector, int(pool[next(picks)][1])] += 1
        weights = discount * weights + new
    return weights + 1


@pytest.mark.parametrize("discount", [0.9, 0.5])
def test_the_posterior_is_that_of_the_labels_which_each_selector_has_found(discount):
    pool = skewed()
    tailor = Tailor([al.Random(), lowest, highest], discount=discount)
    strategy = strategy_of(pool, tailor)
    queries = [strategy.query_and_update(9) for _ in range(3)]
    assert all(sum(counts_of(query)) == 9 for query in queries)
    ours = tailor.posterior(strategy.context, CLASSES)
    np.testing.assert_allclose(ours, reference(queries, pool, 3, discount))


def test_the_picks_are_those_of_the_selectors_that_were_drawn():
    pool = skewed()
    strategy = strategy_of(pool, Tailor([lowest, highest]))
    query = strategy.query(10)
    few, many = counts_of(query)
    values = pool._samples.dataset.tensors[0][:, 0]
    order = values.argsort().tolist()
    assert list(query) == order[:few] + order[::-1][:many]


def test_the_selector_that_finds_rare_classes_is_drawn_most_often():
    strategy = strategy_of(skewed(), Tailor([lowest, highest, al.Random()]))
    for _ in range(5):
        strategy.query_and_update(5)
    drawn = strategy.acquisition.draws(strategy.context, 1000)
    assert drawn[1] > 1.5 * max(drawn[0], drawn[2])
    assert sum(drawn) == 1000


def test_the_chance_of_a_selector_is_that_of_the_highest_expected_reward():
    pool = skewed()
    pool.annotate([0, 1, 2, 270, 271, 290])
    tailor = Tailor([lowest, highest])
    strategy = strategy_of(pool, tailor)
    strategy.query_and_update(8)
    weights = tailor.posterior(strategy.context, CLASSES)
    counts = np.bincount(
        [int(y) for y in pool.labels_of(pool.annotated_indices)], minlength=CLASSES
    )
    rewards = np.array([-1 / c if 2 * c > counts.sum() else 1 / c for c in counts])
    rng = np.random.default_rng(5)
    theta = np.stack([rng.dirichlet(row, 20_000) for row in weights], axis=1)
    chances = np.bincount((theta @ rewards).argmax(1), minlength=2) / 20_000
    drawn = np.array(tailor.draws(strategy.context, 20_000)) / 20_000
    np.testing.assert_allclose(drawn, chances, atol=0.015)


def test_without_labels_all_selectors_are_equally_likely():
    strategy = strategy_of(skewed(), Tailor([al.Random()] * 4))
    drawn = strategy.acquisition.draws(strategy.context, 4000)
    assert min(drawn) > 900


def test_labels_that_are_missing_are_not_read_and_count_once_they_come():
    pool = skewed()
    tailor = Tailor([lowest, highest])
    strategy = strategy_of(pool, tailor)
    query = strategy.query(8)
    assert (tailor.posterior(strategy.context, CLASSES) == 2).all()
    first = query[0]
    pool.annotate([first])
    assert tailor.posterior(strategy.context, CLASSES).sum() == pytest.approx(0.9 * 6 + 1 + 6)
    pool.annotate([i for i in query if i != first])
    expected = reference([query], pool, 2, 0.9)
    np.testing.assert_allclose(tailor.posterior(strategy.context, CLASSES), expected)


def test_queries_of_other_acquisitions_do_not_count():
    pool = skewed()
    strategy = strategy_of(pool, al.Acquisition())
    strategy.query_and_update(5)
    strategy.acquisition = Tailor()
    assert (strategy.acquisition.posterior(strategy.context, CLASSES) == 2).all()
    assert strategy.query(4).why.count("Thompson sampling drew") == 1


def test_a_query_of_other_picks_than_those_drawn_does_not_count():
    class Without(al.Strategy):
        """Drops picks of even indices from a larger query."""

        def query_strategy(self, pool, n):
            query = super().query_strategy(pool, 4 * n)
            odd = query.indices[query.indices % 2 == 1][:n]
            return replace(query, indices=odd, guesses=None, scores=None)

    pool = skewed()
    tailor = Tailor([lowest, highest])
    net = nn.Sequential(nn.Identity(), nn.Linear(2, CLASSES))
    strategy = Without(net, pool, acquisition=tailor, seed=0).build()
    strategy.query_and_update(6)
    assert (tailor.posterior(strategy.context, CLASSES) == 2).all()
    bound = al.Strategy(
        net, pool, acquisition=tailor.at(strategy.context), seed=0
    )  # one selector for all
    bound.build().query_and_update(5)
    counted = tailor.posterior(bound.context, CLASSES)
    assert sorted((counted - 1.9).sum(1).round().tolist()) == [0, 5]


def test_labels_that_the_model_does_not_have_are_an_error():
    pool = skewed()
    pool.annotate([0, 290])  # of class 2
    net = nn.Sequential(nn.Identity(), nn.Linear(2, 2))
    strategy = al.Strategy(net, pool, acquisition=Tailor([lowest, highest]), seed=0).build()
    with pytest.raises(PredictionError, match="classes 0 to 1, got 2"):
        strategy.query(3)


def test_it_prints_what_is_not_the_default():
    assert repr(Tailor([al.TopK(), al.Random()])) == "Tailor([TopK(), Random()], Margin())"
    assert repr(Tailor([al.TopK(), al.Random()], discount=0.5)).endswith("Margin(), discount=0.5)")


def test_the_same_state_gives_the_same_query_and_another_seed_another():
    pool = skewed()
    queries = [list(strategy_of(pool, Tailor(), seed).query(12)) for seed in (0, 0, 1)]
    assert queries[0] == queries[1] != queries[2]


def test_a_batch_by_another_way_has_one_selector():
    strategy = strategy_of(skewed(), Tailor([lowest, highest]))
    bound = strategy.acquisition.at(strategy.context)
    assert repr(bound.selector) in {"lowest", "highest"}


def test_the_default_arms_share_a_space():
    assert len(arms()) == len(Tailor().selectors) == 6
    assert sum("cosine" in repr(arm) for arm in arms(al.Features("cosine"))) == 2


def test_outputs_of_other_kinds_are_an_error():
    pool = skewed()
    regressor = al.training.Regressor(nn.Sequential(nn.Identity(), nn.Linear(2, 1)))
    strategy = al.Strategy(regressor, pool, acquisition=Tailor(), seed=0).build()
    with pytest.raises(ConfigurationError, match="exclusive classes"):
        strategy.query(3)
    with pytest.raises(ConfigurationError, match="Strategy"):
        Tailor().at(Context(0, seed=0))


@pytest.mark.parametrize("wrong", [[al.TopK()], al.TopK(), [], ["topk", al.TopK()]])
def test_fewer_than_two_selectors_are_an_error(wrong):
    with pytest.raises(ConfigurationError):
        Tailor(wrong)


@pytest.mark.parametrize("discount", [0, 1.5])
def test_the_discount_is_a_share(discount):
    with pytest.raises(ConfigurationError, match="discount"):
        Tailor(discount=discount)
