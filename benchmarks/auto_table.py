"""Gains of the trials of ``auto.py`` over random labels, their tables, and its targets.

    python benchmarks/auto_table.py

writes the tables of ``docs/which_method.md`` anew between the two lines that mark them, from the
settings of ``results/auto.jsonl`` of which all seeds of all arms are there.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from auto_settings import BUDGETS, SETTINGS

from alkit.evidence.statistics import areas

STREAMS = ("uniform 1", "uniform 2", "uniform 3")
RULER = "ruler"
SEEDS = 5
MEAN, CLOSE = 0.030, 0.005
HERE = Path(__file__).parent
RECORD = HERE / "results" / "auto.jsonl"
PAGE = HERE.parent / "docs" / "which_method.md"
START, END = "<!-- table: start -->\n", "<!-- table: end -->\n"
GROUPS = {"scratch": "networks from scratch", "imbalance": "imbalance", "frozen": "frozen features",
          "text": "text"}  # fmt: skip
NAMES = {
    "auto": "`al.auto`", "badge": "BADGE", "typiclust": "TypiClust", "margin": "Margin",
    "herding": "uncertainty herding", "tcm": "TCM", "activeft": "ActiveFT", "dcom": "DCoM",
    "expected error": "expected error", "bemps": "BEMPS", "tailor": "TAILOR", "refine": "REFINE",
    RULER: "*ruler: random again*",
}  # fmt: skip
Row = dict[str, Any]
Gains = dict[str, dict[str, np.ndarray]]  # by arm and setting, one per seed


def gains_of(rows: Iterable[Row]) -> Gains:
    """Gains of all arms but the three streams, in the settings and seeds that have these."""
    area = {
        (row["setting"], row["arm"], row["seed"]): float(
            areas(np.array(row["labels"]), np.array([row["accuracy"]]))[0]
        )
        for row in rows
    }
    found: dict[str, dict[str, list[float]]] = {}
    for (setting, arm, seed), value in sorted(area.items(), key=lambda item: item[0][2]):
        random = [area.get((setting, stream, seed), np.nan) for stream in STREAMS]
        if arm not in STREAMS and np.isfinite(random).all():
            gain = value - float(np.mean(random))
            found.setdefault(arm, {}).setdefault(setting, []).append(gain)
    return {a: {s: np.array(g) for s, g in own.items()} for a, own in found.items()}


def mean_and_error(gains: list[np.ndarray]) -> tuple[float, float]:
    """Mean over settings and its standard error, from the spread over seeds; NaN without any."""
    if not gains:
        return np.nan, np.nan
    errors = [g.std(ddof=1) / len(g) ** 0.5 if len(g) > 1 else np.nan for g in gains]
    return float(np.mean([g.mean() for g in gains])), float(np.linalg.norm(errors) / len(gains))


def missed(gains: Gains, least: float = MEAN) -> list[str]:
    """Targets that are missed, in words; ``least`` is that of the mean gain."""
    auto = {name: float(values.mean()) for name, values in gains["auto"].items()}
    ruler = {name: float(values.mean()) for name, values in gains[RULER].items()}
    wrong, mean, worst = [], np.mean([*auto.values()]), min(auto, key=lambda name: auto[name])
    if mean < least:
        wrong.append(f"the mean gain is {mean:+.4f}, the target {least:+.3f}")
    if auto[worst] < min(ruler.values()):
        wrong.append(f"{worst}: {auto[worst]:+.4f}, the ruler at worst {min(ruler.values()):+.4f}")
    for name, value in auto.items():
        if value < -CLOSE and abs(ruler.get(name, np.inf)) <= CLOSE:
            wrong.append(f"{name}: {value:+.4f}, the ruler {ruler[name]:+.4f}")
    return wrong


def groups(own: dict[str, np.ndarray]) -> list[list[np.ndarray]]:
    """Gains of an arm in all settings, then in those of each budget and of each group."""
    kinds = {name: ("", SETTINGS[name].budget, SETTINGS[name].group) for name in own}
    return [
        [values for name, values in own.items() if kind in kinds[name]]
        for kind in ("", *BUDGETS, *GROUPS)
    ]


def worst_of(own: dict[str, np.ndarray]) -> str:
    """Name of the setting of the least mean gain."""
    return min(own, key=lambda name: own[name].mean())


def seconds_of(rows: list[Row], arm: str) -> float:
    """Mean CPU seconds of a query of an arm."""
    return float(np.mean([row["query_seconds"] for row in rows if row["arm"] == arm]))


def shown(rows: list[Row], gains: Gains) -> Iterator[str]:
    """Lines of two tables: arms by groups of settings, and settings by arms."""
    yield "Gain in area over random labels (standard error), and CPU seconds per query"
    heads = ("mean", *BUDGETS, *GROUPS)
    yield f"{'arm':15s} settings" + "".join(f"{head:>15s}" for head in heads) + "   seconds  worst"
    for arm, own in gains.items():
        worst = worst_of(own)
        yield (
            f"{arm:15s} {len(own):8d}"
            + "".join(f" {_cell(cell)}" for cell in groups(own))
            + f"  {seconds_of(rows, arm):8.2f}  {own[worst].mean():+.4f} {worst}"
        )
    yield ""
    yield f"{'setting':28s}" + "".join(f"{arm:>15s}" for arm in gains)
    for name in SETTINGS:
        if any(name in own for own in gains.values()):
            cells = [_cell([own[name]] if name in own else []) for own in gains.values()]
            yield f"{name:28s}" + "".join(f" {cell}" for cell in cells)


def _cell(gains: list[np.ndarray]) -> str:
    mean, error = mean_and_error(gains)
    return f"{mean:+.4f} ({error:.3f})".rjust(14) if gains else " " * 14


def whole(rows: Iterable[Row], seeds: int = SEEDS) -> list[Row]:
    """Rows of the settings of which all seeds of all arms are there."""
    rows = [row for row in rows if row["seed"] < seeds]
    counts = Counter((row["setting"], row["arm"]) for row in rows)
    cut = {setting for (setting, _), count in counts.items() if count < seeds}
    return [row for row in rows if row["setting"] not in cut]


def tables(rows: list[Row]) -> str:
    """Tables in Markdown: gains of each arm by budget and by data, and of auto by setting."""
    gains = gains_of(rows)
    found = [name for name in SETTINGS if name in gains["auto"]]
    arms = sorted(gains, key=lambda arm: (arm == RULER, -mean_and_error([*gains[arm].values()])[0]))
    lines = [
        f"Settings that are finished: {len(found)} of {len(SETTINGS)}.", "",
        *_markdown(["method", "mean", *BUDGETS, "CPU s per query"],
                   (_by_budget(rows, gains, arm) for arm in arms)), "",
        *_markdown(["method", *GROUPS.values(), "worst setting"],
                   (_by_data(gains, arm) for arm in arms)), "",
        *_markdown(["setting", "labels", "random labels reach", "`al.auto`",
                    "highest of the others", "ruler"], _settings(rows, gains, found)),
    ]  # fmt: skip
    ahead = [*_ahead(gains, found)]
    lines += ["", f"`al.auto` is highest in {len(found) - len(ahead)} of {len(found)} settings."]
    lines += ["", "Ahead of it, by the paired difference:", "", *ahead] if ahead else []
    return "\n".join(lines) + "\n"


def _by_budget(rows: list[Row], gains: Gains, arm: str) -> list[str]:
    cells = [_thousandths(cell) for cell in groups(gains[arm])[: 1 + len(BUDGETS)]]
    fewer = len(gains[arm]) < len(gains["auto"])
    name = f"{NAMES[arm]}, {len(gains[arm])} settings" if fewer else NAMES[arm]
    return [name, *cells, f"{seconds_of(rows, arm):.2f}"]


def _by_data(gains: Gains, arm: str) -> list[str]:
    own, worst = gains[arm], worst_of(gains[arm])
    cells = [_thousandths(cell) for cell in groups(own)[1 + len(BUDGETS) :]]
    return [NAMES[arm], *cells, f"{_thousandths([own[worst]])} ({worst})"]


def _settings(rows: list[Row], gains: Gains, names: list[str]) -> Iterator[list[str]]:
    for name in names:
        streams = [row for row in rows if row["setting"] == name and row["arm"] in STREAMS]
        labels, reached = streams[0]["labels"], np.mean([row["accuracy"][-1] for row in streams])
        best = _highest_other(gains, name)
        auto, other, ruler = (_thousandths([gains[arm][name]]) for arm in ("auto", best, RULER))
        spent = f"{labels[0]} to {labels[-1]}"
        yield [name, spent, f"{reached:.3f}", auto, f"{other} ({NAMES[best]})", ruler]


def _ahead(gains: Gains, names: list[str]) -> Iterator[str]:
    for name in names:
        arm = _highest_other(gains, name)
        difference = gains[arm][name] - gains["auto"][name]
        if difference.mean() > 0:
            yield f"- {name}: {NAMES[arm]}, {_thousandths([difference])}"


def _highest_other(gains: Gains, name: str) -> str:
    arms = [arm for arm in gains if name in gains[arm] and arm not in ("auto", RULER)]
    return max(arms, key=lambda arm: gains[arm][name].mean())


def _thousandths(gains: list[np.ndarray]) -> str:
    mean, error = (1000 * part for part in mean_and_error(gains))
    return f"{round(mean):+d} ± {round(error)}" if gains else ""


def _markdown(heads: list[str], cells: Iterable[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"| --- |{' ---: |' * (len(heads) - 1)}"
    yield from (f"| {' | '.join(line)} |" for line in cells)


def page(rows: Iterable[Row]) -> str:
    """The page with the tables of the finished settings of a record."""
    before, rest = PAGE.read_text(encoding="utf-8").split(START)
    return f"{before}{START}\n{tables(whole(rows))}\n{END}{rest.split(END)[1]}"


def read(path: Path) -> list[Row]:
    """Rows of a record."""
    return [json.loads(line) for line in path.read_text().splitlines()]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--record", type=Path, default=RECORD)
    PAGE.write_text(page(read(parser.parse_args().record)), encoding="utf-8")
