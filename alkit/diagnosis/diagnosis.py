"""``alkit.doctor``: check whether a query is worth its labels."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from alkit.diagnosis.chance import agreement_with_random, class_skew, class_spread
from alkit.diagnosis.finding import Finding
from alkit.diagnosis.places import Distances, near_duplicates, outliers
from alkit.diagnosis.scores import meaning, posterior, repeatability, ties
from alkit.errors import ConfigurationError
from alkit.pool.query import Query
from alkit.pool.trace import Trace


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """Result of ``alkit.doctor``: one Finding per symptom; prints as a table.

    Attributes:
        query: the query that was checked.
        findings: one per symptom, always the same symptoms in the same order. They can also be
            iterated over, and accessed by name, ``diagnosis["outliers"]``.
    """

    query: Query
    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """True if there is no warning."""
        return not self.warnings

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that are warnings."""
        return tuple(finding for finding in self.findings if finding.verdict == "warning")

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __getitem__(self, name: str) -> Finding:
        return {finding.name: finding for finding in self.findings}[name]

    def __repr__(self) -> str:
        lines = textwrap.wrap(repr(self.query), 100, subsequent_indent=" " * 10)
        for finding in self.findings:
            lines.append(f"{finding.verdict:9} {finding.name:22} {finding.says}")
            for label, text in (("means", finding.means), ("do", finding.do)):
                indent = " " * 10
                more = textwrap.wrap(f"{label}: {text}", 90) if text else []
                lines += [indent + line for line in more]
        return "\n".join(lines)


def doctor(query: Query) -> Diagnosis:
    """Check a query for common problems that waste labels, before paying for them.

        print(al.doctor(strategy.query(100)))

    It reads the trace of the query, which holds at most 1,000 candidates from the pass that scored
    them, drawn uniformly (the sample). Then it predicts at most 1,000 picks again, in other
    batches. This needs the model of the query, so call ``doctor`` before the model is trained or
    reset; otherwise, findings that need the picks are "not seen". After ``al.select``, it reads
    everything from the given arrays.

    ``meaning of outputs``
        Kind and task of the outputs. A note if they were assumed, since nothing declares them; a
        warning if outputs that are declared as logits sum to one in each row.
    ``near-duplicates``
        Picks whose nearest pick is nearer than the 1% quantile of that distance in the sample.
        Random picks are at most as dense as the sample, so chance gives at most 1%. A warning if
        more than one pick and more than 10% are affected; a note if samples are equal. Without
        features, outputs are compared, which gives at most a note.
    ``outliers``
        Picks whose 10th neighbor in the sample is farther away than the 99% quantile of that
        distance in the sample. Chance gives 1%; a warning above 10%. Needs features.
    ``tied scores``
        Picks drawn from candidates with equal scores. A warning above 10% of the picks, or if all
        candidates have the same score; a note if a term of the criterion is constant.
    ``posterior samples``
        A warning if they differ by no more than rounding, 1e-6.
    ``repeatable scores``
        Difference between the two predictions of the picks. A warning above 1% of the range over
        all candidates: rounding stays far below that, augmentation and batch statistics are far
        above. A note for posterior samples, which may be drawn again each time.
    ``class skew``
        Half the summed difference between the shares of the guessed classes in picks and sample.
        A note if at most 1% of 500 simulated random batches differ as much. A warning if, in
        addition, a class with at least 5 expected picks is absent (less than 1% by chance), or
        one class fills more than half of the batch and more than twice its share.
    ``class spread``
        Number of classes among the guesses of the picks. A warning if it is at most half of that
        among as many random candidates, and below 99% of 500 random batches.
    ``agreement with random``
        A warning if more than 5% (the usual level) of 500 random batches have an equal or higher
        mean rank of scores or, without scores, equally unusual distances to each other or to the
        data. A note for selectors that draw with known probabilities. One random batch in twenty
        passes.

    Cost: a forward pass over the picks, and the distances between 2,000 rows: about half a second
    on one core.

    Raises:
        ConfigurationError: ``query`` is not a Query.
    """
    if not isinstance(query, Query):
        raise ConfigurationError(
            f"doctor checks a Query, got {type(query).__name__}: pass the result of "
            "strategy.query(n) or al.select(...)."
        )
    trace = query.trace or Trace()
    again = None if trace.look_again is None else trace.look_again()
    apart = Distances.of(trace, again)
    return Diagnosis(
        query,
        (
            meaning(trace, again),
            near_duplicates(apart),
            outliers(apart),
            ties(query, trace),
            posterior(trace, again),
            repeatability(trace, again),
            class_skew(query, trace),
            class_spread(query, trace),
            agreement_with_random(query, trace, apart),
        ),
    )
