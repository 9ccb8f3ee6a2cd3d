from __future__ import annotations

from pathlib import Path

import pytest

import alkit as al

LESSON = """
from alkit.errors import AnswerError


def doubled(answer):
    if answer(2) == 4:
        return "Twice is plus itself."
    raise AnswerError(f"2 became {answer(2)}")


CHECKS = {"99-a": doubled}
"""


@pytest.fixture(autouse=True)
def _a_lesson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "lesson_99.py").write_text(LESSON)
    monkeypatch.setattr(al.course, "__path__", [*al.course.__path__, str(tmp_path)])


def test_a_correct_answer_prints_what_it_teaches(capsys: pytest.CaptureFixture[str]):
    al.course.check("99-a", lambda x: x + x)
    assert capsys.readouterr().out == "99-a is correct. Twice is plus itself.\n"


def test_a_wrong_answer_raises_its_hint():
    with pytest.raises(al.errors.AnswerError, match=r"^99-a is not correct yet: 2 became 3$"):
        al.course.check("99-a", lambda x: x + 1)


@pytest.mark.parametrize("name", ["99-b", "9-a", "99a", "", "00-a", 99])
def test_an_unknown_exercise_is_an_error_that_names_the_existing_ones(name):
    with pytest.raises(al.errors.ConfigurationError, match=r"there is no exercise .*-a"):
        al.course.check(name, None)


def test_an_error_of_the_answer_itself_is_passed_on():
    with pytest.raises(ZeroDivisionError):
        al.course.check("99-a", lambda x: x / 0)
