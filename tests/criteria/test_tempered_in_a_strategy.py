import pytest
import torch

import alkit as al
from alkit.errors import ConfigurationError
from alkit.testing import check_strategy


@pytest.fixture
def held_out(blobs):
    pool = al.ActiveLearningDataset(blobs(45, seed=5))
    pool.annotate_random(30, seed=0)
    return pool


def loud(net):
    """A network that is far too sure."""
    with torch.no_grad():
        net[-1].weight.mul_(40)
    return net


def fitted(strategy):
    return strategy.criterion.at(strategy.context).temperature


def test_the_temperature_is_that_of_the_held_out_samples(pool, held_out, net):
    strategy = al.Strategy(
        loud(net()), pool, al.criteria.Tempered(al.Entropy()), val_pool=held_out, seed=0
    )
    strategy.build()
    ids = held_out.annotated_indices
    x, y = held_out._samples.dataset.tensors
    with torch.no_grad():
        expected = al.fit_temperature(al.Prediction(strategy.module.model.eval()(x[ids])), y[ids])
    found = fitted(strategy)
    assert found.value == pytest.approx(expected.value, rel=1e-4)
    assert (found.labels, found.ece_before) == (30, pytest.approx(expected.ece_before, abs=1e-5))
    assert found.value > 1
    assert found.ece_after < found.ece_before


def test_a_query_scores_the_tempered_outputs(pool, held_out, net):
    strategy = al.Strategy(
        loud(net()), pool, al.criteria.Tempered(al.Entropy()), val_pool=held_out, seed=0
    )
    strategy.build()
    temperature = fitted(strategy)
    query = strategy.query(10)
    assert query.why.startswith(f"TopK() of Tempered(Entropy(), {temperature.value:.3g})")
    by_hand = al.Strategy(
        loud(net()), pool, al.criteria.Tempered(al.Entropy(), temperature), seed=0
    )
    again = by_hand.build().query(8)
    assert list(again) == list(query)  # of 10, 2 are for validation
    assert again.scores == pytest.approx(query.scores, rel=1e-5)


def test_until_something_is_held_out_nothing_is_tempered(pool, blobs, net):
    empty = al.ActiveLearningDataset(blobs(30, seed=5))
    strategy = al.Strategy(
        net(), pool, al.criteria.Tempered(al.Margin()), val_pool=empty, seed=0
    ).build()
    assert (fitted(strategy).value, fitted(strategy).labels) == (1, 0)
    assert strategy.query(10).why.startswith("TopK() of Tempered(Margin(), 1)")
    strategy.query_and_update(10)
    assert fitted(strategy).labels == 2


def test_it_keeps_the_laws_of_a_strategy(blobs, net):
    held_out = al.ActiveLearningDataset(blobs(45, seed=5))
    held_out.annotate_random(45, seed=0)  # else a part of each query goes here
    check_strategy(
        lambda pool, test: al.Strategy(
            net(),
            pool,
            al.criteria.Tempered(al.Entropy()),
            val_pool=held_out,
            test=test,
            seed=3,
            batch_size=8,
        ).build()
    )


def test_without_a_pool_to_hold_out_it_says_what_is_needed(pool, net):
    with pytest.raises(ConfigurationError, match="val_pool"):
        al.Strategy(net(), pool, al.criteria.Tempered(al.Margin())).build().query(3)
