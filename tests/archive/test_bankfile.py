"""The file of one exam: what it keeps, what damage it finds."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import struct
import zlib
from datetime import UTC, date, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardioserver.archive import bankfile, bankheader
from cardioserver.archive.bankfile import ExamRecord
from cardioserver.archive.errors import DamagedExam
from cardioserver.ecg import segment
from cardioserver.ecg.codec import CODEC
from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.exam import Exam, ExamType
from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.patient import Patient, Sex
from cardioserver.ecg.recording import HardwareFilters, LeadOff, Recording, SignalFormat
from tests.ecg.signals import recording, resampled, walk, with_limb_leads

DOCUMENT = Path(__file__).parents[2] / "docs" / "cardiobank.md"


def exam_record(of: Recording, **changes: Any) -> ExamRecord:
    """A record whose every field differs from its default."""
    moscow = timezone(timedelta(hours=3))
    patient = Patient(
        number="А-17/2",
        sex=Sex.FEMALE,
        birthday=date(1961, 4, 30),
        family_name="Ёлкина",
        personal_name='Анна "Нюра"',
        patronymic="Петровна",
        passport="45 10 123456",
        insurance="7700001234567890",
        snils="112-233-445 95",
        address="Тверь, ул. Советская, д. 1",
        phone="+7 900 000-00-00",
    )
    exam = Exam(
        uuid=UUID("0f9b5d2e-9a52-4a0c-8a6f-3f3a5f0d7b11"),
        patient=patient,
        started_at=datetime(2026, 11, 20, 12, 30, 15, 123456, moscow),
        ended_at=datetime(2026, 11, 20, 12, 30, 25, 123456, moscow),
        exam_type=ExamType.CABRERA,
        height_cm=171.5,
        weight_kg=70,
        age_years=65,
        comment="После нагрузки.\n\tПовторить 𝄞",
        archive_id=21,
        device_number="KFR-0042",
        latitude=56.8587,
        longitude=35.9176,
        oktmo="28701000001",
        accession_number="A-2026-000123",
    )
    record = ExamRecord(
        exam_id=7_205_759_403_792_793_601,
        exam=exam,
        signal=of.format,
        digest=sha256(of.samples.tobytes()).digest(),
        stored_at=datetime(2026, 11, 20, 9, 31, tzinfo=UTC),
        server_id=3,
        recorder_account_id=31,
        recorder_login="рекордер-1",
        recorder_hcf_id=11,
        recorder_hcf_name="Городская больница № 7",
        hcf_id=12,
        hcf_name="Областной диспансер",
        hcf_oktmo="28000000",
        archive_id=21,
        archive_name="ФАП Медное",
        issuer_hcf_id=11,
        issuer_hcf_name="Городская больница № 7",
    )
    return dataclasses.replace(record, **changes)


def marked(of: Recording) -> Recording:
    """The same with marks and filters."""
    signal = dataclasses.replace(
        of.format,
        resolution=tuple(1 + n / 8 for n in range(len(of.format.leads))),
        lead_off=(LeadOff(of.format.leads[1], 100, 200), LeadOff(of.format.leads[-1], 0, 5)),
        pacemaker_spikes=(0, 99, 150),
        filters=HardwareFilters(0.05, 150.0, None),
    )
    return Recording(signal, of.samples)


@pytest.fixture
def resting() -> Recording:
    return marked(recording(with_limb_leads(walk(8, 1000))))


def written(folder: Path, of: Recording, **changes: Any) -> Path:
    path = folder / "exam.ecg"
    path.write_bytes(bankfile.encode_exam(exam_record(of, **changes), of))
    return path


# ---------------------------------------------------------------- what is kept


def test_record_and_samples_come_back(resting: Recording, tmp_path: Path) -> None:
    path = written(tmp_path, resting)
    record = exam_record(resting)
    assert bankfile.read_header(path) == record
    assert bankfile.check(path) == record
    assert bankfile.read_header(path).exam.started_at.utcoffset() == timedelta(hours=3)
    found = bankfile.read_signal(path)
    assert found.format == resting.format
    assert found.samples.tobytes() == resting.samples.tobytes()


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)
moments = st.datetimes(
    datetime(1990, 1, 1),  # noqa: DTZ001  hypothesis adds the offset
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


@settings(deadline=None)
@given(st.data())
def test_any_header_comes_back(data: Any) -> None:
    draw = data.draw
    leads = tuple(draw(st.permutations(TWELVE_LEADS)))[: draw(st.integers(1, 12))]
    count = draw(st.integers(1, 10**9))
    signal = SignalFormat(
        rate=draw(st.floats(125, 2000)),
        leads=leads,
        resolution=tuple(draw(st.floats(1e-6, 1e6)) for _ in leads),
        bits=draw(st.sampled_from([16, 32])),
        sample_count=count,
        pacemaker_spikes=tuple(sorted(draw(st.sets(st.integers(0, count - 1), max_size=5)))),
        filters=HardwareFilters(*(draw(st.none() | st.floats(0, 500)) for _ in range(3))),
    )
    started = draw(moments)
    exam = Exam(
        uuid=draw(st.uuids(version=4)),
        patient=Patient(
            draw(texts), draw(st.sampled_from(Sex)), family_name=draw(texts), address=draw(texts)
        ),
        started_at=started,
        ended_at=started + timedelta(microseconds=draw(st.integers(0, 10**12))),
        height_cm=draw(st.none() | st.floats(10, 300)),
        age_years=draw(st.none() | st.integers(0, 150)),
        comment=draw(texts),
        latitude=draw(st.none() | st.floats(-90, 90)),
    )
    of = recording(walk(1, 10))
    record = exam_record(
        of, exam=exam, signal=signal, digest=draw(st.binary(min_size=32, max_size=32)), hcf_name=draw(texts)
    )
    assert bankheader.decode(bankheader.encode(record, CODEC)) == (record, CODEC)


def test_the_header_can_be_read_without_this_program(resting: Recording, tmp_path: Path) -> None:
    content = written(tmp_path, resting).read_bytes()
    header = json.loads(content[28 : 28 + int.from_bytes(content[12:16], "little")])
    assert header["exam"]["patient"]["family_name"] == "Ёлкина"
    assert header["signal"]["leads"][:4] == ["I", "II", "III", "aVR"]
    assert header["sha256"] == sha256(resting.samples.tobytes()).hexdigest()
    assert "Ёлкина".encode() in content


def test_a_recording_of_another_format_is_not_written(resting: Recording) -> None:
    other = recording(walk(12, 999))
    with pytest.raises(ValueError, match="another format"):
        bankfile.encode_exam(exam_record(resting), other)


# ---------------------------------------------------------------- parts


@settings(deadline=None)
@given(st.data())
def test_a_part_is_that_part(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    of = marked(recording(with_limb_leads(walk(8, 1000))))
    path = tmp_path_factory.getbasetemp() / "part.ecg"
    if not path.exists():
        path.write_bytes(bankfile.encode_exam(exam_record(of), of))
    start = data.draw(st.integers(0, 999))
    count = data.draw(st.integers(0, 1000 - start))
    leads = data.draw(st.lists(st.sampled_from(TWELVE_LEADS), unique=True))
    part = bankfile.read_signal(path, start, count, leads)
    assert part.format == of.format.part(start, count, leads)
    rows = [TWELVE_LEADS.index(lead) for lead in leads or TWELVE_LEADS]
    assert np.array_equal(part.samples, of.samples[rows, start : start + count if count else 1000])


def test_marks_move_with_the_part(resting: Recording, tmp_path: Path) -> None:
    part = bankfile.read_signal(written(tmp_path, resting), 90, 70, [Lead.V6, Lead.II]).format
    assert part.leads == (Lead.V6, Lead.II)
    assert part.resolution == (1 + 11 / 8, 1 + 1 / 8)
    assert part.lead_off == (LeadOff(Lead.II, 10, 70),)
    assert part.pacemaker_spikes == (9, 60)


@pytest.mark.parametrize(
    ("start", "count", "leads", "field"),
    [
        (1000, 0, (), "signal.start"),
        (-1, 0, (), "signal.start"),
        (0, 1001, (), "signal.count"),
        (0, -5, (), "signal.count"),
        (0, 0, (Lead.X,), "signal.leads"),
        (0, 0, (Lead.I, Lead.I), "signal.leads"),
    ],
)
def test_a_part_outside_the_recording_is_refused(
    resting: Recording, tmp_path: Path, start: int, count: int, leads: tuple[Lead, ...], field: str
) -> None:
    path = written(tmp_path, resting)
    with pytest.raises(InvalidField) as refused:
        bankfile.read_signal(path, start, count, leads)
    assert refused.value.field == field


def test_a_part_of_a_long_recording_decodes_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, recording(with_limb_leads(walk(8, 100_000))))
    decode, decoded = segment.decode, []

    def counting(data: bytes, *rest: Any) -> Any:
        decoded.append(len(data))
        return decode(data, *rest)

    monkeypatch.setattr(segment, "decode", counting)
    bankfile.read_signal(path, 70_000, 5000, [Lead.V3])
    assert len(decoded) == 1
    assert decoded[0] < path.stat().st_size / 5


# ---------------------------------------------------------------- damage


def is_damaged(path: Path) -> bool:
    try:
        bankfile.check(path)
    except DamagedExam:
        return True
    return False


@pytest.mark.parametrize(
    ("samples", "bits"), [(walk(2, 60), range(8)), (resampled(3, 500), [6])], ids=["lifting", "phrases"]
)
def test_every_flipped_bit_is_found(tmp_path: Path, samples: np.ndarray[Any, Any], bits: list[int]) -> None:
    path = written(tmp_path, recording(samples))
    content = path.read_bytes()
    with path.open("r+b", buffering=0) as file:
        for at, byte in enumerate(content):
            for bit in bits:
                os.pwrite(file.fileno(), bytes([byte ^ 1 << bit]), at)
                assert is_damaged(path), f"bit {bit} of byte {at}"
            os.pwrite(file.fileno(), bytes([byte]), at)
    assert not is_damaged(path)


def test_random_damage_to_a_large_file_is_found(tmp_path: Path) -> None:
    path = written(tmp_path, recording(with_limb_leads(walk(8, 100_000))))
    whole = path.read_bytes()
    random = np.random.default_rng(3)
    for _ in range(60):
        content = bytearray(whole)
        for at in random.integers(0, len(content), random.integers(1, 4)):
            content[at] ^= 1 << random.integers(8)
        if content == whole:
            continue
        path.write_bytes(content)
        with pytest.raises(DamagedExam):
            bankfile.check(path)


def test_cut_and_lengthened_files_are_found(resting: Recording, tmp_path: Path) -> None:
    path = written(tmp_path, resting)
    content = path.read_bytes()
    for changed in [content[:n] for n in (*range(60), 1000, len(content) - 1)] + [content + b"\0"]:
        path.write_bytes(changed)
        for operation in (bankfile.check, bankfile.read_header, bankfile.read_signal):
            with pytest.raises(DamagedExam) as damaged:
                operation(path)
            assert str(path) in damaged.value.note


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff\xe0", b"CARDIO\x1a\r\n" + bytes(100), bytes(5000)])
def test_other_files_are_no_exams(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(DamagedExam, match="not an exam file"):
        bankfile.read_header(path)


def test_a_missing_file_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        bankfile.check(tmp_path / "none.ecg")


def test_a_damaged_segment_does_not_spoil_the_others(tmp_path: Path) -> None:
    of = recording(with_limb_leads(walk(8, 100_000)))
    path = written(tmp_path, of)
    content = bytearray(path.read_bytes())
    content[-200] ^= 1  # in the last segment
    path.write_bytes(content)
    assert np.array_equal(bankfile.read_signal(path, 0, 5000).samples, of.samples[:, :5000])
    with pytest.raises(DamagedExam, match="segment at sample"):
        bankfile.read_signal(path)


def rebuilt(content: bytes, header: bytes) -> bytes:
    """The file with another header and right checksums, as a newer or hostile writer would make it."""
    magic, version, size, samples = struct.unpack_from("<8sIIQ", content)
    head = struct.pack("<8sIIQ", magic, version, len(header), samples)
    whole = head + struct.pack("<I", zlib.crc32(head)) + header + struct.pack("<I", zlib.crc32(header))
    whole += content[28 + size + 4 : -32]
    return whole + sha256(whole).digest()


@pytest.mark.parametrize(
    ("path_to", "value"),
    [
        (["exam_id"], "1"),
        (["exam_id"], True),
        (["exam"], []),
        (["exam", "patient", "sex"], "FEMALES"),
        (["exam", "patient", "number"], 17),
        (["exam", "patient", "number"], "x" * 1000),
        (["exam", "patient", "birthday"], "2026-13-01"),
        (["exam", "started_at"], "2026-11-20T12:30:15"),
        (["exam", "ended_at"], "yesterday"),
        (["exam", "uuid"], "secret"),
        (["exam", "height_cm"], float("nan")),
        (["signal", "leads"], ["I", "secret"]),
        (["signal", "resolution_uv"], [1, None]),
        (["signal", "bits"], 24),
        (["signal", "lead_off"], [["I", 5]]),
        (["signal", "sample_count"], 999),
        (["signal", "sample_count"], 10**30),
        (["codec"], "lifting-99"),
        (["sha256"], "zz"),
        (["sha256"], "00" * 32),
    ],
)
def test_headers_that_cannot_be_are_damage_that_names_no_value(
    resting: Recording, tmp_path: Path, path_to: list[str], value: Any
) -> None:
    path = written(tmp_path, resting)
    content = path.read_bytes()
    header = json.loads(content[28 : 28 + int.from_bytes(content[12:16], "little")])
    inner = header
    for name in path_to[:-1]:
        inner = inner[name]
    inner[path_to[-1]] = value
    path.write_bytes(rebuilt(content, json.dumps(header).encode()))
    with pytest.raises(DamagedExam) as damaged:
        bankfile.check(path)
    assert "secret" not in str(damaged.value)
    assert "Ёлкина" not in str(damaged.value)


@pytest.mark.parametrize(
    "header", [b"", b"{", b"[]", b"\xff", b"[" * 200_000, b'{"exam_id": ' + b"9" * 9999 + b"}"]
)
def test_headers_that_are_no_json_are_damage(resting: Recording, tmp_path: Path, header: bytes) -> None:
    path = written(tmp_path, resting)
    path.write_bytes(rebuilt(path.read_bytes(), header))
    with pytest.raises(DamagedExam):
        bankfile.read_header(path)


def test_unknown_members_of_the_header_are_ignored(resting: Recording, tmp_path: Path) -> None:
    path = written(tmp_path, resting)
    content = path.read_bytes()
    header = json.loads(content[28 : 28 + int.from_bytes(content[12:16], "little")])
    header["electrodes"] = "gel"
    header["exam"]["patient"]["blood_type"] = "0+"
    path.write_bytes(rebuilt(content, json.dumps(header).encode()))
    assert bankfile.check(path) == exam_record(resting)


def test_a_file_of_a_later_format_says_so(resting: Recording, tmp_path: Path) -> None:
    path = written(tmp_path, resting)
    content = bytearray(path.read_bytes())
    content[8] = 2
    content[24:28] = zlib.crc32(content[:24]).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(DamagedExam, match="format 2"):
        bankfile.read_header(path)


# ---------------------------------------------------------------- the document


def test_the_example_in_the_document_is_such_a_file(tmp_path: Path) -> None:
    """``docs/cardiobank.md`` shows a whole file in hex; it is what this code writes and reads."""
    shown = re.search(r"```hex\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    assert shown
    content = bytes.fromhex(
        "".join(re.findall(r"^[0-9a-f]{4}: ((?:[0-9a-f]{2} ?)+)", shown[1], re.MULTILINE))
    )
    path = tmp_path / "example.ecg"
    path.write_bytes(content)
    record = bankfile.check(path)
    found = bankfile.read_signal(path)
    assert found.samples.tolist() == [[0, 1, 4, 9, 12, 11, 6, 2, 0, 0], [3, 3, 5, 8, 9, 7, 4, 3, 3, 3]]
    assert bankfile.encode_exam(record, found) == content
