from alkit import report
from alkit.report.notices import notices


def heads(records):
    return [head for head, _ in notices(records)]


def test_a_fair_and_whole_comparison_has_none(make_records):
    assert notices(make_records()) == []
    assert 'role="note"' not in report.page(make_records())


def test_unequal_steps_are_said_at_the_top_with_the_numbers(make_records):
    records = make_records()
    for row in records.rows:
        row["steps"] = 2340 if row["strategy"] == "uniform" else 10
    ((head, text),) = notices(records)
    assert head == "Unequal gradient steps"
    assert "uniform 2,340, a<b 10 steps a round" in text
    page = report.page(records)
    assert page.index("Unequal gradient steps") < page.index('class="verdict"')


def test_one_trial_is_said_to_prove_nothing(make_records):
    assert heads(make_records(1)) == ["One trial proves nothing"]


def test_failed_trials_are_listed_with_their_error(make_records):
    records = make_records()
    records.protocol["failed"] = [
        {"strategy": "a<b", "seed": 7, "error": "ValueError: <no>"},
        {"strategy": "uniform", "seed": 8, "error": "worker lost"},
    ]
    ((head, text),) = notices(records)
    assert head == "2 trials failed"
    assert "a<b, seed 7: ValueError: <no>" in text
    assert "uniform, seed 8: worker lost" in text
    assert "ValueError: &lt;no&gt;" in report.page(records)
