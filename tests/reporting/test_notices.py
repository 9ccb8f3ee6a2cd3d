from alkit.reporting import page as report
from alkit.reporting.notices import notices
from alkit.reporting.verdict import unequal_steps


def test_a_fair_and_whole_comparison_has_none(report_records):
    assert notices(report_records()) == []
    assert 'role="note"' not in report.page(report_records())


def test_unequal_steps_are_said_at_the_top_with_the_numbers(report_records):
    records = report_records()
    for row in records.rows:
        row["steps"] = 10 if row["strategy"] == "uniform" else 2340
    ((_, text),) = notices(records)
    assert text == unequal_steps(records)
    assert "4,680" in text  # 2 rounds of 2,340
    page = report.page(records)
    assert page.index("4,680 gradient steps") < page.index('class="verdict"')
    assert page.count("4,680 gradient steps") == 1


def test_unfinished_trials_are_said(report_records):
    records = report_records(3)
    records.rows.pop()
    ((_, text),) = notices(records)
    assert "1 unfinished trial was left out" in text


def test_one_trial_is_said_to_prove_nothing_compared_or_not(report_records):
    assert report.page(report_records(1)).count("One trial proves nothing") == 1
    alone = report_records(1, names=["uniform"])
    assert report.page(alone).count("One trial proves nothing") == 1
    assert "proves nothing" not in report.page(report_records(2, names=["uniform"]))
    assert "proves nothing" not in report.page(report_records(2))


def test_failed_trials_are_listed_with_their_error(report_records):
    records = report_records()
    records.protocol["failed"] = [{"strategy": "a<b", "seed": 7, "error": "ValueError: <no>"}]
    records.protocol["failures"] = ["uniform, seed 8, failed in round 2: worker lost"]
    ((head, text),) = notices(records)
    assert head == "2 trial failures"
    assert "a<b, seed 7: ValueError: <no>" in text
    assert "uniform, seed 8, failed in round 2: worker lost" in text
    assert report.page(records).count("ValueError: &lt;no&gt;") == 1
