"""What a comparison shows, in plain English, and how far to trust it."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from alkit import plots
from alkit.evidence.records import Records, Row
from alkit.evidence.statistics import in_words, least_p, trials_needed
from alkit.evidence.summary import Trials, summary, tests, trials

Outcome = Literal["better", "worse", "undecided", "untested"]


def verdict(records: Records) -> str:
    """One paragraph: did anything beat the reference, by how much, how surely, at what cost?

    In this order: unequal steps, where there are any; trials that were left out; what beat the
    reference, and a sentence on each strategy; how few the trials are. Differences are
    those of the area under the budget curve, tested as in ``alkit.evidence.summary.tests`` at 0.05.

    Raises:
        RecordsError: records that cannot be compared.
    """
    return " ".join([*warnings(records), *findings(records), *cautions(records)])


def outcomes(records: Records) -> dict[str, Outcome]:
    """Each strategy but the reference: better or worse than it, undecided, or untested.

    Undecided is what could be chance: p after Holm's correction is 0.05 or more. Untested is what
    has less than two paired trials.
    """
    return {row["strategy"]: _outcome(row) for row in tests(records)}


def warnings(records: Records) -> list[str]:
    """What to know before any number: unequal steps, unfinished trials. Mostly empty."""
    found = trials(records)
    said = [unequal_steps(records)]
    if found.unfinished:
        were = "trial was" if found.unfinished == 1 else "trials were"
        said.append(f"{found.unfinished} unfinished {were} left out.")
    return [sentence for sentence in said if sentence]


def unequal_steps(records: Records) -> str:
    """A sentence on strategies that took other numbers of steps than the reference; or nothing."""
    found = trials(records)
    steps: dict[str, dict[tuple[int, int], int]] = {name: {} for name in found.values}
    for row in records.rows:
        if row["seed"] in found.values.get(row["strategy"], {}):
            steps[row["strategy"]][row["seed"], row["round"]] = row["steps"]
    said = []
    for name in found.others:
        pairs = [(n, steps[found.reference].get(key, n)) for key, n in steps[name].items()]
        if any(ours != theirs for ours, theirs in pairs):
            ours, theirs = (sum(side) for side in zip(*pairs))
            times = f", {ours / theirs:.3g} times as many" if theirs else ""
            said.append(
                f"{name} took {ours / len(found.values[name]):,.0f} gradient steps a trial to "
                f"{found.reference}'s {theirs / len(found.values[name]):,.0f}{times}"
            )
    if not said:
        return ""
    return (
        f"The steps are not equal: {'; '.join(said)}. What follows compares how long the models "
        "were trained as much as what was selected."
    )


def findings(records: Records) -> list[str]:
    """A headline, what is compared, and a sentence on each strategy."""
    found = trials(records)
    rows = {row["strategy"]: row for row in summary(records)}
    reference = rows[found.reference]
    if not found.others:
        result = f"{plots.title(records.metric)} is {reference['final']:.3f}"
        return [
            f"There is only {found.reference}, so nothing is compared: its {result} with "
            f"{found.spent:,} labels."
        ]
    tested = tests(records)
    said = [_headline(found, tested), _compared(found, tested, plots.title(records.metric))]
    for test in tested:
        row = rows[test["strategy"]]
        parts = [_difference(found, test), _labels(found, test, row), _cost(reference, row)]
        said.append(f"{test['strategy']}: {'; '.join(part for part in parts if part)}.")
    ceiling = (records.protocol.get("ceiling") or {}).get(records.metric)
    if ceiling:
        said.append(f"Trained on all labels, the model comes to {np.mean(ceiling):.3f}.")
    return said


def cautions(records: Records) -> list[str]:
    """How far so few trials carry; empty for many."""
    tested = tests(records)
    fewest = min((row["trials"] for row in tested), default=0)
    if not 2 <= fewest < 6:
        return []
    return [
        f"{fewest} trials are few: the t-test takes the differences for normally distributed, and "
        "the signed-rank test, which does not, cannot give a p below "
        f"{least_p(fewest):.4g} with {fewest} trials."
    ]


def _outcome(test: Row) -> Outcome:
    if math.isnan(test["p"]):
        return "untested"
    if test["p"] >= 0.05:
        return "undecided"
    return "better" if test["gain"] > 0 else "worse"


def _headline(found: Trials, tested: list[Row]) -> str:
    judged = {row["strategy"]: _outcome(row) for row in tested}
    if all(outcome == "untested" for outcome in judged.values()):
        return (
            "One trial proves nothing, since two runs of one strategy differ too: run at least "
            "five seeds, and ten or more where the curves are close."
        )
    better = [name for name, outcome in judged.items() if outcome == "better"]
    worse = [name for name, outcome in judged.items() if outcome == "worse"]
    said = f"{_and(better)} beat" if better else "Nothing was shown to beat"
    return f"{said} {found.reference}{f'; {_and(worse)} did worse' if worse else ''}."


def _compared(found: Trials, tested: list[Row], words: str) -> str:
    """What the numbers of the next sentences are."""
    counts = sorted({row["trials"] for row in tested})
    several = " to ".join(map(str, {counts[0]: 0, counts[-1]: 0}))
    said = (
        f"Compared is the {words}, averaged over {found.annotated[0]:,} to {found.spent:,} labels, "
        f"in {several} paired trial{'' if counts[-1] == 1 else 's'}"
    )
    if counts[-1] < 2:
        return f"{said}."
    many = len(tested)
    corrected = f", corrected for {many} strategies" if many > 1 else ""
    return f"{said}, with 95 % intervals; p by the {tested[0]['test']}-test{corrected}."


def _difference(found: Trials, test: Row) -> str:
    """How far apart, and how surely."""
    apart, low, high = (test[key] for key in ("gain", "gain_low", "gain_high"))
    if not found.rising:
        apart, low, high = -apart, -high, -low
    if not test["trials"]:
        return f"no finished trial is paired with one of {found.reference}"
    if test["trials"] == 1:
        return f"{apart:+.3f}"
    rank = f", by the signed-rank test {test['p_signed_rank']:.2g}" if test["trials"] >= 6 else ""
    said = f"{apart:+.3f} ({low:+.3f} to {high:+.3f}; {_p(test['p'])}{rank})"
    return said + (_needed(found, test) if _outcome(test) == "undecided" else "")


def _needed(found: Trials, test: Row) -> str:
    """That it may be chance, and how many trials the difference that was seen would take."""
    needed = trials_needed(test["gain"], float(found.gains(test["strategy"]).std(ddof=1)))
    if found.overlap or not math.isfinite(needed):  # more trials add little where splits overlap
        return ", which can be chance"
    return (
        ", which can be chance: if the difference is as large as that, about "
        f"{needed:,.0f} trials would show it in four of five comparisons"
    )


def _labels(found: Trials, test: Row, row: Row) -> str:
    """Labels saved at the level that the reference reached at the end."""
    least, most, low, high = (row[f"saved_{end}"] for end in ("least", "most", "low", "high"))
    level = f"{found.reference}'s final level, {row['level']:.3f},"
    if not test["trials"]:
        return ""
    if math.isinf(least):
        return f"it did not reach {level} with {found.spent:,} labels"
    fewer = "fewer"
    if most < 0:
        least, most, low, high, fewer = -most, -least, -high, -low, "more"
    interval = in_words(low, high).replace("unknown", "an open interval: trials ended below it")
    interval = f" ({interval})" if test["trials"] > 1 else ""
    return f"it reached {level} with {in_words(least, most)} labels {fewer}{interval}"


def _cost(reference: Row, row: Row) -> str:
    """Seconds a trial, beside those of the reference."""
    if not row["seconds_a_trial"] or not reference["seconds_a_trial"]:
        return ""
    choosing = np.nansum([row["seconds_score"], row["seconds_select"]]) / row["seconds_a_round"]
    ours, theirs = (_seconds(of["seconds_a_trial"]) for of in (row, reference))
    return (
        f"a trial took {ours}, {choosing:.0%} of it to choose, and {theirs} with "
        f"{reference['strategy']}"
    )


def _seconds(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:,.0f} s"


def _p(p: float) -> str:
    return f"p = {p:.2g}" if p >= 0.001 else "p < 0.001"


def _and(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
