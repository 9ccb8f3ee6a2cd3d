from alkit.reporting.costs import costs


def test_costs_are_means_per_round_and_the_highest_peak(report_records):
    records = report_records(1, samples_seen=3200, seconds_test=0.5)
    first, second, *others = records.rows
    first |= {"seconds_train": 1.0, "seconds_select": 0.75, "peak_memory_mb": 900.4}
    second |= {"seconds_train": 2.0, "peak_memory_mb": 1200.2}
    for row in others:
        row["peak_memory_mb"] = 100.0
    headings, rows = costs(records)
    expected = ["strategy", "steps", "samples seen", "train (s)", "test (s)", "select (s)"]
    assert headings == [*expected, "memory (MB)"]
    assert rows[0] == ["uniform", "7", "3,200", "1.50", "0.50", "0.75", "1,200"]
    assert rows[1] == ["a<b", "7", "3,200", "0.25", "0.50", "0.00", "100"]


def test_what_no_record_has_is_left_out(report_records):
    headings, _ = costs(report_records())
    assert headings == ["strategy", "steps", "train (s)"]
