"""What a reader must know before any number: what was not equal, not finished, or not repeated."""

from __future__ import annotations

from alkit.evidence.records import Records
from alkit.evidence.summary import trials
from alkit.reporting.verdict import warnings


def notices(records: Records) -> list[tuple[str, str]]:
    """Headline and sentences of each reason for care, the gravest first; empty where all is well.

    That one trial proves nothing is here where nothing is compared; else the verdict begins so.
    """
    found = [("Before the numbers", sentence) for sentence in warnings(records)]
    failed = [
        f"{f['strategy']}, seed {f['seed']}: {f['error']}" if isinstance(f, dict) else str(f)
        for name in ("failed", "failures")
        for f in records.protocol.get(name) or ()
    ]
    if failed:
        head = f"{len(failed)} failure{'s' * (len(failed) > 1)} of trials"
        found.append((head, f"{'; '.join(failed)}. No number or figure has an unfinished trial."))
    compared = trials(records)
    if not compared.others and len(compared.curves(compared.reference)) == 1:
        found.append(("One trial proves nothing", "Run five seeds or more."))
    return found


def steps_a_round(records: Records) -> dict[str, int]:
    """Gradient steps a round of each strategy, mean over trials and rounds, rounded."""
    taken: dict[str, list[int]] = {}
    for row in records.rows:
        taken.setdefault(row["strategy"], []).append(row["steps"])
    return {name: round(sum(steps) / len(steps)) for name, steps in taken.items()}
