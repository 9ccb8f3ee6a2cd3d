"""A person at a terminal, typed by a script."""

import io
import sys

import pytest

from alkit.errors import ConfigurationError
from alkit.oracles import Ask


@pytest.fixture
def typed(monkeypatch):
    def set_lines(*lines):
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(line + "\n" for line in lines)))

    return set_lines


def test_classes_are_typed_by_name_or_number_and_an_empty_line_is_unsure(typed, capsys):
    typed("paper", "0", " ", "1")
    oracle = Ask(["glass", "paper"])
    assert oracle([7, 3, 5, 9]) == [1, 0, None, 1]
    shown = capsys.readouterr().out
    assert "sample 7 (1 of 4) [0 glass, 1 paper]" in shown
    assert oracle([9, 5]) == [1, None]  # not asked again


def test_a_wrong_word_is_asked_again_with_the_likely_one(typed, capsys):
    typed("papre", "7", "paper")
    assert Ask(["glass", "paper"])([0]) == [1]
    shown = capsys.readouterr().out
    assert "Did you mean 'paper'?" in shown
    assert "got 7" in shown


def test_names_that_are_numbers_are_names(typed):
    typed("1", "2", "0", "1")
    assert Ask(["1", "2"])([0, 1, 2]) == [0, 1, 0]


def test_the_end_of_the_input_leaves_the_others_unanswered_until_asked_again(typed):
    oracle = Ask()
    typed("2.5")
    assert oracle([0, 1]) == [2.5, None]
    typed("cat")
    assert oracle([0, 1]) == [2.5, "cat"]


def test_an_interruption_keeps_what_was_typed(typed):
    def show(index):
        shown.append(index)
        if len(shown) == 2:
            raise KeyboardInterrupt
        return f"text of {index}"

    shown = []
    oracle = Ask(["a", "b"], show=show)
    typed("b", "a")
    with pytest.raises(KeyboardInterrupt):
        oracle([4, 6])
    assert oracle([4, 6]) == [1, 0]
    assert shown == [4, 6, 6]


def test_what_is_shown_is_printed_if_it_is_text(typed, capsys):
    typed("a")
    Ask(["a"], show=lambda index: f"text {index}")([3])
    assert capsys.readouterr().out.startswith("text 3\n")


def test_classes_that_are_none_are_refused():
    with pytest.raises(ConfigurationError, match="distinct"):
        Ask(["a", "a"])
