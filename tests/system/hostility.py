"""Mutated frames in large numbers."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from uuid import UUID

import google_crc32c

from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.exam import Exam
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.patient import Patient, Sex
from cardioserver.ecg.recording import SignalFormat
from cardioserver.protocol import messages as m
from cardioserver.protocol.errors import MalformedMessage
from cardioserver.protocol.frames import MAGIC, VERSION
from cardioserver.protocol.layout import parse, serialise

HEADER = struct.Struct("<4sBBHIII")
_CRC = struct.Struct("<I")
_TYPES = {request: number for number, (request, _) in m.REQUESTS.items()}
_INTERESTING = (0, 1, 0x7F, 0x80, 0xFF)

_EXAM = Exam(
    UUID(int=77),
    Patient("N-1", Sex.FEMALE, date(1960, 2, 29), "Иванова", "Мария", "Петровна", snils="112-233-445 95"),
    datetime(2026, 5, 1, 8, 30, tzinfo=UTC),
    datetime(2026, 5, 1, 8, 30, 10, tzinfo=UTC),
    height_cm=170.0,
    weight_kg=66.5,
    comment="Жалоб нет",
    device_number="D-1",
)
_SIGNAL = SignalFormat(500.0, (Lead.I, Lead.II), (1.0, 1.0), 16, 50)

SPECIMENS: tuple[object, ...] = (
    m.Upload(_EXAM, _SIGNAL, b"\1" * 32, bytes(200)),
    m.UploadBegin(_EXAM, _SIGNAL, b"\1" * 32),
    m.UploadChunk(UUID(int=77), 0, bytes(100)),
    m.UploadCommit(UUID(int=78)),
    m.FindPatients(family_name="Иван", birthday=date(1960, 2, 29)),
    m.FindExams(started_from=datetime(2026, 1, 1, tzinfo=UTC), has_conclusion=True, exam_uuid=UUID(int=5)),
    m.GetExam(exam_uuid=UUID(int=77)),
    m.GetSignal(1, 0, 100, (Lead.I, Lead.V6)),
    m.RequestInterpretation(1),
    m.SaveConclusion(1, UUID(int=9), "Норма"),
    m.SendExam(1, 2, "Посмотрите"),
    m.Subscribe(m.EventKind.EXAM_STORED),
    m.CreateOrder(_EXAM.patient, scheduled_at=datetime(2026, 5, 1, tzinfo=UTC)),
    m.FindOrders(status=m.OrderStatus.NEW, scheduled_before=datetime(2027, 1, 1, tzinfo=UTC)),
    m.TakeOrder(4),
    m.ChangePassword("old", "new"),
    m.Login("recorder", "guess"),
    m.Hello(1, 1, m.Capability.ALL, "again"),
)


def payload_of(message: object) -> bytes:
    """The bytes of a message."""
    return b"".join(bytes(buffer) for buffer in serialise(message))


def framed(number: int, request_id: int, payload: bytes, payload_crc: int | None = None) -> bytes:
    """A request's frame with checksums that are right."""
    crc = google_crc32c.value(payload) if payload_crc is None else payload_crc
    checked = HEADER.pack(MAGIC, VERSION, 0, number, request_id, len(payload), crc)
    return checked + _CRC.pack(google_crc32c.value(checked)) + payload


class Mutants:
    """Payloads that were once messages, with right checksums around them: they reach the parser.

    Parameters
    ----------
    count
        How many different ones.
    """

    def __init__(self, chooser: random.Random, count: int) -> None:
        self._chooser = chooser
        self._payloads: list[tuple[int, bytes, int]] = []
        while len(self._payloads) < count:
            specimen = chooser.choice(SPECIMENS)
            payload = self._mutated(payload_of(specimen))
            if not _is_message(type(specimen), payload):
                number = _TYPES[type(specimen)]
                self._payloads.append((number, payload, google_crc32c.value(payload)))

    def frames(self, count: int, first_id: int) -> bytes:
        """*count* of them as one run of bytes, with ascending request ids from *first_id*."""
        chosen = self._chooser.choices(self._payloads, k=count)
        return b"".join(
            framed(number, first_id + index, payload, crc)
            for index, (number, payload, crc) in enumerate(chosen)
        )

    def _mutated(self, payload: bytes) -> bytes:
        chooser, data = self._chooser, bytearray(payload)
        for _ in range(chooser.randint(1, 6)):
            place = chooser.randrange(len(data) + 1)
            match chooser.randrange(5):
                case 0 if data:
                    data[place % len(data)] ^= 1 << chooser.randrange(8)
                case 1 if data:
                    data[place % len(data)] = chooser.choice(_INTERESTING)
                case 2:
                    data[place:place] = chooser.randbytes(chooser.randint(1, 8))
                case 3:
                    del data[place : place + chooser.randint(1, 8)]
                case _:
                    del data[place:]
        return bytes(data)


def _is_message(kind: type, payload: bytes) -> bool:
    """Whether the parser would take it: such a request is answered by the archive, slowly."""
    try:
        parse(kind, memoryview(payload))
    except (MalformedMessage, InvalidField):
        return False
    return True


def broken_streams(chooser: random.Random, frames: Sequence[bytes]) -> Iterator[bytes]:
    """Runs of good frames in which some byte is wrong: each ends its connection."""
    while True:
        data = bytearray(b"".join(chooser.choices(frames, k=chooser.randint(1, 20))))
        for _ in range(chooser.randint(1, 3)):
            data[chooser.randrange(len(data))] ^= 1 << chooser.randrange(8)
        yield bytes(data)
