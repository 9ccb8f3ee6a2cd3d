"""Answers of an oracle to a query, some of which may be missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from alkit.pool.query import Query


def without_unanswered(query: Query, answers: Any) -> tuple[Query, Query | np.ndarray, Any]:
    """Query, picks to annotate and their labels, without the picks that are answered with None.

    Args:
        query: the query.
        answers: one answer per pick; None for the dataset's labels.

    Returns:
        The query with its ``unanswered`` picks, the others, and the labels of these.
    """
    objects = isinstance(answers, np.ndarray) and answers.dtype.kind == "O"
    listed = objects or isinstance(answers, list | tuple)  # others cannot hold None
    given = np.array([answer is not None for answer in (answers if listed else ())], dtype=bool)
    if given.all() or len(given) != len(query):  # a wrong number is refused by the pool
        return query, query, answers
    labels = [answer for answer in answers if answer is not None]
    query = replace(query, unanswered=query.indices[~given])
    return query, query.indices[given], labels
