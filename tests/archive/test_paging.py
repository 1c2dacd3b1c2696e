"""Cursors: opaque, and checked when they come back."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardioserver.archive.paging import decode_cursor, encode_cursor, page_length
from cardioserver.ecg.errors import InvalidField
from cardioserver.protocol.messages import FindExams, FindPatients

SEARCH = FindPatients(family_name="Ив")
TYPES = (str, int)


def forged(*values: Any) -> str:
    return urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(-(2**63) + 1, 2**63 - 1))
def test_a_cursor_comes_back_as_its_key(text: str, number: int) -> None:
    cursor = encode_cursor(SEARCH, (text, number))
    assert decode_cursor(replace(SEARCH, cursor=cursor), TYPES) == (text, number)


def test_no_cursor_is_the_first_page() -> None:
    assert decode_cursor(SEARCH, TYPES) is None


def test_the_page_length_may_change_between_pages() -> None:
    cursor = encode_cursor(SEARCH, ("а", 1))
    assert decode_cursor(replace(SEARCH, limit=7, cursor=cursor), TYPES) == ("а", 1)


@pytest.mark.parametrize(
    "other",
    [FindPatients(family_name="Пе"), FindPatients(), FindPatients(family_name="Ив", personal_name="А")],
)
def test_a_cursor_of_another_search_is_refused(other: FindPatients) -> None:
    with pytest.raises(InvalidField, match="cursor"):
        decode_cursor(replace(other, cursor=encode_cursor(SEARCH, ("а", 1))), TYPES)


def test_a_cursor_of_another_kind_of_search_is_refused() -> None:
    with pytest.raises(InvalidField):
        decode_cursor(FindExams(cursor=encode_cursor(FindPatients(), (1, 2))), (int, int))


@pytest.mark.parametrize(
    "cursor",
    [
        "x", "===", "кириллица", "\x00", "AAAA", forged(), forged(1), forged(1, "00"), forged({}),
        "W" * 65_000, urlsafe_b64encode(b"[" * 40_000).decode(), urlsafe_b64encode(b"\xff\xfe").decode(),
        urlsafe_b64encode(b"9" * 9000).decode(),
    ],
)  # fmt: skip
def test_garbage_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidField, match="cursor"):
        decode_cursor(replace(SEARCH, cursor=cursor), TYPES)


@pytest.mark.parametrize(
    "key", [("a",), ("a", 1, 2), (1, "a"), ("a", "1"), ("a", 1.5), ("a", True), ("a", None), ("a", 2**70)]
)
def test_a_key_of_other_values_is_refused(key: tuple[Any, ...]) -> None:
    cursor = encode_cursor(SEARCH, key)
    with pytest.raises(InvalidField, match="cursor"):
        decode_cursor(replace(SEARCH, cursor=cursor), TYPES)


def test_lone_surrogates_do_not_reach_the_database() -> None:
    fingerprint = json.loads(_content(encode_cursor(SEARCH, ("a", 1))))[1]
    with pytest.raises(InvalidField):
        decode_cursor(replace(SEARCH, cursor=forged(1, fingerprint, "\ud800", 1)), TYPES)


def _content(cursor: str) -> bytes:
    return urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


@pytest.mark.parametrize(
    ("limit", "length"), [(0, 50), (1, 1), (50, 50), (100, 100), (101, 100), (65_535, 100)]
)
def test_limits_clamp(limit: int, length: int) -> None:
    assert page_length(limit, 100) == length
