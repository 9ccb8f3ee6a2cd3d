"""The summary of a comparison: one row per strategy."""

from __future__ import annotations

import numpy as np

from alkit.evidence.records import Records, Row
from alkit.evidence.statistics import areas, bootstrap_interval
from alkit.evidence.summary.levels import labels_saved, saved_words
from alkit.evidence.summary.measures import tests
from alkit.evidence.summary.table import Table, text
from alkit.evidence.summary.trials import trials

PHASES = ("train", "test", "score", "select")


def summary(records: Records) -> Table:
    """Summary with one row per strategy, over its finished trials.

    Keys, all plain values: ``strategy``, ``trials``, ``labels`` (at the end); ``final`` (mean
    result there), ``final_low`` and ``final_high`` (lowest and highest trial); ``area`` (mean
    result over the labels spent, by trapezoids), ``area_low`` and ``area_high`` (95 %, bootstrap
    over trials), ``area_log`` (over the logarithm of the labels: low budgets weigh more); ``gain``
    (mean difference of areas from the reference over paired trials, above zero is better),
    ``gain_low`` and ``gain_high`` (95 %, Student's t), ``trials_ahead`` (trials with a gain above
    zero), ``p`` (paired t, after Holm's correction); ``level`` (the final result of the
    reference), ``saved_least``, ``saved_most``, ``saved_low``, ``saved_high`` (labels saved at
    that level, see ``labels_saved``); ``steps`` (gradient steps of the last round),
    ``steps_a_trial`` (per trial); ``seconds_a_trial`` and ``seconds_a_round`` (per trial and per
    round), with the parts per round ``seconds_train``, ``seconds_test``, ``seconds_score``,
    ``seconds_select``. NaN if undefined: the reference against itself, a test of one trial, labels
    saved where the reference's own curve is flat, seconds that were not recorded.
    """
    found = trials(records)
    tested = {row["strategy"]: row for row in tests(records)}
    saved = {row["strategy"]: row for row in labels_saved(records)}
    rows = []
    for name in found.values:
        values = found.curves(name)
        area = areas(found.annotated, values)
        low, high = bootstrap_interval(area)
        test, savings = tested.get(name, {}), saved.get(name, {})
        final = values[:, -1]
        rows.append(
            {
                "strategy": name,
                "trials": len(values),
                "labels": found.spent,
                "final": float(final.mean()),
                "final_low": float(final.min()),
                "final_high": float(final.max()),
                "area": float(area.mean()),
                "area_low": float(low),
                "area_high": float(high),
                "area_log": float(areas(found.annotated, values, log=True).mean()),
                "gain": test.get("gain", 0.0),
                **{key: test.get(key, np.nan) for key in ("gain_low", "gain_high", "p")},
                "trials_ahead": int((found.gains(name) > 0).sum()),
                **{key: savings.get(key, np.nan) for key in SAVED},
                **_cost(records, name, list(found.values[name])),
            }
        )
    return Table(rows, SHOWN)


SAVED = ("level", "saved_least", "saved_most", "saved_low", "saved_high")


def _cost(records: Records, strategy: str, seeds: list[int]) -> Row:
    """Steps and seconds of a strategy's finished trials."""
    rows = [row for row in records.rows if row["strategy"] == strategy and row["seed"] in seeds]
    rows.sort(key=lambda row: row["round"])
    seconds = {
        phase: float(np.mean([row.get(f"seconds_{phase}", np.nan) for row in rows]))
        for phase in PHASES
    }
    a_round = float(np.nansum(list(seconds.values())))
    return {
        "steps": rows[-1]["steps"],
        "steps_a_trial": sum(row["steps"] for row in rows) / len(seeds),
        "seconds_a_trial": a_round * len(rows) / len(seeds),
        "seconds_a_round": a_round,
        **{f"seconds_{phase}": value for phase, value in seconds.items()},
    }


def _between(row: Row, what: str) -> str:
    low, high = text(row[f"{what}_low"]), text(row[f"{what}_high"])
    return f"{text(row[what])} ({low} to {high})" if low else text(row[what])


def _compared(row: Row, words: str) -> str:
    return "" if np.isnan(row["level"]) else words


SHOWN = {
    "strategy": lambda row: row["strategy"],
    "trials": lambda row: str(row["trials"]),
    "final": lambda row: text(row["final"]),
    "area (95 %)": lambda row: _between(row, "area"),
    "gain (95 %)": lambda row: _compared(row, _between(row, "gain")),
    "p": lambda row: text(row["p"]),
    "labels saved": lambda row: _compared(row, saved_words(row)),
    "steps per trial": lambda row: f"{row['steps_a_trial']:,.0f}",
    "s per round": lambda row: text(row["seconds_a_round"]),
}
