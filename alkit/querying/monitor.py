"""The accuracy monitor: what the labels that were bought anyway say of the model's error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from alkit.errors import AnnotationError, ConfigurationError
from alkit.pool import ActiveLearningDataset
from alkit.pool.query import Query
from alkit.querying.risk import Risk, Terms, mean_of


@dataclass(frozen=True)
class Asked:
    """What the monitor remembers of a query, in plain numbers; see ``Query``."""

    round: int
    why: str
    candidates: int
    unreachable: int
    indices: list[int]
    guesses: list[Any] | None
    scores: list[float] | None
    probabilities: list[float] | None

    @classmethod
    def of(cls, query: Query, candidates: int) -> Asked:
        """Of a query among so many candidates, unless it tells itself of how many."""
        unreachable = 0
        if query.trace is not None:
            unreachable = query.trace.unreachable
            candidates = query.trace.candidates or candidates
        rows = (query.guesses, query.scores, query.probabilities)
        plain = (None if row is None else np.asarray(row).tolist() for row in rows)
        return cls(query.round, query.why, candidates, unreachable, query.indices.tolist(), *plain)


@dataclass(frozen=True, eq=False)
class Answer:
    """The first picks of a query, as far as all of them are annotated.

    Attributes:
        asked: the query.
        labels: ``(m,)`` class numbers of its first m picks.
        wrong: ``(m,)`` whether the model had guessed another class when it asked.
    """

    asked: Asked
    labels: np.ndarray
    wrong: np.ndarray

    @property
    def terms(self) -> Terms:
        """Its weighted errors."""
        asked, m = self.asked, len(self.labels)
        q = (asked.probabilities or [])[:m]
        return Terms.of(self.wrong, q, asked.candidates, asked.unreachable)


class Monitor:
    """The error of the model on the unannotated samples, round by round, at no label's cost.

        strategy = al.Strategy(net, pool, al.Rank(al.Margin()), al.Power(beta=2, uniform=0.1))
        ...
        print(strategy.monitor)              # a line a round
        strategy.monitor.estimate()          # of the model that asked last
        strategy.monitor.estimate(rounds=3)  # the mean over the last three models: smoother

    Before it is trained on them, the picks of a query test the model that asked for them. Where
    the selector draws with known probabilities (``Power``, ``Softmax``, ``SoftRank``, ``Random``,
    a ``Mix`` of these) the estimate is unbiased: see ``alkit.estimate_risk``. A low beta (at most
    2) and a uniform share (0.1) keep the weights even; for a network that is often sure where it
    is wrong, take ranks, ``al.Rank(al.Margin())``, or margins that a ``CalibratedStrategy`` has
    tempered, with a beta of 1. An estimate says when its weights degenerate.

    What the model guessed is remembered with each ``query``; labels are looked up in the pool when
    an estimate is asked for, so they may come later, in parts, or be corrected. Of a query that is
    annotated in part the first picks count, up to the first without a label: ask people to label
    in the order of the query, and not the easy ones first. Of several queries in one round the one
    with the most such labels counts, of equal ones the last. Queries never annotated do not count,
    nor does ``val_pool``. ``reset_model`` keeps what is remembered; ``new()`` starts afresh.

    Cost: reads one item of the dataset a label.

    Args:
        pool: where the labels are.
        asked: what was asked so far; new queries are added to it.
    """

    def __init__(self, pool: ActiveLearningDataset, asked: list[Asked]) -> None:
        self._pool, self._asked = pool, asked

    def record(self, query: Query, candidates: int) -> None:
        """Remember a query among so many candidates; one that was asked before moves up."""
        asked = Asked.of(query, candidates)
        self._asked[:] = [other for other in self._asked if other != asked] + [asked]

    def estimate(self, rounds: int = 1, *, level: float = 0.9) -> Risk:
        """The error on what was unannotated when the last annotated query was asked.

        Args:
            rounds: over how many of the last annotated queries. The mean error of the models that
                asked: less noise, and late by half as many rounds where the error falls.
            level: of the interval.

        Raises:
            ConfigurationError: the probabilities of the picks are not known; no classification.
            AnnotationError: no pick has a label yet.
        """
        return mean_of([answer.terms for answer in self._last(rounds)], level)

    def by_round(self, rounds: int = 1, *, level: float = 0.9) -> dict[int, Risk]:
        """``estimate`` as it was after each round, by round, where probabilities are known."""
        terms = {a.asked.round: a.terms for a in map(self._read, self._known(self._answered()))}
        numbers, every = list(terms), list(terms.values())
        parts = [every[max(0, k + 1 - _counted(rounds)) : k + 1] for k in range(len(every))]
        return {number: mean_of(part, level) for number, part in zip(numbers, parts, strict=True)}

    def by_class(self, rounds: int = 1, *, level: float = 0.9) -> dict[int, Risk]:
        """The share of errors among the samples of each class, by its label; see ``estimate``.

        The weights of a class are scaled to the mean of 1, as its share of the pool is not known,
        which leaves a bias of the order of one label. Classes without a label are left out; few
        labels give wide intervals.
        """
        answers = self._last(rounds)
        classes = np.unique(np.concatenate([answer.labels for answer in answers]))
        parts = {
            int(c): [a.terms.among(a.labels == c) for a in answers if (a.labels == c).any()]
            for c in classes
        }
        return {c: mean_of(part, level) for c, part in parts.items()}

    def answers(self, rounds: int = 1) -> list[Answer]:
        """The last annotated queries, of any selector, the latest last; fewer if there are."""
        return [self._read(pair) for pair in self._answered()[-_counted(rounds) :]]

    def _answered(self) -> list[tuple[Asked, int]]:
        """By round: the query whose first picks are annotated, and how many."""
        annotated = self._pool.rounds >= 0
        best: dict[int, tuple[Asked, int]] = {}
        for asked in self._asked:
            missing = np.flatnonzero(~annotated[asked.indices])
            m = int(missing[0]) if len(missing) else len(asked.indices)
            if m and m >= best.get(asked.round, (asked, 0))[1]:
                best[asked.round] = (asked, m)
        return [best[round] for round in sorted(best)]

    def _known(self, answered: list[tuple[Asked, int]]) -> list[tuple[Asked, int]]:
        return [pair for pair in answered if pair[0].probabilities and pair[0].guesses]

    def _last(self, rounds: int) -> list[Answer]:
        answered = self._answered()
        if not answered:
            raise AnnotationError(
                "the monitor compares what the model guessed with labels, and no query has its "
                "first label yet: strategy.query(n), then pool.annotate(query, labels)."
            )
        last = answered[-1][0]
        if not last.probabilities or not last.guesses:
            what = "guesses of the model" if last.probabilities else "known probabilities"
            raise ConfigurationError(
                f"the picks of round {last.round} came without {what} ({last.why}), so nothing "
                "can be said of the other samples. These give both: selector=Power(beta=2, "
                "uniform=0.1), Softmax(), SoftRank(), Random(), and a Mix of these."
            )
        return [self._read(pair) for pair in self._known(answered)[-_counted(rounds) :]]

    def _read(self, pair: tuple[Asked, int]) -> Answer:
        asked, m = pair
        labels = _classes("labels", self._pool.labels_of(asked.indices[:m]))
        return Answer(asked, labels, _classes("guesses", (asked.guesses or [])[:m]) != labels)

    # --- state --------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """What is remembered, in plain values; no labels, which are the pool's."""
        return {"asked": [asdict(asked) for asked in self._asked]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take on what ``state_dict`` gave."""
        names, rows = {field.name for field in fields(Asked)}, state.get("asked")
        if rows is None or any(names != row.keys() for row in rows):
            raise ConfigurationError(
                f"the state of a monitor has asked=, queries with {', '.join(sorted(names))}."
            )
        self._asked[:] = [Asked(**row) for row in rows]

    def __repr__(self) -> str:
        lines = [f"Monitor of {len(self._asked)} queries"]
        lines += [f"round {round}: {risk!r}" for round, risk in self.by_round().items()]
        if len(lines) == 1:
            lines.append("no labels yet of picks with known probabilities")
        return "\n".join(lines)


def _counted(rounds: int) -> int:
    if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 1:
        raise ConfigurationError(f"rounds must be an integer of at least 1, got {rounds!r}.")
    return rounds


def _classes(what: str, values: list[Any]) -> np.ndarray:
    """Class numbers ``(m,)``; also of labels such as 1.0 or [1], of two classes."""
    try:
        row = np.asarray(values).reshape(len(values))
    except ValueError:
        row = np.asarray(None)
    if row.dtype.kind not in "iubf" or (row != np.floor(row)).any():
        raise ConfigurationError(
            f"the monitor counts wrong class numbers, and the {what} are none, such as "
            f"{values[0]!r}. For other losses, and labels as text, take al.estimate_risk(losses, "
            "query.probabilities, candidates)."
        )
    return row.astype(np.int64)
