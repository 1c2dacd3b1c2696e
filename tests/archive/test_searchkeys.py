"""Search keys: one word, however it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardioserver.archive.searchkeys import KEY_LENGTH, after_prefix, digits_key, name_key, number_key

text = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ИВАНОВ", "иванов"),
        ("Ёлкин", "елкин"),
        ("Ёлкин", "Е\u0308лкин"),  # ё of two code points
        ("ЙОШКИН", "и\u0306ошкин"),  # й of two code points
        ("ҚОЖАҒҰЛ ӘБДІРОВ", "қожағұл әбдіров"),
        ("Müller-Straße", "MÜLLER-STRASSE"),
        ("Петрова–Водкина", "петрова-водкина"),
        ("Д\u2019Артаньян", "д'артаньян"),
        ("  Салтыков   Щедрин ", "салтыков щедрин"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
    ],
)
def test_spellings_of_one_name_have_one_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other) != ""


@pytest.mark.parametrize(
    ("one", "other"), [("Қасым", "Касым"), ("Әли", "Али"), ("Іле", "Иле"), ("Майя", "Маия"), ("Ян", "Янь")]
)
def test_different_letters_have_different_keys(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@given(text)
def test_a_key_is_its_own_key(name: str) -> None:
    key = name_key(name)
    assert name_key(key) == key
    assert len(key) <= KEY_LENGTH


@given(st.text("аАбБёЁйЙқҚяЯ-' ", max_size=30), st.integers(0, 30))
def test_the_beginning_of_a_name_has_the_beginning_of_its_key(name: str, length: int) -> None:
    assert name_key(name).startswith(name_key(name[:length]))


@given(text, text)
def test_what_begins_with_a_prefix_lies_between_it_and_its_end(prefix: str, rest: str) -> None:
    end = after_prefix(prefix)
    assert prefix <= prefix + rest
    assert end is None or prefix + rest < end


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), text)
def test_what_lies_between_begins_with_the_prefix(prefix: str, other: str) -> None:
    end = after_prefix(prefix)
    if prefix <= other and (end is None or other < end):
        assert other.startswith(prefix)


@pytest.mark.parametrize(
    ("prefix", "end"),
    [("а", "б"), ("ab", "ac"), ("a\U0010ffff", "b"), ("\U0010ffff", None), ("\ud7ff", "\ue000"), ("", None)],
)
def test_the_end_of_a_prefix(prefix: str, end: str | None) -> None:
    assert after_prefix(prefix) == end


def test_numbers_keep_their_letter_case_and_lose_odd_spaces() -> None:
    assert number_key(" A-1  7 ") == "A-1 7"
    assert number_key("a-1 7") != number_key("A-1 7")
    assert number_key("  ") is None


def test_digits_are_what_counts_in_a_snils() -> None:
    assert digits_key("112-233-445 95") == digits_key("11223344595") == "11223344595"
