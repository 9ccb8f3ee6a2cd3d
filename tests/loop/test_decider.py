"""The budget of a stream holds at any time, and its decisions are repeatable."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alkit.errors import ConfigurationError, NonFiniteError, ScoreError
from alkit.loop.decider import Decider
from alkit.loop.rules import FixedUncertainty, Quantile, RandomSampling, Split, VariableUncertainty

RULES = [
    Quantile(),
    RandomSampling(),
    FixedUncertainty(0.3),
    VariableUncertainty(),
    VariableUncertainty(delta=0),
    Split(),
    Split(0.5, Quantile()),
]


def most(asked, length):
    """Largest number of questions among any ``length`` consecutive samples."""
    total = np.concatenate([[0], np.cumsum(asked)])
    return int((total[length:] - total[:-length]).max())


@given(
    budget=st.floats(0.02, 1),
    room=st.floats(1, 30),
    rule=st.sampled_from([*RULES, FixedUncertainty(-1.0)]),
    quiet=st.integers(0, 200),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=60, deadline=None)
def test_no_stretch_of_a_stream_has_more_questions_than_stated(budget, room, rule, quiet, seed):
    window = int(np.ceil(room / budget))
    rng = np.random.default_rng(seed)
    scores = np.concatenate([np.zeros(quiet), rng.random(300), np.sort(rng.random(200))])
    asked = Decider(budget, rule, window=window, seed=seed)(scores)
    for length in (1, 2, 10, window, 2 * window, len(asked)):
        if length <= len(asked):
            allowed = (budget + (1 - budget) / window) * (length + window - 1)
            assert most(asked, length) < allowed + 1e-9


def test_the_statement_is_tight_at_the_start_and_in_the_long_run():
    decider = Decider(0.1, FixedUncertainty(-1.0), seed=0)  # asks whenever it may
    asked = decider(np.zeros(20_000))
    assert asked[:10].all()
    assert not asked[11]
    long_run = asked[1000:].mean()
    assert 0.1 < long_run < 0.1 + 0.9 / 100


def test_nothing_is_asked_for_while_exactly_the_budget_is_spent():
    decider = Decider(0.5, FixedUncertainty(-1.0), window=2, seed=0)  # spent: 0.5, 0.25, 0.625
    assert decider([0.0] * 4).tolist() == [True, False, True, False]


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_the_rate_that_is_kept_is_near_the_budget_and_reported(rule):
    scores = np.random.default_rng(0).uniform(0, 0.6, 8000)
    decider = Decider(0.1, rule, seed=0)
    asked = decider(scores)
    assert 0.08 < asked.mean() < 0.109
    assert decider.rate == asked.mean()
    assert (decider.seen, decider.asked) == (8000, asked.sum())
    assert f"{asked.sum()} of 8000" in repr(decider)


@pytest.mark.parametrize("rule", RULES, ids=repr)
@given(cuts=st.lists(st.integers(0, 400), max_size=6))
@settings(max_examples=10, deadline=None)
def test_mini_batches_and_a_saved_state_change_no_decision(rule, cuts):
    scores = np.random.default_rng(1).random(400)
    expected = Decider(0.2, rule, window=30, seed=5)(scores).tolist()
    decider, found = Decider(0.2, rule, window=30, seed=5), []
    for part in np.split(scores, sorted(cuts)):
        found += decider(part).tolist()
        state = json.loads(json.dumps(decider.state_dict()))
        decider = Decider(0.2, rule, window=30, seed=0)
        decider.load_state_dict(state)
    assert found == expected


def test_the_seed_decides_what_is_random():
    scores = np.full(500, 0.2)
    asked = [Decider(0.1, seed=seed)(scores).tolist() for seed in (0, 0, 1)]
    assert asked[0] == asked[1] != asked[2]


def test_a_budget_of_everything_asks_for_everything_that_the_rule_wants():
    assert Decider(1, seed=0)(np.random.default_rng(0).random(300)).all()


@pytest.mark.parametrize(
    ("budget", "window", "expected"), [(0.1, None, 100), (0.01, None, 1000), (0.5, 2, 2)]
)
def test_the_window_has_room_for_the_budget(budget, window, expected):
    assert Decider(budget, window=window, seed=0).window == expected


@pytest.mark.parametrize("options", [{"window": 9}, {"window": 0}, {"window": 10.5}, {"seed": -1}])
def test_wrong_arguments_are_refused(options):
    with pytest.raises(ConfigurationError):
        Decider(0.1, **options)


@pytest.mark.parametrize("budget", [0, -0.1, 1.1, True, None, float("nan")])
def test_a_budget_is_a_share(budget):
    with pytest.raises(ConfigurationError, match="share"):
        Decider(budget)


@pytest.mark.parametrize(
    ("scores", "error"),
    [
        ([0.1, float("nan")], NonFiniteError),
        ([[0.1]], ScoreError),
        (0.1, ScoreError),
        (["a"], ScoreError),
    ],
)
def test_what_is_not_a_list_of_finite_scores_changes_nothing(scores, error):
    decider = Decider(0.1, seed=0)
    with pytest.raises(error):
        decider(scores)
    assert decider.state_dict() == Decider(0.1, seed=0).state_dict()


def test_no_scores_are_no_decisions():
    assert Decider(0.1, seed=0)([]).tolist() == []


def test_the_state_of_another_stream_is_refused():
    state = Decider(0.1, seed=0).state_dict()
    other = Decider(0.2, VariableUncertainty(), seed=0)
    with pytest.raises(ConfigurationError, match=r"budget was 0.1 and is 0.2"):
        other.load_state_dict(state)
