"""The record of ``selection.py`` as the table of ``docs/speed.md``.

    python benchmarks/selection_page.py

writes it anew between the two lines that mark it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selection_table import cost

Row = dict[str, Any]
HERE = Path(__file__).parent
RECORDS = [HERE / "results" / name for name in ("selection.json", "batchbald.json")]
PAGE = HERE.parent / "docs" / "speed.md"
HEAD = (
    "| method | candidates | alkit, s | MB | fastest other, s | ratio | textbook, s |\n"
    "| --- | --- | ---: | ---: | --- | ---: | ---: |\n"
)


def table() -> str:
    rows = [row for path in RECORDS for row in json.loads(path.read_text())["rows"]]
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["workload"], json.dumps(row["size"])), []).append(row)
    lines = {
        name: list(map(_line, _sized(name, groups))) for name in sorted({n for n, _ in groups})
    }
    return HEAD + "".join(line for name in lines for line in lines[name])


def _sized(name: str, groups: dict[tuple[str, str], list[Row]]) -> Iterator[list[Row]]:
    found = [rows for (workload, _), rows in groups.items() if workload == name]
    yield from sorted(found, key=lambda rows: tuple(rows[0]["size"].values()))


def _line(rows: list[Row]) -> str:
    size = rows[0]["size"]
    ours = next(row for row in rows if row["library"] == "alkit")
    others = [row for row in rows if row["library"] == "peers"]
    done = [row for row in others if row["status"] == "ok"]
    best = min(done, key=cost, default=None)
    textbook = next(row for row in rows if row["library"] == "textbook")
    ended = sorted({row["status"] for row in others})
    cells = [
        ours["workload"],
        _size(size),
        _seconds(ours),
        f"{ours['megabytes']:.0f}" if ours["status"] == "ok" else "",
        f"{best['method']}: {_seconds(best)}" if best else f"none ({', '.join(ended)})",
        _number(cost(best) / cost(ours)) if best and ours["status"] == "ok" else "",
        _seconds(textbook),
    ]
    return f"| {' | '.join(cells)} |\n"


def _size(size: Row) -> str:
    said = [f"{size['n']:,} of {size['N']:,}"]
    said += [f"{size['A']:,} annotated"] if size["A"] else []
    said += [f"{letter}={size[letter]:,}" for letter in "DCK" if size[letter]]
    return ", ".join(said)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def _seconds(row: Row) -> str:
    return _number(cost(row)) if row["status"] == "ok" else row["status"]


def inserted(table: str, name: str = "table") -> str:
    """The page with this table between the two lines of this name."""
    start, end = f"<!-- {name}: start -->\n", f"<!-- {name}: end -->\n"
    before, rest = PAGE.read_text().split(start)
    return before + start + "\n" + table + "\n" + end + rest.split(end)[1]


def page() -> str:
    return inserted(table())


if __name__ == "__main__":
    PAGE.write_text(page())
