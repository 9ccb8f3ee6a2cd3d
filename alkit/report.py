"""A comparison as a table for the terminal, and as one page that opens on its own."""

from __future__ import annotations

import base64
import io
from html import escape
from pathlib import Path

from alkit import plots
from alkit.records import Records
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
    caution = (
        f" {trials} trial{'s' * (trials > 1)} cannot rank strategies that are close: differences "
        "in area below about 0.015 also occur between two runs of the same strategy."
        if trials < 10
        else ""
    )
    return (
        f"at the end: {plots.title(records.metric)} with {row['labels']} labels, mean of "
        f"{trials} trial{'s' * (trials > 1)}; area: mean over the labels spent; gain: of area over "
        f"{row['strategy']}, trial by trial; ahead: trials in which the gain is above zero; every "
        f"model was trained for {row['steps']} gradient steps a round.{caution}"
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


def save(records: Records, path: str | Path) -> None:
    """Write the comparison as one HTML page without outside files: table, curves, protocol."""
    Path(path).write_text(page(records), encoding="utf-8")


def page(records: Records) -> str:
    """The page as HTML."""
    head = "".join(f"<th>{escape(name)}</th>" for name in HEADINGS)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in table(records)
    )
    facts = "".join(
        f"<dt>{escape(name.replace('_', ' '))}</dt><dd>{escape(_plain(value))}</dd>"
        for name, value in records.protocol.items()
    )
    return _PAGE.format(
        dataset=escape(str(records.protocol.get("dataset", "comparison"))),
        names=escape(", ".join(records.strategies)),
        head=head,
        body=body,
        legend=escape(legend(records)),
        figure=_figure(records),
        choices=_choices(records),
        facts=facts,
    )


def _choices(records: Records) -> str:
    """Why each query was chosen as it was, where that changed from round to round."""
    text = ""
    for name in records.strategies:
        seed = next(row["seed"] for row in records.rows if row["strategy"] == name)
        rows = [row for row in records.rows if (row["strategy"], row["seed"]) == (name, seed)]
        reasons = [(row["annotated"], row["why"]) for row in rows if row.get("why")]
        if len({why for _, why in reasons}) > 1:
            items = "".join(f"<li value={n}>{escape(why)}</li>" for n, why in reasons)
            text += f"<h2>{escape(name)}: why, by labels spent (first trial)</h2><ol>{items}</ol>"
    return text


def _figure(records: Records) -> str:
    image = io.BytesIO()
    plots.save(plots.learning_curves(records), image, format="png")
    data = base64.b64encode(image.getvalue()).decode("ascii")
    words = f"Learning curves of {', '.join(records.strategies)}"
    return f'<img alt="{escape(words)}" src="data:image/png;base64,{data}">'


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>alkit: {dataset}</title>
<link rel="icon" href="data:,">
<style>
  body {{ font: 16px/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff;
         max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
  h1 {{ font-size: 1.6rem; margin-bottom: 0; }}
  h2 {{ font-size: 1.15rem; margin-top: 2rem; }}
  .sub, .legend {{ color: #555; }}
  .legend {{ font-size: .88rem; }}
  .wide {{ overflow-x: auto; }}
  table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; white-space: nowrap; }}
  th, td {{ padding: .35rem .8rem; text-align: right; border-bottom: 1px solid #ddd; }}
  th:first-child, td:first-child {{ text-align: left; padding-left: 0; }}
  img {{ max-width: 100%; height: auto; }}
  ol {{ padding-left: 3.5rem; font-size: .88rem; }}
  dl {{ display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .2rem 1rem; }}
  dt {{ color: #555; }}
  dd {{ margin: 0; overflow-wrap: anywhere; }}
</style>
</head>
<body>
<h1>Active learning on {dataset}</h1>
<p class="sub">{names}</p>
<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>
<p class="legend">{legend}</p>
<h2>Learning curves</h2>
{figure}
{choices}
<h2>Protocol</h2>
<p>All strategies of a trial share the initial annotated set, the initial weights and the order
of the data. The weights are reset every round. The numbers are in <code>records.csv</code>.</p>
<dl>{facts}</dl>
</body>
</html>
"""
