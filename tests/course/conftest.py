"""Fixtures for the tests of the lessons' checks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jupytext
import pytest

import alkit as al

SOURCES = Path(__file__).parents[2] / "tutorials" / "source"


@pytest.fixture
def solutions() -> Callable[..., dict[str, Any]]:
    """Function that runs the solutions of a lesson and returns the names that they define."""

    def solve(number: str, **names: Any) -> dict[str, Any]:
        (source,) = SOURCES.glob(f"{number}_*.py")
        for cell in jupytext.read(source).cells:
            if cell.metadata.get("nbgrader", {}).get("solution"):
                exec(cell.source, names)
        return names

    return solve


@pytest.fixture
def refused() -> Callable[..., None]:
    """Function that checks that a wrong answer to an exercise raises the expected hint."""

    def refuse(name: str, answer: Any, hint: str) -> None:
        with pytest.raises(al.errors.AnswerError, match=hint):
            al.course.check(name, answer)

    return refuse
