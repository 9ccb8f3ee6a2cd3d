"""Answers that several oracles agree on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alkit.errors import ConfigurationError
from alkit.oracles.agreement import majority
from alkit.oracles.answers import Oracle, answers_of, as_indices, checked_oracle, new_among


class Committee:
    """The label that most of several oracles give, or that all of them give.

        people = Committee({"anna": anna, "ben": ben, "eva": eva})
        strategy.query_and_update(20, people)
        krippendorff_alpha(people.answers)          # how far do they agree?
        dawid_skene(people.answers).labels          # weighted by how reliable each one is

    Each member is asked about each sample once. A tie has no answer, nor has a sample that no
    member answers.

    Args:
        members: oracles by name, at least two.
        unanimous: True to answer only where all members give the same label.

    Attributes:
        answers: rows ``(sample, name, label)`` of all members so far, None included.
    """

    who = "majority"  # name under which a ledger has the labels
    reason = "disagreement"  # for which unanswered samples are excluded from the pool

    def __init__(self, members: Mapping[str, Oracle], *, unanimous: bool = False) -> None:
        if not isinstance(members, Mapping) or len(members) < 2:
            raise ConfigurationError(
                'Committee needs at least two oracles by name, such as {"anna": oracle_1, "ben": '
                f"oracle_2}}, got {members!r}."
            )
        self.members = {name: checked_oracle(oracle) for name, oracle in members.items()}
        self.unanimous = unanimous
        self.answers: list[tuple[int, str, Any]] = []
        self._labels: dict[int, Any] = {}

    def __call__(self, indices: Any) -> list[Any]:
        """Labels of the samples, None where the members do not agree."""
        ids = as_indices(indices)
        new = new_among(ids, self._labels)
        rows = [
            (index, name, label)
            for name, oracle in (self.members.items() if len(new) else ())
            for index, label in zip(new.tolist(), answers_of(oracle, new), strict=True)
        ]
        agreed = majority(rows)
        if self.unanimous:
            differ = {index for index, _, label in rows if label != agreed.get(index)}
            agreed = {index: None if index in differ else y for index, y in agreed.items()}
        self.answers += rows
        self._labels.update({index: agreed.get(index) for index in new.tolist()})
        return [self._labels[index] for index in ids.tolist()]

    def __repr__(self) -> str:
        rule = "all" if self.unanimous else "majority"
        return f"Committee({', '.join(self.members)}; {rule})"
