"""A trial is a sequence of states, each of which is all that is needed to go on."""

import numpy as np
import pytest
import torch
from small import DATA, lasting, margin, network, options, uniform

import alkit as al
from alkit.errors import ConfigurationError
from alkit.experiment.trial import Plan, Trial, annotated_for_validation, randomness

PLAN = Plan(rounds=3, query_size=6, initial=8, max_steps=4)


def validated(pool, seed):
    held_out = al.ActiveLearningDataset(list(DATA))  # not one dataset for both
    held_out.annotate([1, 2, 3])
    return al.Strategy(network(), pool, al.Margin(), val_pool=held_out, **options(seed))


def over_another_pool(pool, seed):
    return uniform(al.ActiveLearningDataset(DATA), seed)


def without_its_seed(pool, seed):
    return margin(pool, 0)


@pytest.fixture(scope="module")
def states():
    return list(Trial("margin", 5, margin, DATA, PLAN).run())


def test_there_is_a_state_before_the_first_round_and_one_after_each(states):
    assert [len(state.rows) for state in states] == [0, 1, 2, 3]
    assert [state.fits for state in states] == [0, 1, 2, 3]
    assert [state.finished for state in states] == [False, False, False, True]


@pytest.mark.parametrize("stop", [0, 1, 2])
def test_from_any_state_it_goes_on_as_if_it_had_never_stopped(states, stop):
    first, last = states[0], states[stop]
    with_weights = last if stop == 0 else type(last)(**{**vars(last), "weights": first.weights})
    resumed = list(Trial("margin", 5, margin, DATA, PLAN).run(with_weights))
    assert len(resumed) == 3 - stop
    assert lasting(resumed[-1].rows) == lasting(states[-1].rows)


def test_of_a_finished_trial_nothing_is_left(states):
    assert list(Trial("margin", 5, over_another_pool, DATA, PLAN).run(states[-1])) == []


def test_the_last_round_buys_no_labels(states):
    assert [len(state.rows[-1]["picked"]) for state in states[1:]] == [6, 6, 0]
    assert states[-1].rows[-1]["annotated"] == 8 + 2 * 6


def test_a_pool_that_ends_early_ends_the_trial():
    plan = Plan(rounds=9, query_size=30, initial=8, max_steps=1)
    *_, last = Trial("uniform", 0, uniform, DATA, plan).run()
    assert [row["annotated"] for row in last.rows] == [8, 38, 40]
    assert last.finished


def test_strategies_of_a_seed_begin_alike_and_others_do_not():
    a, b = (Trial(f.__name__, 5, f, DATA, PLAN).begin() for f in (margin, uniform))
    c = Trial("margin", 6, margin, DATA, PLAN).begin()
    initial = [strategy.train_pool.annotated_indices for strategy in (a, b, c)]
    assert initial[0].tolist() == initial[1].tolist() != initial[2].tolist()
    weights = [next(iter(strategy.module.parameters())) for strategy in (a, b, c)]
    assert weights[0].equal(weights[1])
    assert not weights[0].equal(weights[2])


def test_a_factory_that_forgets_the_seed_still_has_the_order_of_the_data_of_the_trial():
    forgetful, faithful = (Trial("a", 5, f, DATA, PLAN) for f in (without_its_seed, margin))
    assert forgetful.begin().seed == faithful.begin().seed


@pytest.mark.parametrize("factory", [over_another_pool, lambda pool, seed: network()])
def test_what_is_no_strategy_over_the_given_pool_is_an_error(factory):
    with pytest.raises(ConfigurationError, match=r"factory of 'mine' must return a strategy over"):
        next(Trial("mine", 0, factory, DATA, PLAN).run())


def test_a_trial_that_is_closed_leaves_the_model_as_it_was_built():
    made = []

    def remembered(pool, seed):
        made.append(margin(pool, seed))
        return made[-1]

    run = Trial("margin", 5, remembered, DATA, PLAN).run()
    next(run)
    (strategy,) = made
    before = [p.detach().clone() for p in strategy.module.parameters()]
    assert [len(state.rows) for state in (next(run), next(run), next(run))] == [1, 2, 3]
    assert not all(p.equal(q) for p, q in zip(strategy.module.parameters(), before, strict=True))
    run.close()
    assert all(p.equal(q) for p, q in zip(strategy.module.parameters(), before, strict=True))


def test_annotated_validation_samples_are_counted():
    assert annotated_for_validation(Trial("a", 0, validated, DATA, PLAN).begin()) == 3
    assert annotated_for_validation(Trial("a", 0, margin, DATA, PLAN).begin()) == 0


def test_randomness_is_that_of_its_seed_and_ends_with_it():
    before = torch.get_rng_state()
    drawn = []
    for seed in (7, 7, 8):
        with randomness(seed):
            drawn.append(torch.rand(3).numpy())
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    assert torch.get_rng_state().equal(before)
