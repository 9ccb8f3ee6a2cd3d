"""A comparison as a text table."""

from __future__ import annotations

from alkit import plots
from alkit.evidence.records import Records
from alkit.evidence.summary import Table, not_stated, summary, trials
from alkit.reporting.notices import steps_a_round

IN_TERMINAL = ("strategy", "final", "gain (95 %)", "p", "labels saved", "s per round")


def table(records: Records) -> tuple[list[str], list[list[str]]]:
    """Return the summary as text: headings, and one row per strategy."""
    found = summary(records)
    shown = found.shown or {}
    return list(shown), [[text(row) for text in shown.values()] for row in found]


def legend(records: Records) -> str:
    """Return a legend of the table's columns."""
    found, rows = trials(records), summary(records)
    trained = f" Every model was trained for {rows[0]['steps']:,} gradient steps per round."
    equal = len({*steps_a_round(records).values(), rows[0]["steps"]}) == 1
    level = next((row["level"] for row in rows if row["level"] == row["level"]), None)
    saved = f"not stated, since {not_stated(found)}"
    if level is not None and not not_stated(found):
        saved = (
            f"fewer labels needed to reach {found.reference}'s final level, {level:.3f} (median "
            "over its trials, on monotone curves, which a late drop does not lower)"
        )
    compared = (
        f"; gain: improvement in area over {found.reference}, trial by trial, with Student's t "
        f"interval; p: paired t-test of the gains, after Holm's correction; labels saved: {saved}"
        if level is not None
        else ""
    )
    return (
        f"final: {plots.title(records.metric)} with {found.spent:,} labels, mean over trials; "
        f"area: mean result over the labels spent{compared}.{trained if equal else ''}"
    )


def as_text(records: Records) -> str:
    """Return the table in columns that fit a terminal."""
    found = summary(records)
    return repr(Table(found, {name: (found.shown or {})[name] for name in IN_TERMINAL}))
