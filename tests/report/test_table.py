from alkit import report


def test_the_table_says_what_came_out(make_records):
    lines = report.table(make_records())
    assert lines[0] == ["uniform", "0.600", "0.600 - 0.600", "0.550", "", "", "0.25"]
    assert lines[1] == ["a<b", "0.700", "0.700 - 0.700", "0.650", "+0.100", "2 of 2", "0.25"]


def test_the_text_stands_in_columns_that_fit_a_terminal(make_records):
    lines = report.as_text(make_records()).split("\n")
    assert lines[0].startswith("strategy ")
    assert lines[0].endswith("s/round")
    assert max(map(len, lines)) <= 80
    assert len({len(line) for line in lines}) == 1


def test_the_legend_warns_that_few_trials_cannot_rank(make_records):
    assert "2 trials cannot rank" in report.legend(make_records())
    assert "1 trial cannot rank" in report.legend(make_records(1))
    assert "cannot rank" not in report.legend(make_records(10))


def test_the_legend_states_the_steps_only_where_they_are_equal(make_records):
    records = make_records()
    assert "for 7 gradient steps" in report.legend(records)
    records.rows[0]["steps"] = 700
    assert "gradient steps" not in report.legend(records)
