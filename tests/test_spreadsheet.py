import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alkit.spreadsheet import escaped, restored

hostile = st.text(st.sampled_from("=+-@\t\r\n'a1 "), max_size=5)


@given(st.text() | hostile)
@example("'=a")
@example("''")
def test_every_text_is_restored_exactly_and_never_begins_like_a_formula(text):
    cell = escaped(text)
    assert restored(cell) == text
    assert cell[:1] not in tuple("=+-@\t\r\n")


@given(st.text() | hostile, st.text() | hostile)
def test_two_texts_never_become_the_same_cell(one, other):
    assert (escaped(one) == escaped(other)) == (one == other)


@pytest.mark.parametrize("text", ["img_1.png", "'s-Hertogenbosch", "", "a=b", "3", "Ünder"])
def test_an_ordinary_text_stays_as_it_is_in_both_directions(text):
    assert escaped(text) == restored(text) == text
