"""The page template is self-contained and has a place for every part."""

import re
from string import Formatter

from alkit.reporting.template import PAGE

PARTS = {
    "dataset", "subtitle", "notices", "verdict", "table", "legend", "figures", "costs", "choices",
    "facts", "seeds", "versions",
}  # fmt: skip


def test_it_has_a_place_for_each_part():
    assert {name for _, name, _, _ in Formatter().parse(PAGE) if name} == PARTS


def test_every_part_lands_where_it_is_seen_and_no_brace_is_left():
    filled = PAGE.format(**{name: f"[{name}]" for name in PARTS})
    body = filled.partition("<body>")[2]
    assert all(f"[{name}]" in body for name in PARTS)
    assert "{" not in body
    assert filled.count("{") == filled.count("}")


def test_nothing_comes_from_outside_and_nothing_runs():
    assert not re.search(r"<script|https?://|@import|url\(", PAGE)


def test_it_fits_a_phone_and_has_a_title_and_a_language():
    assert 'content="width=device-width, initial-scale=1"' in PAGE
    assert "<title>alkit: {dataset}</title>" in PAGE
    assert '<html lang="en">' in PAGE


def test_what_is_opened_is_closed():
    tags = re.findall(r"<(/?)(\w+)", PAGE)
    for name in {name for _, name in tags} - {"meta", "link"}:
        assert tags.count(("", name)) == tags.count(("/", name)), name
