"""Records: they come back as they were, or are found to be damaged."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardioserver.archive.errors import DamagedExam
from cardioserver.archive.records import BankRecord, RecordKind, decode_record, encode_record, read_record

RECORD = BankRecord(
    RecordKind.CONCLUSION,
    UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
    date(2026, 11, 20),
    datetime(2026, 11, 21, 12, 30, 15, 123456, tzinfo=timezone(timedelta(hours=3))),
    {"conclusion_id": 2**62, "text": "Ритм синусовый.\nЧСС 72 «уд/мин» ♥"},
)
DATA = encode_record(RECORD)


@given(
    kind=st.sampled_from(RecordKind),
    uuid=st.uuids(),
    created_at=st.datetimes(timezones=st.just(UTC)),
    body=st.dictionaries(
        st.text(), st.text() | st.integers() | st.none() | st.booleans() | st.lists(st.text())
    ),
)
def test_a_record_comes_back_as_it_was(
    kind: RecordKind, uuid: UUID, created_at: datetime, body: dict[str, object]
) -> None:
    record = BankRecord(kind, uuid, created_at.date(), created_at, body)

    assert decode_record(encode_record(record)) == record


def test_every_flipped_bit_and_every_cut_is_found() -> None:
    for bit in range(len(DATA) * 8):
        damaged = bytearray(DATA)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError, match="checksum"):
            decode_record(bytes(damaged))
    for length in range(len(DATA)):
        with pytest.raises(ValueError, match="checksum"):
            decode_record(DATA[:length])
    with pytest.raises(ValueError, match="checksum"):
        decode_record(DATA + b"\n")


def test_a_damaged_file_is_named_and_its_text_is_not(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(DATA.replace(b"72", b"73"))

    with pytest.raises(DamagedExam) as raised:
        read_record(path)

    assert str(path) in str(raised.value)
    assert "Ритм" not in str(raised.value)


def test_the_file_is_readable_without_this_program() -> None:
    digest, text = DATA.decode().split("\n", 1)

    assert len(digest) == 64
    assert '"kind": "conclusion"' in text
    assert "Ритм синусовый" in text


def test_a_text_is_not_printed_with_its_record() -> None:
    assert "Ритм" not in repr(RECORD)
