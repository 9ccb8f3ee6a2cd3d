"""The record of ``pool_scale.py`` as the second table of ``docs/speed.md``.

    python benchmarks/pool_scale_page.py

writes it anew between the two lines that mark it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pool_scale_run import METHODS
from selection_page import PAGE, inserted

Row = dict[str, Any]
RECORD = Path(__file__).parent / "results" / "pool_scale.json"
NAMES = {"similarity": "similar to annotated samples"}
ENGINE = {"k-center": "diversity", "TypiClust": "typicality", "similarity": "similarity"}


def table(record: Row) -> str:
    rows = {(row["workload"], row["method"], row["size"]["N"]): row for row in record["rows"]}
    powers = {(row["workload"], row["method"]): row["exponent"] for row in record["growth"]}
    numbers = sorted({number for *_, number in rows})
    head = ["method", *(f"{number:,}, s" for number in numbers), "grows as", "GiB"]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    for workload, methods in METHODS.items():
        for method in methods:
            found = [rows.get((workload, method, number)) for number in numbers]
            if any(found):
                power = powers.get((workload, method))
                grows = "" if power is None else f"N^{power:.2f}"
                lines.append([_name(workload, method), *map(_seconds, found), grows, _gib(found)])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _name(workload: str, method: str) -> str:
    if method == "alkit":
        return NAMES.get(workload, workload)
    return f"LightlyStudio, {ENGINE[workload]}"


def _seconds(row: Row | None) -> str:
    if row is None:
        return ""
    return f"{min(row['cpu_seconds']):.2g}" if row["status"] == "ok" else row["status"]


def _gib(rows: list[Row | None]) -> str:
    """Memory on the largest size, if the method ended on it."""
    row = rows[-1]
    return f"{row['anonymous_gib']:.2f}" if row and row["status"] == "ok" else ""


def page() -> str:
    return inserted(table(json.loads(RECORD.read_text())), "large")


if __name__ == "__main__":
    PAGE.write_text(page())
