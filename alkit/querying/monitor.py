"""Accuracy monitor: estimates of the model's error from the labels of its queries."""

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
    """Record of a query in plain values; see ``Query``."""

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
        """Build from a query; ``candidates`` is used if the trace of the query has no number."""
        unreachable = 0
        if query.trace is not None:
            unreachable = query.trace.unreachable
            candidates = query.trace.candidates or candidates
        chances = query.probabilities
        if chances is not None:
            chances = np.asarray(chances, np.float64)
            drawn = chances[~np.isnan(chances)]  # picks that were not drawn come last
            chances = drawn if len(drawn) or not len(query) else None
        rows = (query.guesses, query.scores, chances)
        plain = (None if row is None else np.asarray(row).tolist() for row in rows)
        return cls(query.round, query.why, candidates, unreachable, query.indices.tolist(), *plain)


@dataclass(frozen=True, eq=False)
class Answer:
    """The first picks of a query, up to the first one without a label.

    Attributes:
        asked: the query.
        labels: ``(m,)`` class numbers of its first m picks.
        wrong: ``(m,)`` True where the model had guessed another class at the time of the query;
            empty if the query has no guesses.
    """

    asked: Asked
    labels: np.ndarray
    wrong: np.ndarray

    @property
    def terms(self) -> Terms:
        """Weighted errors of these picks, as far as their probabilities are known."""
        asked, m = self.asked, self.drawn
        q = (asked.probabilities or [])[:m]
        return Terms.of(self.wrong[:m], q, asked.candidates, asked.unreachable)

    @property
    def drawn(self) -> int:
        """Number of these picks whose probabilities are known; they come first."""
        return min(len(self.labels), len(self.asked.probabilities or self.labels))


