"""The verdict on a comparison, in plain English, and its limits."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from alkit import plots
from alkit.evidence.records import Records, Row
from alkit.evidence.statistics import in_words, least_p, trials_needed
from alkit.evidence.summary import Trials, not_stated, summary, tests, trials

Outcome = Literal["better", "worse", "undecided", "untested"]


def verdict(records: Records) -> str:
    """One paragraph: did any strategy beat the reference, by how much, how surely, at what cost?

    In this order: unequal steps, if any; trials that were left out; the strategies that beat the
    reference, and a sentence on each strategy; a caution if there are few trials. Differences are
    in the area under the budget curve, tested as in ``alkit.evidence.summary.tests`` at 0.05.

    Raises:
        RecordsError: the records cannot be compared.
    """
    return " ".join([*warnings(records), *findings(records), *cautions(records)])


def outcomes(records: Records) -> dict[str, Outcome]:
    """Outcome of each strategy but the reference: better, worse, undecided or untested.

    Undecided means that the difference may be due to chance: p after Holm's correction is 0.05 or
    more. Untested means that there are fewer than two paired trials.
    """
    return {row["strategy"]: _outcome(row) for row in tests(records)}


def warnings(records: Records) -> list[str]:
    """Sentences to read before any number: unequal steps, unfinished trials. Usually empty."""
    found = trials(records)
    said = [unequal_steps(records)]
    if found.unfinished:
        were = "trial was" if found.unfinished == 1 else "trials were"
        said.append(f"{found.unfinished} unfinished {were} left out.")
    return [sentence for sentence in said if sentence]


def unequal_steps(records: Records) -> str:
    """A sentence on strategies whose steps differ from the reference's, or an empty string."""
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
            times = f" ({ours / theirs:.3g} times as many)" if theirs else ""
            said.append(
                f"{name} took {ours / len(found.values[name]):,.0f} gradient steps per trial, "
                f"against {found.reference}'s {theirs / len(found.values[name]):,.0f}{times}"
            )
    if not said:
        return ""
    return (
        f"The steps are not equal: {'; '.join(said)}. The comparison therefore reflects how long "
        "the models were trained as much as which samples were selected."
    )


def findings(records: Records) -> list[str]:
    """A headline, a sentence on what is compared, and one sentence per strategy."""
    found = trials(records)
    rows = {row["strategy"]: row for row in summary(records)}
    reference = rows[found.reference]
    if not found.others:
        result = f"{plots.title(records.metric)} is {reference['final']:.3f}"
        return [
            f"There is only one strategy, {found.reference}, so nothing is compared: its {result} "
            f"with {found.spent:,} labels."
        ]
    tested = tests(records)
    said = [_headline(found, tested), _compared(found, tested, plots.title(records.metric))]
    for test in tested:
        row = rows[test["strategy"]]
        parts = [_difference(found, test), _labels(found, test, row), _cost(reference, row)]
        said.append(f"{test['strategy']}: {'; '.join(part for part in parts if part)}.")
    reason = not_stated(found)
    if reason and any(test["trials"] for test in tested):
        said.append(f"Labels saved are not stated: {reason}.")
    ceiling = (records.protocol.get("ceiling") or {}).get(records.metric)
    if ceiling:
        said.append(f"Trained on all labels, the model reaches {np.mean(ceiling):.3f}.")
    return said


def cautions(records: Records) -> list[str]:
    """Limits of a comparison with two to five trials; empty for more."""
    tested = tests(records)
    fewest = min((row["trials"] for row in tested), default=0)
    if not 2 <= fewest < 6:
        return []
    return [
        f"{fewest} trials are few: the t-test assumes that the differences are normally "
        "distributed, and the signed-rank test, which does not, cannot give a p-value below "
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
            "One trial proves nothing, since two runs of the same strategy differ as well: run at "
            "least five seeds, or ten or more if the curves are close."
        )
    better = [name for name, outcome in judged.items() if outcome == "better"]
    worse = [name for name, outcome in judged.items() if outcome == "worse"]
    said = f"{_and(better)} beat" if better else "No strategy was shown to beat"
    return f"{said} {found.reference}{f'; {_and(worse)} did worse' if worse else ''}."


def _compared(found: Trials, tested: list[Row], words: str) -> str:
    """A sentence that explains the numbers of the next ones."""
    counts = sorted({row["trials"] for row in tested})
    several = " to ".join(map(str, {counts[0]: 0, counts[-1]: 0}))
    said = (
        f"We compare {words}, averaged over {found.annotated[0]:,} to {found.spent:,} labels, "
        f"in {several} paired trial{'' if counts[-1] == 1 else 's'}"
    )
    if counts[-1] < 2:
        return f"{said}."
    many = len(tested)
    corrected = f", corrected for {many} strategies" if many > 1 else ""
    return f"{said}, with 95 % intervals; p is from the {tested[0]['test']}-test{corrected}."


def _difference(found: Trials, test: Row) -> str:
    """The difference from the reference, with its interval and p."""
    apart, low, high = (test[key] for key in ("gain", "gain_low", "gain_high"))
    if not found.rising:
        apart, low, high = -apart, -high, -low
    if not test["trials"]:
        return f"no finished trial shares a seed with a finished one of {found.reference}"
    if test["trials"] == 1:
        return f"{apart:+.3f}"
    rank = f", signed-rank p = {test['p_signed_rank']:.2g}" if test["trials"] >= 6 else ""
    said = f"{apart:+.3f} ({low:+.3f} to {high:+.3f}; {_p(test['p'])}{rank})"
    return said + (_needed(found, test) if _outcome(test) == "undecided" else "")


def _needed(found: Trials, test: Row) -> str:
    """A note that the difference may be chance, with the number of trials needed to show it."""
    needed = trials_needed(test["gain"], float(found.gains(test["strategy"]).std(ddof=1)))
    if found.overlap or not math.isfinite(needed):  # more trials add little if splits overlap
        return ", which may be due to chance"
    return (
        ", which may be due to chance: if the true difference is that large, about "
        f"{needed:,.0f} trials would show it in four out of five comparisons"
    )


def _labels(found: Trials, test: Row, row: Row) -> str:
    """Labels saved at the final level of the reference."""
    least, most, low, high = (row[f"saved_{end}"] for end in ("least", "most", "low", "high"))
    level = f"{found.reference}'s final level, {row['level']:.3f},"
    if not test["trials"] or math.isnan(least):
        return ""
    if math.isinf(least):
        return f"it did not reach {level} with {found.spent:,} labels"
    fewer = "fewer"
    if most < 0:
        least, most, low, high, fewer = -most, -least, -high, -low, "more"
    interval = in_words(low, high).replace("unknown", "open interval: trials ended below the level")
    interval = f" ({interval})" if test["trials"] > 1 else ""
    return f"it reached {level} with {in_words(least, most)} {fewer} labels{interval}"


def _cost(reference: Row, row: Row) -> str:
    """Seconds per trial, compared with those of the reference."""
    if not row["seconds_a_trial"] or not reference["seconds_a_trial"]:
        return ""
    choosing = np.nansum([row["seconds_score"], row["seconds_select"]]) / row["seconds_a_round"]
    ours, theirs = (_seconds(of["seconds_a_trial"]) for of in (row, reference))
    return (
        f"a trial took {ours}, {choosing:.0%} of it to choose samples, compared with {theirs} for "
        f"{reference['strategy']}"
    )


def _seconds(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:,.0f} s"


def _p(p: float) -> str:
    return f"p = {p:.2g}" if p >= 0.001 else "p < 0.001"


def _and(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
