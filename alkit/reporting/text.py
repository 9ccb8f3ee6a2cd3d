"""A comparison as a table."""

from __future__ import annotations

from alkit import plots
from alkit.evidence.records import Records
from alkit.evidence.summary import Table, summary, trials
from alkit.reporting.notices import steps_a_round

IN_TERMINAL = ("strategy", "at the end", "gain (95 %)", "p", "labels saved", "s a round")


def table(records: Records) -> tuple[list[str], list[list[str]]]:
    """The summary as text: headings, and a row a strategy."""
    found = summary(records)
    shown = found.shown or {}
    return list(shown), [[text(row) for text in shown.values()] for row in found]


def legend(records: Records) -> str:
    """What the columns of the table mean."""
    found, rows = trials(records), summary(records)
    trained = f" Every model was trained for {rows[0]['steps']:,} gradient steps a round."
    equal = len({*steps_a_round(records).values(), rows[0]["steps"]}) == 1
    level = next((row["level"] for row in rows if row["level"] == row["level"]), None)
    compared = (
        f"; gain: of area over {found.reference}, trial by trial, with Student's t interval; p: of "
        "the paired t-test of the gains, after Holm's correction; labels saved: to reach "
        f"{found.reference}'s final level, {level:.3f} (median of its trials, on monotone curves, "
        "which no late fall lowers)"
        if level is not None
        else ""
    )
    return (
        f"at the end: {plots.title(records.metric)} with {found.spent:,} labels, mean of the "
        f"trials; area: mean result over the labels spent{compared}.{trained if equal else ''}"
    )


def as_text(records: Records) -> str:
    """The table in columns, for a terminal."""
    found = summary(records)
    return repr(Table(found, {name: (found.shown or {})[name] for name in IN_TERMINAL}))
