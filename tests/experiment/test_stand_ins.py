"""Uniform is in every comparison, and is uniform whatever it is made of."""

import numpy as np
import pytest
from small import DATA, compare, lasting, margin, network, options, uniform
from torch import nn

import alkit as al
from alkit.errors import ConfigurationError
from alkit.experiment.stand_ins import Uniform, chooses_uniformly


def of(result, name):
    return [
        {k: v for k, v in row.items() if k != "strategy"}
        for row in lasting(result.rows)
        if row["strategy"] == name
    ]


class Own(al.Strategy):
    """It overrides all that may be overridden."""

    def score(self, prediction):
        raise RuntimeError("scored")

    def query_strategy(self, pool, n):
        return pool.unannotated_indices[:n]

    def query(self, n):
        return al.Query(self.train_pool.unannotated_indices[:n], round=self.train_pool.next_round)


def own(pool, seed):
    return Own(network(), pool, **options(seed))


@pytest.mark.parametrize("factory", [margin, own])
def test_the_added_uniform_is_the_uniform_strategy_over_the_same_network(factory):
    added = compare({"own": factory})
    assert added.strategies == ["uniform", "own"]
    assert added.protocol["reference"] == "uniform"
    assert of(added, "uniform") == of(compare({"u": uniform}), "u")


def test_it_is_not_added_beside_another_one_nor_where_it_is_left_out():
    beside = compare({"margin": margin, "random": uniform}, rounds=1, seeds=[0])
    assert beside.strategies == ["margin", "random"]
    assert beside.protocol["reference"] == "random"
    alone = compare({"margin": margin}, without=["uniform"], rounds=1, seeds=[0])
    assert alone.strategies == ["margin"]
    assert alone.protocol["reference"] == "margin"
    both = compare({"uniform": uniform, "margin": margin}, without="uniform", rounds=1, seeds=[0])
    assert both.strategies == ["margin"]


def test_who_is_left_out_must_be_there():
    with pytest.raises(ConfigurationError, match=r"'unifrm'.*Did you mean 'uniform'"):
        compare({"margin": margin}, without=["unifrm"])


def test_the_added_uniform_is_trained_as_the_first_strategy():
    def adversarial(pool, seed):
        body, head, critic = (nn.Linear(n, m) for n, m in ((4, 8), (8, 3), (8, 1)))
        return al.AdversarialStrategy(body, head, critic, pool, **options(seed))

    result = compare({"adversarial": adversarial}, seeds=[0])
    seen = {(row["strategy"], row["round"]): row["samples_seen"] for row in result.rows}
    assert seen["uniform", 0] == seen["adversarial", 0] == 4 * (6 + 8)  # unannotated ones too
    assert of(result, "uniform")[0]["why"] == "Random()"


def test_a_random_selector_alone_makes_no_uniform_strategy():
    pool = al.ActiveLearningDataset(DATA)
    drawn = al.Strategy(network(), pool, selector=al.Random(), **options(0)).build()
    assert chooses_uniformly(drawn)
    override = Own(network(), pool, selector=al.Random(), **options(0)).build()
    assert not chooses_uniformly(override)
    made = Uniform(own)(pool, 0).build()
    assert chooses_uniformly(made)
    assert type(made) is Own
    assert repr(made.acquisition) == "Acquisition(Constant(0), Random())"  # nothing is scored


def test_each_sample_is_as_likely_as_another():
    counts = np.zeros(40)
    for seed in range(300):
        pool = al.ActiveLearningDataset(DATA)
        pool.annotate([0])
        picks = Uniform(own)(pool, seed).build().query(13).indices
        counts[picks] += 1
    assert counts[0] == 0
    expected = 300 * 13 / 39
    chi2 = ((counts[1:] - expected) ** 2 / expected).sum()
    assert chi2 < 70  # of 38 degrees of freedom: the 0.999 quantile
