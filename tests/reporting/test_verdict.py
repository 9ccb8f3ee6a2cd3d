"""The verdict on a comparison: honest if there is little evidence."""

import numpy as np
import pytest

from alkit.reporting.verdict import cautions, outcomes, unequal_steps, verdict, warnings

MEAN = np.array([0.3, 0.6, 0.75, 0.8])


def curves(shift=0.0, trials=8, seed=0, spread=0.005):
    """Trials of a strategy whose later rounds are better by ``shift``."""
    noise = np.random.default_rng(seed).normal(0, spread, size=(trials, len(MEAN)))
    return np.round(MEAN + shift * np.array([0, 1, 1, 1]) + noise, 4)


def test_what_beat_the_reference_is_said_with_labels_interval_p_and_seconds(make_records):
    said = verdict(make_records({"uniform": curves(), "margin": curves(0.05, seed=1)}))
    assert said.startswith("margin beat uniform.")
    assert "test accuracy, averaged over 10 to 40 labels, in 8 paired trials" in said
    assert "p is from the paired t-test." in said
    assert "p < 0.001, signed-rank p = 0.0078" in said
    assert "uniform's final level, " in said
    assert "fewer labels (" in said
    assert "a trial took 8 s, 25% of it to choose samples, compared with 8 s for uniform" in said
    assert "chance" not in said


def test_the_numbers_are_those_of_the_tables(make_records):
    records = make_records({"uniform": curves(), "margin": curves(0.05, seed=1)})
    test, saved = records.tests()[0], records.labels_saved()[0]
    said = verdict(records)
    ends = f"{test['gain']:+.3f} ({test['gain_low']:+.3f} to {test['gain_high']:+.3f}"
    assert ends in said
    assert f"it reached uniform's final level, {saved['level']:.3f}, with" in said
    assert f"{saved['saved_least']:.0f} fewer labels" in said


def test_several_strategies_are_corrected_for_and_said_one_by_one(make_records):
    records = make_records(
        {
            "uniform": curves(),
            "margin": curves(0.05, seed=1),
            "badge": curves(0.04, seed=2),
            "poor": curves(-0.05, seed=3),
            "same": curves(seed=4),
        }
    )
    said = verdict(records)
    assert said.startswith("margin and badge beat uniform; poor did worse.")
    assert "corrected for 4 strategies" in said
    assert "poor: -0.0" in said
    assert "it did not reach" in said.split("poor: ")[1].split("same: ")[0]
    assert outcomes(records) == {
        "margin": "better",
        "badge": "better",
        "poor": "worse",
        "same": "undecided",
    }


def test_what_is_not_distinguishable_says_how_many_trials_it_would_take(make_records):
    first, second = curves(trials=6), curves(0.003, trials=6, seed=5)
    records = make_records({"uniform": first, "margin": second})
    gain = records.tests()[0]["gain"]
    needed = records.trials_needed(gain)["margin"]
    said = verdict(records)
    assert said.startswith("No strategy was shown to beat uniform.")
    assert (
        "which may be due to chance: if the true difference is that large, "
        f"about {needed:,} trials" in said
    )


def test_one_trial_proves_nothing(make_records):
    records = make_records({"uniform": curves(trials=1), "margin": curves(0.1, trials=1, seed=1)})
    said = verdict(records)
    assert said.startswith("One trial proves nothing")
    assert "beat" not in said
    assert "p =" not in said
    assert "nan" not in said
    assert "()" not in said
    assert outcomes(records) == {"margin": "untested"}


@pytest.mark.parametrize(("trials", "least"), [(2, "0.5"), (5, "0.0625")])
def test_few_trials_say_what_the_signed_rank_test_cannot(make_records, trials, least):
    records = make_records(
        {"uniform": curves(trials=trials), "margin": curves(0.1, trials=trials, seed=1)}
    )
    assert f"{trials} trials are few" in verdict(records)
    assert f"below {least} with {trials} trials" in verdict(records)


def test_six_trials_or_more_are_not_called_few(make_records):
    records = make_records({"uniform": curves(trials=6), "margin": curves(0.1, trials=6, seed=1)})
    assert cautions(records) == []


