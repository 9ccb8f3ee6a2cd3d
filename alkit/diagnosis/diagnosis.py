"""``alkit.doctor``: is a query worth the labels that it asks for?"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from alkit.diagnosis.chance import agreement_with_random, class_skew
from alkit.diagnosis.finding import Finding
from alkit.diagnosis.places import Distances, near_duplicates, outliers
from alkit.diagnosis.scores import posterior, repeatability, ties
from alkit.errors import ConfigurationError
from alkit.pool.query import Query
from alkit.pool.trace import Trace


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What ``alkit.doctor`` found, one Finding a symptom; prints as a table.

    Attributes:
        query: that was looked at.
        findings: one a symptom, always the same ones in the same order; also by iteration, and by
            name, ``diagnosis["outliers"]``.
    """

    query: Query
    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether there is no warning."""
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
        lines = [repr(self.query)]
        for finding in self.findings:
            lines.append(f"{finding.verdict:9} {finding.name:22} {finding.says}")
            for label, text in (("means", finding.means), ("do", finding.do)):
                indent = " " * 10
                more = textwrap.wrap(f"{label}: {text}", 90) if text else []
                lines += [indent + line for line in more]
        return "\n".join(lines)


def doctor(query: Query) -> Diagnosis:
    """Check a query for what commonly wastes labels, before they are paid for.

        print(al.doctor(strategy.query(100)))

    Reads the trace of the query: at most 1,000 candidates, drawn uniformly (the sample), from the
    pass that scored them. Then predicts at most 1,000 picks once more, in other batches; this
    needs the model as it was, so ask before it is trained or reset. Findings that need the picks
    are "not seen" otherwise. With ``al.select`` all of it comes from its arrays.

    ``near-duplicates``
        Picks whose nearest pick is nearer than the 1% quantile of that distance in the sample.
        Picks are no denser than the sample, so chance gives at most 1%; a warning beyond 10% (and
        one pick), a note where samples are equal. By outputs, without features, only a note.
    ``outliers``
        Picks whose 10th nearest of the sample is further away than the 99% quantile of that
        distance in the sample: 1% by chance, a warning beyond 10%. Only by features.
    ``tied scores``
        Picks drawn among candidates of an equal score: a warning beyond 10% of the picks, or
        where all candidates are equal; a note where a term of the criterion is.
    ``posterior samples``
        A warning where they differ by no more than rounding, 1e-6; or where there is one, and
        the criterion measures disagreement.
    ``repeatable scores``
        The difference between the two predictions of the picks. A warning beyond 1% of the range
        over all candidates: rounding stays far below, augmentation and the statistics of a batch
        far above. A note for posterior samples, which may be drawn again each time.
    ``class skew``
        Half the summed difference between the shares of the guessed classes in picks and sample;
        a note where fewer than 1% of 500 simulated random batches differ as much. A warning if
        moreover a class is absent of which 5 were expected (less than 1% by chance), or one fills
        more than half of the batch and twice its share.
    ``agreement with random``
        A warning where more than 5% of 500 random batches, the usual level, have as high a mean
        rank of scores; without scores, as unusual a distance to each other or to the data. A note
        for selectors that draw with known probabilities. One random batch in twenty passes.

    Cost: a forward pass over the picks, and the distances between 2,000 rows: about half a second
    of one core.

    Raises:
        ConfigurationError: the argument is not a Query.
    """
    if not isinstance(query, Query):
        raise ConfigurationError(
            f"doctor checks a Query, got {type(query).__name__}: give it the result of "
            "strategy.query(n) or al.select(...)."
        )
    trace = query.trace or Trace()
    again = None if trace.look_again is None else trace.look_again()
    apart = Distances.of(trace, again)
    return Diagnosis(
        query,
        (
            near_duplicates(apart),
            outliers(apart),
            ties(query, trace),
            posterior(trace, again),
            repeatability(trace, again),
            class_skew(query, trace),
            agreement_with_random(query, trace, apart),
        ),
    )
