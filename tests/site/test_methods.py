"""The table of methods holds all of them."""

import inspect
import re
from pathlib import Path

import alkit as al

TEXT = (Path(__file__).parents[2] / "docs" / "methods.md").read_text(encoding="utf-8")
PARTS = {  # what is no method, but what methods are made of
    "ActiveLearner", "Candidates", "Composite", "Context", "Criterion", "Fixed", "FixedRows",
    "Picks", "Points", "Quotas", "RunningTopK", "Selector", "Space", "Stochastic", "Strategy",
    "Transform",
}  # fmt: skip


def methods():
    """The names of all criteria, selectors, strategies and functions of papers."""
    for folder in (al.criteria, al.selectors, al.strategies, al.papers):
        for name in folder.__all__:
            value = getattr(folder, name)
            if inspect.isclass(value) or name in al.papers.__all__:
                yield name


def test_every_method_is_in_the_table():
    listed = set(re.findall(r"`(?:al\.)?(\w+)", TEXT))
    assert len(list(methods())) > 60
    assert sorted(set(methods()) - PARTS - listed) == []


def test_every_row_names_a_paper_or_says_that_there_is_none():
    rows = [line for line in TEXT.splitlines() if line.startswith("|") and "[`" in line]
    assert len(rows) > 40
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 4, row
        assert re.search(r"(19|20)\d\d|—", cells[2]), row
        assert cells[3], row
