"""Checks of the course's exercises: ``al.course.check("04-a", answer)``.

Each lesson has its own file with a dictionary ``CHECKS`` of one function per exercise. The function
takes the answer. It returns what the exercise teaches, or raises ``AnswerError`` with a hint.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules

from alkit.errors import AnswerError, ConfigurationError, likely

__all__ = ["check"]

Check = Callable[..., str]  # from the answer to what it teaches


def check(name: str, answer: object) -> None:
    """Check whether `answer` solves the exercise `name`, such as "04-a".

    If the answer is correct, prints one line with what the exercise teaches. Otherwise raises
    ``AnswerError``, which explains the mistake without giving the solution away. Raises
    ``ConfigurationError`` if the exercise does not exist. If the answer is a function, the errors
    that it raises are passed on.
    """
    checks = _checks(f"lesson_{str(name).partition('-')[0]}")
    if name not in checks:
        names = [known for lesson in _lessons() for known in _checks(lesson)]
        raise ConfigurationError(f"there is no exercise {name!r}{likely(str(name), names)}")
    try:
        print(f"{name} is correct. {checks[name](answer)}")
    except AnswerError as error:
        raise AnswerError(f"{name} is not correct yet: {error}") from None


def _lessons() -> list[str]:
    """Names of the modules with checks."""
    return sorted(part.name for part in iter_modules(__path__) if part.name.startswith("lesson_"))


def _checks(lesson: str) -> dict[str, Check]:
    """Checks of a lesson, or {} if there is no such lesson; imported on first use."""
    return import_module(f"alkit.course.{lesson}").CHECKS if lesson in _lessons() else {}
