"""Trials are brought to their end, and every round is kept."""

import pytest
from small import DATA, lasting, margin, uniform

import alkit as al
from alkit.errors import ConfigurationError, TrialError
from alkit.experiment.run import CEILING, ceiling_trials, ceilings, run
from alkit.experiment.trial import Plan, Trial

PLAN = Plan(rounds=2, query_size=6, initial=8, max_steps=2)
PROTOCOL = {"seeds": [0, 1], "strategies": ["margin", "uniform"]}


def trials():
    return [Trial(f.__name__, s, f, DATA, PLAN) for s in (0, 1) for f in (margin, uniform)]


def never(pool, seed):
    raise AssertionError("this trial was finished")


def unlucky(pool, seed):
    raise OSError("no luck today")


def test_rows_come_in_the_order_of_the_protocol_whatever_that_of_the_trials():
    there, back = (run(t, PROTOCOL, None, progress=False) for t in (trials(), trials()[::-1]))
    assert lasting(there.rows) == lasting(back.rows)
    assert len(there.rows) == 8


def test_finished_trials_are_read_and_not_run_again(tmp_path):
    once = run(trials(), PROTOCOL, tmp_path, progress=False)
    finished = [Trial(t.name, t.seed, never, DATA, PLAN) for t in trials()]
    again = run(finished, PROTOCOL, tmp_path, progress=False)
    assert lasting(again.rows) == lasting(once.rows) == lasting(al.load(tmp_path).rows)


def test_ceilings_are_no_rows_but_stand_in_the_protocol_in_the_order_of_seeds(tmp_path):
    tops = ceiling_trials(margin, DATA, [1, 0], steps=2)
    result = run([*tops, *trials()], PROTOCOL, tmp_path, progress=False)
    assert {row["strategy"] for row in result.rows} == {"margin", "uniform"}
    by_seed = [run(ceiling_trials(margin, DATA, [s], 2), {}, None, progress=False) for s in (0, 1)]
    expected = [r.protocol["ceiling"]["testMulticlassAccuracy"][0] for r in by_seed]
    assert result.protocol["ceiling"]["testMulticlassAccuracy"] == expected
    assert al.load(tmp_path).protocol["ceiling"]["testMulticlassAccuracy"] == expected


def test_a_ceiling_is_one_round_on_all_labels():
    (trial,) = ceiling_trials(margin, DATA, [3], steps=2)
    assert (trial.name, trial.plan.rounds, trial.plan.initial) == (CEILING, 1, len(DATA))


def test_results_of_ceilings_are_test_results_by_name():
    rows = [{"testA": 0.5, "seed": 0}, {"testA": 0.75, "seed": 1}]
    assert ceilings(rows) == {"testA": [0.5, 0.75]}


def test_in_this_process_an_error_is_raised_as_it_is_and_what_was_finished_stays(tmp_path):
    mixed = [trials()[0], Trial("unlucky", 0, unlucky, DATA, PLAN)]
    with pytest.raises(OSError, match="no luck today"):
        run(mixed, PROTOCOL, tmp_path, progress=False)
    assert [row["strategy"] for row in al.load(tmp_path).rows] == ["margin", "margin"]


def test_with_an_executor_the_error_comes_last_with_all_that_was_finished():
    from concurrent.futures import ThreadPoolExecutor

    mixed = [Trial("unlucky", 0, unlucky, DATA, PLAN), trials()[0]]
    with ThreadPoolExecutor(1) as executor, pytest.raises(TrialError, match="1 of 2") as raised:
        run(mixed, PROTOCOL, None, executor, progress=False)
    assert [row["strategy"] for row in raised.value.result.rows] == ["margin", "margin"]
    assert isinstance(raised.value.__cause__, OSError)


def test_what_is_no_executor_is_an_error(tmp_path):
    with pytest.raises(ConfigurationError, match=r'executor must be a .* or "ray", got 4'):
        run(trials(), PROTOCOL, tmp_path, 4, progress=False)
