"""A comparison as a table."""

from __future__ import annotations

from alkit import plots
from alkit.records import Records
from alkit.report.notices import steps_a_round
from alkit.summary import summary

HEADINGS = ("strategy", "at the end", "worst to best", "area", "gain", "ahead", "s/round")


def table(records: Records) -> list[list[str]]:
    """The summary as text, a row a strategy, in the order of ``HEADINGS``."""
    rows = []
    for k, row in enumerate(summary(records)):
        first = k == 0  # what the others are compared with
        rows.append(
            [
                row["strategy"],
                f"{row['final']:.3f}",
                f"{row['final_low']:.3f} - {row['final_high']:.3f}",
                f"{row['area']:.3f}",
                "" if first else f"{row['gain']:+.3f}",
                "" if first else f"{row['trials_ahead']} of {row['trials']}",
                f"{row['seconds_a_round']:.2f}",
            ]
        )
    return rows


def legend(records: Records) -> str:
    """What the columns of the table mean, and how far to trust them."""
    row = summary(records)[0]
    trials = row["trials"]
    steps = set(steps_a_round(records).values())
    equal = f"; every model was trained for {steps.pop()} gradient steps a round"
    caution = (
        f" {trials} trial{'s' * (trials > 1)} cannot rank strategies that are close: differences "
        "in area below about 0.015 also occur between two runs of the same strategy."
        if trials < 10
        else ""
    )
    return (
        f"at the end: {plots.title(records.metric)} with {row['labels']} labels, mean of "
        f"{trials} trial{'s' * (trials > 1)}; area: mean over the labels spent; gain: of area over "
        f"{row['strategy']}, trial by trial; ahead: trials in which the gain is above zero"
        f"{equal if not steps else ''}.{caution}"
    )


def as_text(records: Records) -> str:
    """The table in columns, for a terminal."""
    lines = [list(HEADINGS), *table(records)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(HEADINGS))]
    text = [
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
        for line in lines
    ]
    return "\n".join([text[0], "-" * (sum(widths) + 2 * (len(widths) - 1)), *text[1:]])