class Monitor:
    """Estimate of the model's error on the unannotated samples, per round, without extra labels.

        strategy = al.Strategy(net, pool, al.Rank(al.Margin()), al.Power(beta=2, uniform=0.1))
        ...
        print(strategy.monitor)              # one line per round
        strategy.monitor.estimate()          # for the model of the last query
        strategy.monitor.estimate(rounds=3)  # mean over the last three models: smoother

    The picks of a query test the model that selected them, before it is trained on them. If the
    selector draws with known probabilities (``Power``, ``Softmax``, ``SoftRank``, ``Random``, a
    ``Mix`` of these), the estimate is unbiased: see ``alkit.estimate_risk``. A low beta (at most
    2) and a uniform share (0.1) keep the weights even. For a network that is often confident where
    it is wrong, use ranks, ``al.Rank(al.Margin())``, or tempered margins,
    ``al.criteria.Tempered(al.Margin())``, with a beta of 1. An estimate warns if its weights
    degenerate.

    Each ``query`` records the guesses of the model. Labels are read from the pool when an estimate
    is requested, so they may be added later, in parts, or corrected. In a partly annotated query,
    only the picks before the first one without a label count: ask people to label in the order of
    the query, not the easy samples first. Among several queries in one round, the one with the
    most such labels counts, or the last of these. Queries that were never annotated do not count,
    nor does ``val_pool``. ``reset_model`` keeps the records; ``new()`` starts without any.

    Cost: reads one item of the dataset per label.

    Args:
        pool: the pool that holds the labels.
        asked: records of the queries so far; new queries are added to this list.
    """

    def __init__(self, pool: ActiveLearningDataset, asked: list[Asked]) -> None:
        self._pool, self._asked = pool, asked

    def record(self, query: Query, candidates: int) -> None:
        """Add a query among ``candidates`` candidates; a repeated one moves to the end."""
        asked = Asked.of(query, candidates)
        self._asked[:] = [other for other in self._asked if other != asked] + [asked]

    def estimate(self, rounds: int = 1, *, level: float = 0.9) -> Risk:
        """Estimate the error on the samples that were unannotated at the last annotated query.

        Args:
            rounds: number of the last annotated queries to average over. The result is the mean
                error of their models: less noisy, but it lags by about half as many rounds while
                the error falls.
            level: confidence level of the interval.

        Raises:
            ConfigurationError: the probabilities of the picks are unknown, or the model is not a
                classifier.
            AnnotationError: no pick has a label yet.
        """
        return mean_of([answer.terms for answer in self._last(rounds)], level)

    def by_round(self, rounds: int = 1, *, level: float = 0.9) -> dict[int, Risk]:
        """The result of ``estimate`` after each round with known probabilities, by round."""
        terms = {a.asked.round: a.terms for a in map(self._read, self._known(self._answered()))}
        numbers, every = list(terms), list(terms.values())
        parts = [every[max(0, k + 1 - _counted(rounds)) : k + 1] for k in range(len(every))]
        return {number: mean_of(part, level) for number, part in zip(numbers, parts, strict=True)}

    def by_class(self, rounds: int = 1, *, level: float = 0.9) -> dict[int, Risk]:
        """Estimate the error among the samples of each class, by its label; see ``estimate``.

        The weights of a class are scaled to a mean of 1, since its share of the pool is unknown;
        this leaves a bias of the order of one label. Classes without a label are left out. Few
        labels give wide intervals.
        """
        answers = self._last(rounds)
        labels = [answer.labels[: answer.drawn] for answer in answers]
        parts = {
            int(c): [a.terms.among(y == c) for a, y in zip(answers, labels) if (y == c).any()]
            for c in np.unique(np.concatenate(labels))
        }
        return {c: mean_of(part, level) for c, part in parts.items()}

    def answers(self, rounds: int = 1) -> list[Answer]:
        """The last annotated queries of any selector, latest last; may be fewer than ``rounds``."""
        return [self._read(pair) for pair in self._answered()[-_counted(rounds) :]]

    def _answered(self) -> list[tuple[Asked, int]]:
        """For each round, the query with the most leading picks annotated, and their number."""
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
                "the monitor compares guesses of the model with labels, and no query has its "
                "first label yet: call strategy.query(n), then pool.annotate(query, labels)."
            )
        last = answered[-1][0]
        if not last.probabilities or not last.guesses:
            what = "guesses of the model" if last.probabilities else "known probabilities"
            raise ConfigurationError(
                f"the picks of round {last.round} came without {what} ({last.why}), so the error "
                "on the other samples cannot be estimated. These selectors give both: "
                "Power(beta=2, uniform=0.1), Softmax(), SoftRank(), Random(), and a Mix of these."
            )
        return [self._read(pair) for pair in self._known(answered)[-_counted(rounds) :]]

    def _read(self, pair: tuple[Asked, int]) -> Answer:
        asked, m = pair
        labels = _classes("labels", self._pool.labels_of(asked.indices[:m]))
        if not asked.guesses:
            return Answer(asked, labels, np.zeros(0, dtype=bool))
        return Answer(asked, labels, _classes("guesses", asked.guesses[:m]) != labels)

    # --- state --------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The recorded queries in plain values, without labels, which the pool stores."""
        return {"asked": [asdict(asked) for asked in self._asked]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the result of ``state_dict``."""
        names, rows = {field.name for field in fields(Asked)}, state.get("asked")
        if rows is None or any(names != row.keys() for row in rows):
            raise ConfigurationError(
                "the state of a monitor must have a list 'asked' of queries with the keys "
                f"{', '.join(sorted(names))}."
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
    """Class numbers ``(m,)``; binary labels such as 1.0 or [1] are allowed."""
    try:
        row = np.asarray(values).reshape(len(values))
    except ValueError:
        row = np.asarray(None)
    if row.dtype.kind not in "iubf" or (row != np.floor(row)).any():
        raise ConfigurationError(
            f"the monitor compares class numbers, and the {what} are not class numbers, such as "
            f"{values[0]!r}. For other losses, or labels as text, use al.estimate_risk(losses, "
            "query.probabilities, candidates)."
        )
    return row.astype(np.int64)
