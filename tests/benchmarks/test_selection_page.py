from importlib import import_module

import pytest


@pytest.fixture
def speed(part):
    return import_module("selection_page")


def test_the_page_shows_the_record(speed):
    assert speed.PAGE.read_text() == speed.page(), "run python benchmarks/selection_page.py"


def test_a_line_says_who_is_how_much_faster(speed):
    size = {"N": 5000, "n": 10, "D": 8, "C": 0, "A": 3, "K": 0}
    took = {"textbook": 2.0, "slow": 1.0, "quick": 0.5, "alkit": 0.25}
    rows = [
        {
            "workload": "k-center",
            "method": name,
            "library": name if name in ("textbook", "alkit") else "peers",
            "size": size,
            "status": "ok",
            "seconds": [seconds],
            "cpu_seconds": [seconds, 3.0],
            "megabytes": 7.4,
        }
        for name, seconds in took.items()
    ]
    line = "| k-center | 10 of 5,000, 3 annotated, D=8 | 0.25 | 7 | quick: 0.5 | 2 | 2 |\n"
    assert speed._line(rows) == line
    for row in rows[1:3]:
        row["status"] = "> 60 s"
    assert "| none (> 60 s) |  |" in speed._line(rows)
