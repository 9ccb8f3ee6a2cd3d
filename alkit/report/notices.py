"""What a reader must know before any number: what was not equal, not repeated, or not finished."""

from __future__ import annotations

from alkit.records import Records


def notices(records: Records) -> list[tuple[str, str]]:
    """Headline and sentence of each reason for care, the gravest first; empty where all is well."""
    found = []
    steps = steps_a_round(records)
    if len(set(steps.values())) > 1:
        told = ", ".join(f"{name} {count:,}" for name, count in steps.items())
        found.append(
            (
                "Unequal gradient steps",
                f"The strategies were not trained equally long ({told} steps a round, on "
                "average): a difference may come from the training, not from the choice of "
                "samples.",
            )
        )
    failed = records.protocol.get("failed") or []
    if failed:
        told = "; ".join(f"{f['strategy']}, seed {f['seed']}: {f['error']}" for f in failed)
        several = len(failed) > 1
        found.append(
            (
                f"{len(failed)} trial{'s' * several} failed",
                f"{'They are' if several else 'It is'} in no number or figure. {told}",
            )
        )
    if len({row["seed"] for row in records.rows}) == 1:
        found.append(
            (
                "One trial proves nothing",
                "Another initial set and other weights may well turn the order around. Run ten "
                "seeds or more.",
            )
        )
    return found


def steps_a_round(records: Records) -> dict[str, int]:
    """Gradient steps a round of each strategy, mean over trials and rounds, rounded."""
    taken: dict[str, list[int]] = {}
    for row in records.rows:
        taken.setdefault(row["strategy"], []).append(row["steps"])
    return {name: round(sum(steps) / len(steps)) for name, steps in taken.items()}
