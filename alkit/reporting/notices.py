"""Cautions to read before any number: unequal steps, unfinished or failed trials, one trial."""

from __future__ import annotations

from alkit.evidence.records import Records
from alkit.evidence.summary import trials
from alkit.reporting.verdict import warnings


def notices(records: Records) -> list[tuple[str, str]]:
    """Headline and text of each caution, most serious first; empty if there is none.

    "One trial proves nothing" is included only if nothing is compared. Otherwise the verdict
    begins with it.
    """
    found = [("Caution", sentence) for sentence in warnings(records)]
    failed = [
        f"{f['strategy']}, seed {f['seed']}: {f['error']}" if isinstance(f, dict) else str(f)
        for name in ("failed", "failures")
        for f in records.protocol.get(name) or ()
    ]
    if failed:
        head = f"{len(failed)} trial failure{'s' * (len(failed) > 1)}"
        found.append(
            (head, f"{'; '.join(failed)}. All numbers and figures exclude unfinished trials.")
        )
    compared = trials(records)
    if not compared.others and len(compared.curves(compared.reference)) == 1:
        found.append(("One trial proves nothing", "Run at least five seeds."))
    return found


def steps_a_round(records: Records) -> dict[str, int]:
    """Gradient steps per round of each strategy: mean over trials and rounds, rounded."""
    taken: dict[str, list[int]] = {}
    for row in records.rows:
        taken.setdefault(row["strategy"], []).append(row["steps"])
    return {name: round(sum(steps) / len(steps)) for name, steps in taken.items()}
