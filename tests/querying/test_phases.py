"""Phases: the round decides which acquisition asks."""

import pytest

import alkit as al
from alkit.criteria import Context
from alkit.errors import ConfigurationError
from alkit.pool import Query
from alkit.querying import Phases

FIRST, THEN = al.Acquisition(None, al.selectors.TypiClust()), al.Acquisition(al.Margin())


def test_the_first_acquisition_asks_in_the_initial_round_and_in_as_many_after_it():
    phases = Phases(FIRST, THEN, rounds=2)
    asked = [repr(phases.at(Context(round, seed=0)).selector) for round in range(5)]
    assert asked == ["TypiClust()"] * 3 + ["TopK()"] * 2


def test_a_query_names_the_phase_and_is_that_of_the_phase(blobs, net):
    pool = al.ActiveLearningDataset(blobs())
    strategy = al.Strategy(net(), pool, acquisition=Phases(FIRST, THEN, rounds=1), seed=1).build()
    alone = al.Strategy(net(), pool, acquisition=FIRST, seed=1).build()
    reasons = []
    for _ in range(3):
        if pool.next_round < 2:
            assert list(strategy.query(6)) == list(alone.query(6))
        reasons.append(strategy.query_and_update(6).why)
    assert reasons[:2] == ["TypiClust(): phase 1, up to round 1"] * 2
    assert reasons[2].startswith("TopK() of Margin(): phase 2, after round 1")


def test_the_reason_of_an_acquisition_stays_and_it_is_not_changed(pool, net):
    reasoned = al.Acquisition(al.Margin(), al.TopK(), "tried before")
    phases = Phases(FIRST, Phases(FIRST, reasoned, rounds=0), rounds=0)
    query = al.Strategy(net(), pool, acquisition=phases, seed=1).build().query(3)
    assert "tried before; phase 2, after round 0; phase 2, after round 0" in query.why
    assert reasoned.reason == "tried before"


def test_an_automatic_acquisition_may_be_a_phase(pool, net):
    phases = Phases(FIRST, al.querying.Auto(), rounds=0)
    query = al.Strategy(net(), pool, acquisition=phases, seed=1).build().query(3)
    assert query.why.startswith("MaxHerding(space=Inputs()): the network is not trained yet; ")
    assert query.why.endswith("; phase 2, after round 0")


class Lowest(al.Acquisition):
    """Picks of the lowest index, without scores and selector."""

    def ask(self, context, n):
        return Query(context.pool.unannotated_indices[:n], context.round, why="the lowest index")


@pytest.mark.parametrize(
    "phases",
    [Phases(Lowest(), THEN, rounds=9), Phases(THEN, Phases(THEN, Lowest(), rounds=0), rounds=0)],
)
def test_an_acquisition_that_asks_in_its_own_way_may_be_a_phase(phases, pool, net):
    strategy = al.Strategy(net(), pool, acquisition=phases, seed=1).build()
    query = strategy.query(3)
    assert list(query) == pool.unannotated_indices[:3].tolist()
    assert query.why.startswith("the lowest index; phase ")
    with pytest.raises(ConfigurationError, match="asks without them"):
        strategy.query(budget=3, cost=[1.0] * len(pool))


def test_a_phase_of_tailor_draws_a_selector_for_each_pick(pool, net):
    tailor = al.papers.tailor(net(), pool, seed=1).build()
    strategy = al.Strategy(
        net(), pool, acquisition=Phases(FIRST, tailor.acquisition, rounds=0), seed=1
    ).build()
    query, alone = strategy.query(20), tailor.query(20)
    assert list(query) == list(alone)
    assert query.why == f"{alone.why}; phase 2, after round 0"


@pytest.mark.parametrize("wrong", [(al.Margin(), THEN, 1), (FIRST, None, 1), (FIRST, THEN, -1)])
def test_wrong_arguments_raise(wrong):
    first, then, rounds = wrong
    with pytest.raises(ConfigurationError):
        Phases(first, then, rounds=rounds)
