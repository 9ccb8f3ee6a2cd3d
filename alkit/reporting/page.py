"""A comparison as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from alkit import plots
from alkit.atomic import as_path, write_whole
from alkit.evidence.records import Records
from alkit.evidence.summary import trials
from alkit.reporting.costs import costs
from alkit.reporting.figures import figures
from alkit.reporting.notices import notices
from alkit.reporting.template import PAGE
from alkit.reporting.text import legend, table
from alkit.reporting.verdict import cautions, findings

APART = (
    "failed",
    "failures",
    "parts",
    "seeds",
    "versions",
)  # parts of the protocol with their own sections
PACKAGES = ("alkit", "torch", "lightning", "torchmetrics", "numpy", "python")


def save(records: Records, path: str | Path) -> None:
    """Write the comparison as one HTML page: verdict, table, figures, costs, protocol.

    Raises:
        RecordsError: there are no rows to report.
        FolderError: the file cannot be written; an older one is unchanged.
    """
    write_whole(as_path(path), page(records))


def page(records: Records) -> str:
    """Return the page as HTML."""
    trials(records)  # raises if there is nothing to report
    protocol = records.protocol
    versions = dict(protocol.get("versions") or {})
    versions |= {name: protocol[name] for name in PACKAGES if name in protocol}
    facts = {k: v for k, v in protocol.items() if k not in APART and k not in versions}
    return PAGE.format(
        dataset=escape(str(protocol.get("dataset", "your data"))),
        subtitle=escape(_subtitle(records)),
        notices="".join(
            f'<p class="notice" role="note"><strong>{escape(head)}:</strong> {escape(text)}</p>'
            for head, text in notices(records)
        ),
        verdict=_verdict(records),
        table=_table(*table(records)),
        legend=escape(legend(records)),
        figures="".join(figures(records)),
        costs=_table(*costs(records)),
        choices=_choices(records),
        facts=_facts(facts),
        seeds=escape(", ".join(map(str, dict.fromkeys(row["seed"] for row in records.rows)))),
        versions=_facts(versions),
    )


def _subtitle(records: Records) -> str:
    trials = len({row["seed"] for row in records.rows})
    labels = max(row["annotated"] for row in records.rows)
    names = ", ".join(records.strategies)
    return (
        f"{names}: {plots.title(records.metric)} with up to {labels:,} labels, "
        f"{trials} paired trial{'s' * (trials > 1)}"
    )


def _verdict(records: Records) -> str:
    """The sentences of ``alkit.reporting.verdict``, except its warnings, which are notices."""
    headline, *rest = findings(records)
    compared, said = rest[:1], rest[1:]
    return (
        f"<p><strong>{escape(headline)}</strong></p>"
        + "".join(f"<p>{escape(sentence)}</p>" for sentence in compared)
        + f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in said)}</ul>" * bool(said)
        + "".join(f"<p>{escape(sentence)}</p>" for sentence in cautions(records))
    )


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table; a narrow screen shows each row as a card, labeled with the column names."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in headings)
    body = ""
    for name, *cells in rows:
        body += f'<tr><th scope="row">{escape(name)}</th>' + "".join(
            f'<td data-name="{escape(heading)}">{escape(cell)}</td>'
            for heading, cell in zip(headings[1:], cells, strict=True)
        )
        body += "</tr>"
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _choices(records: Records) -> str:
    """The rule behind each query, for strategies whose rule changed between rounds."""
    text = ""
    for name in records.strategies:
        seed = next(row["seed"] for row in records.rows if row["strategy"] == name)
        rows = [row for row in records.rows if (row["strategy"], row["seed"]) == (name, seed)]
        reasons = [(row["annotated"], row["why"]) for row in rows if row.get("why")]
        if len({why for _, why in reasons}) > 1:
            items = "".join(f"<li value={n}>{escape(why)}</li>" for n, why in reasons)
            text += f"<h2>{escape(name)}: rule by labels spent (first trial)</h2><ol>{items}</ol>"
    return text


def _facts(facts: Mapping[str, Any]) -> str:
    return "".join(
        f"<div><dt>{escape(str(name).replace('_', ' '))}</dt><dd>{escape(_plain(value))}</dd></div>"
        for name, value in facts.items()
    )


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_plain(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
