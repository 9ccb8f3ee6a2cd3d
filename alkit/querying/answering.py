"""Answers of an oracle to a query, some of which may be missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from alkit.errors import LabelError
from alkit.pool.query import Query


def answers_of(oracle: Callable[[np.ndarray], Any], query: Query) -> Any:
    """Answers of an oracle to a query.

    Raises:
        LabelError: it returned None, or None for each pick though it has no attribute
            ``reason``: the labels of the dataset were not asked for.
    """
    answers = oracle(query.indices)
    nothing = isinstance(answers, list | tuple) and all(answer is None for answer in answers)
    if nothing and len(query) and not hasattr(oracle, "reason"):
        raise LabelError(
            f"the oracle answered none of {len(query)} picks; does it lack a return? One that may "
            'leave out every pick has an attribute: oracle.reason = "unsure", to exclude these '
            "samples from the pool, or None, to keep them."
        )
    if answers is None:
        raise LabelError(
            f"the oracle returned None in place of {len(query)} labels, one per index; does it "
            "lack a return?"
        )
    return answers


def who_of(oracle: Any) -> str:
    """Name under which a ledger has the labels of an oracle; that of the one inside, if any.

    An empty text stands for the person who uses the ledger.
    """
    while not hasattr(oracle, "who") and hasattr(oracle, "oracle"):
        oracle = oracle.oracle
    return getattr(oracle, "who", "")


def without_unanswered(query: Query, answers: Any) -> tuple[Query, Query, Any]:
    """Query, its answered part and the labels of this, if some picks are answered with None.

    Args:
        query: the query.
        answers: one answer per pick; None for the dataset's labels.

    Returns:
        The query with its ``unanswered`` picks, a query of the others, and their labels.
    """
    objects = isinstance(answers, np.ndarray) and answers.dtype.kind == "O"
    listed = objects or isinstance(answers, list | tuple)  # others cannot hold None
    given = np.array([answer is not None for answer in (answers if listed else ())], dtype=bool)
    if given.all() or len(given) != len(query):  # a wrong number is refused by the pool
        return query, query, answers
    labels = [answer for answer in answers if answer is not None]
    unanswered = replace(query, unanswered=query.indices[~given])
    return unanswered, part_of(query, np.flatnonzero(given)), labels


def part_of(query: Query, rows: np.ndarray) -> Query:
    """Some of the picks, with all that is known of each; their probabilities no longer hold."""
    return replace(
        query,
        indices=query.indices[rows],
        scores=None if query.scores is None else np.asarray(query.scores)[rows],
        guesses=None if query.guesses is None else np.asarray(query.guesses)[rows],
        names=None if query.names is None else [query.names[row] for row in rows],
        shares={term: np.asarray(share)[rows] for term, share in query.shares.items()},
        reasons=None if query.reasons is None else [query.reasons[row] for row in rows],
        probabilities=None,
    )
