"""Gains of the trials of ``auto.py`` over random labels, their tables, and its targets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from auto_settings import BUDGETS, SETTINGS

from alkit.evidence.statistics import areas

STREAMS = ("uniform 1", "uniform 2", "uniform 3")
RULER = "ruler"
MEAN, CLOSE = 0.030, 0.005
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


def shown(rows: list[Row], gains: Gains) -> Iterator[str]:
    """Lines of two tables: arms by groups of settings, and settings by arms."""
    groups = [*dict.fromkeys(s.group for s in SETTINGS.values()), *BUDGETS]
    yield "Gain in area over random labels (standard error), and CPU seconds per query"
    yield (
        f"{'arm':15s} settings  mean           "
        + "".join(f"{g:>15s}" for g in groups)
        + ("   seconds  worst")
    )
    for arm, own in gains.items():
        seconds = np.mean([row["query_seconds"] for row in rows if row["arm"] == arm])
        worst = min(own, key=lambda name: own[name].mean())
        cells = [
            [own[s] for s in own if group in (SETTINGS[s].group, SETTINGS[s].budget)]
            for group in groups
        ]
        yield (
            f"{arm:15s} {len(own):8d}  {_cell([*own.values()])}"
            + "".join(f" {_cell(cell)}" for cell in cells)
            + f"  {seconds:8.2f}  {own[worst].mean():+.4f} {worst}"
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