def test_unequal_steps_are_said_before_anything_else(make_records):
    records = make_records(
        {"uniform": curves(), "margin": curves(seed=2), "adversarial": curves(0.1, seed=1)},
        steps={"uniform": 10, "margin": 10, "adversarial": 234},
    )
    said = unequal_steps(records)
    assert verdict(records).startswith(said)
    assert "adversarial took 936 gradient steps per trial, against uniform's 40 (23.4 times" in said
    assert "margin" not in said
    equal = make_records({"uniform": curves(), "margin": curves(seed=1)})
    assert unequal_steps(equal) == ""
    assert warnings(equal) == []


def test_steps_that_differ_in_one_round_only_are_unequal(make_records):
    records = make_records({"uniform": curves(), "margin": curves(seed=1)})
    records.rows[-1]["steps"] += 1
    records.rows[-2]["steps"] -= 1
    assert "not equal" in unequal_steps(records)


def test_unfinished_trials_are_said_to_be_left_out(make_records):
    records = make_records({"uniform": curves(), "margin": curves(0.1, seed=1)})
    del records.rows[-1]
    assert verdict(records).startswith("1 unfinished trial was left out. margin beat uniform.")
    assert "in 7 paired trials" in verdict(records)


def test_a_level_that_was_not_reached_is_never_a_number_of_labels(make_records):
    poor = curves(-0.2, seed=1)
    said = verdict(make_records({"uniform": curves(), "poor": poor}))
    assert "it did not reach uniform's final level, 0.80" in said
    assert ", with 40 labels" in said
    assert "inf" not in said


def test_no_labels_are_saved_on_a_flat_curve(make_records):
    draws = np.random.default_rng(0)
    flat = {name: draws.normal(0.9, 0.01, size=(5, 8)) for name in ("uniform", "margin", "badge")}
    said = verdict(make_records(flat))
    assert "fewer labels" not in said
    assert "more labels" not in said
    assert "nan" not in said
    assert said.count("Labels saved are not stated") == 1
    assert (
        "uniform's own results are not shown to improve by more than their noise from 10 to 80"
        in said
    )


def test_more_labels_are_said_to_be_more(make_records):
    slow = curves(seed=1)
    slow[:, 1:3] -= 0.1
    slow[:, 3] = 0.9
    said = verdict(make_records({"uniform": curves(seed=2) + [0, 0, 0.1, 0.05], "slow": slow}))
    assert "more labels (" in said


def test_a_lower_loss_beats(make_records):
    records = make_records(
        {"uniform": 1 - curves(), "margin": 1 - curves(0.05, seed=1)}, metric="test_loss_epoch"
    )
    said = verdict(records)
    assert said.startswith("margin beat uniform. We compare test loss")
    assert "margin: -0.0" in said
    assert "fewer labels" in said


def test_overlapping_splits_take_the_corrected_test_and_promise_no_number_of_trials(make_records):
    records = make_records(
        {"uniform": curves(), "margin": curves(0.002, seed=1)},
        overlap={"train": 30, "test": 30},
    )
    assert "corrected resampled t-test" in verdict(records)
    assert "which may be due to chance;" in verdict(records)


def test_one_strategy_alone_is_not_compared(make_records):
    said = verdict(make_records({"uniform": curves()}))
    assert said.startswith(
        "There is only one strategy, uniform, so nothing is compared: its test accuracy is 0.8"
    )


def test_the_same_model_twice_makes_no_difference(make_records):
    said = verdict(make_records({"uniform": curves(), "again": curves()}))
    assert said.startswith("No strategy was shown to beat uniform.")
    assert "again: +0.000 (+0.000 to +0.000; p = 1" in said
    assert "inf" not in said


def test_records_without_seconds_say_nothing_of_cost(make_records):
    records = make_records({"uniform": curves(), "margin": curves(seed=1)})
    for row in records.rows:
        for key in [key for key in row if key.startswith("seconds")]:
            del row[key]
    assert "a trial took" not in verdict(records)


def test_the_ceiling_is_said_where_it_is_known(make_records):
    records = make_records(
        {"uniform": curves(), "margin": curves(seed=1)},
        ceiling={"testMulticlassAccuracy": [0.91, 0.93], "test_loss_epoch": [0.1]},
    )
    assert "Trained on all labels, the model reaches 0.920." in verdict(records)
