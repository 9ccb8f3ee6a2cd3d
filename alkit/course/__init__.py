"""Checks of the course's exercises: ``al.course.check("04-a", answer)``.

A lesson's checks are in a file of its own, whose ``CHECKS`` has a function an exercise: it takes
the answer, and returns what was learned or raises ``AnswerError`` with what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules

from alkit.errors import AnswerError, ConfigurationError, likely

__all__ = ["check"]

Check = Callable[..., str]  # from the answer to what was learned


def check(name: str, answer: object) -> None:
    """Say whether `answer` solves the exercise `name`, such as "04-a", and what it teaches.

    Prints one line where the answer is right. Raises ``AnswerError`` where it is not, with what is
    wrong and without the answer; ``ConfigurationError`` where there is no such exercise. What the
    answer itself raises, where it is a function, comes through.
    """
    checks = _checks(f"lesson_{str(name).partition('-')[0]}")
    if name not in checks:
        names = [known for lesson in _lessons() for known in _checks(lesson)]
        raise ConfigurationError(f"there is no exercise {name!r}{likely(str(name), names)}")
    try:
        print(f"{name}: right. {checks[name](answer)}")
    except AnswerError as error:
        raise AnswerError(f"{name}: not yet. {error}") from None


def _lessons() -> list[str]:
    """The names of the files with checks."""
    return sorted(part.name for part in iter_modules(__path__) if part.name.startswith("lesson_"))


def _checks(lesson: str) -> dict[str, Check]:
    """The checks of a lesson, {} where there is none; imported when they are asked for."""
    return import_module(f"alkit.course.{lesson}").CHECKS if lesson in _lessons() else {}
