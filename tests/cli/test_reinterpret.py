"""`cardioserver exam reinterpret` and what `exam show` says of the machine's reading, with a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from cardioserver.cli import reinterpret
from cardioserver.cli.exits import ExitCode
from cardioserver.client import Client
from cardioserver.ecg.lead import TWELVE_LEADS
from cardioserver.protocol.messages import EventKind, ExamStored
from tests.archive import examples
from tests.cli.conftest import Command
from tests.interpretation.signals import made
from tests.processes import PASSWORD, ServerProcess

STARTED = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
HOURS = 3


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A running server that interprets."""
    groups = {"service_interpretation": {"mode": "embedded", "workers": 1}}
    process = ServerProcess(tmp_path_factory.mktemp("server"), groups)
    process.furnish()
    process.start()
    yield process
    process.kill()


@pytest.fixture(scope="module")
def stored(server: ServerProcess) -> list[ExamStored]:
    """Exams at 9:30, 10:30 and 11:30, each with a report."""

    async def prepare() -> list[ExamStored]:
        async with (
            Client("127.0.0.1", server.port, login="recorder", password=PASSWORD) as recorder,
            Client("127.0.0.1", server.port, login="doctor", password=PASSWORD) as doctor,
            doctor.events(EventKind.AUTO_REPORT) as events,
        ):
            starts = [STARTED + timedelta(hours=hour) for hour in range(HOURS)]
            exams = [examples.exam(started_at=at, ended_at=at + timedelta(seconds=10)) for at in starts]
            done = [await recorder.upload(exam, made(TWELVE_LEADS)) for exam in exams]
            async with asyncio.timeout(120):
                for _ in done:
                    await anext(events)
        return done

    return asyncio.run(prepare())


def version(wire: Command, exam: ExamStored) -> int:
    shown = wire("doctor", "exam", "show", exam.exam_id, "--json").json()
    return int(shown["auto_report"]["version"])


def test_exams_by_number_and_by_uuid(wire: Command, stored: list[ExamStored]) -> None:
    before = [version(wire, exam) for exam in stored]
    done = wire("doctor", "exam", "reinterpret", stored[0].exam_id, stored[2].exam_uuid, "--json").json()
    assert {(result["exam"], result["version"]) for result in done} == {
        (str(stored[0].exam_id), before[0] + 1),
        (str(stored[2].exam_id), before[2] + 1),
    }
    assert [version(wire, exam) for exam in stored] == [before[0] + 1, before[1], before[2] + 1]


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_whole_archive_goes_by_few_at_a_time(
    wire: Command, stored: list[ExamStored], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reinterpret, "AT_ONCE", at_once)
    before = [version(wire, exam) for exam in stored]
    done = wire("doctor", "exam", "reinterpret", "--all", "--since", "2026-11-20T10:00:00+00:00")
    assert done.status == ExitCode.DONE
    assert len(done.out.splitlines()) == 2
    assert [version(wire, exam) for exam in stored] == [before[0], before[1] + 1, before[2] + 1]


def test_what_is_not_there_stops_nothing(wire: Command, stored: list[ExamStored]) -> None:
    done = wire("doctor", "exam", "reinterpret", stored[0].exam_id + 1, stored[0].exam_id)
    assert done.status == ExitCode.FAILED
    assert str(stored[0].exam_id + 1) in done.err
    assert done.out.startswith(f"{stored[0].exam_id}: version ")


def test_what_takes_too_long_stays_asked_for(wire: Command, stored: list[ExamStored]) -> None:
    before = version(wire, stored[1])
    done = wire("doctor", "exam", "reinterpret", stored[1].exam_id, "--wait", "0")
    assert done.status == ExitCode.FAILED
    assert "stays asked for" in done.err
    wire("doctor", "exam", "reinterpret", stored[1].exam_id)
    assert version(wire, stored[1]) > before


@pytest.mark.parametrize("login", ["recorder", "viewer"])
def test_only_doctors_ask(wire: Command, stored: list[ExamStored], login: str) -> None:
    refused = wire(login, "exam", "reinterpret", stored[0].exam_id)
    assert refused.status == ExitCode.REFUSED


def test_it_asks_which(wire: Command) -> None:
    for arguments in ((), ("17", "--all")):
        refused = wire("doctor", "exam", "reinterpret", *arguments)
        assert refused.status == ExitCode.USAGE
        assert "--all" in refused.err


def test_an_exam_is_shown_with_the_machine_s_reading(wire: Command, stored: list[ExamStored]) -> None:
    exam = stored[0].exam_id
    shown = wire("doctor", "exam", "show", exam)
    assert "HR = 75 bpm" in shown.out
    assert "not confirmed by a doctor" in shown.out
    russian = wire("doctor", "--language", "ru", "exam", "show", exam)
    assert "ЧСС = 75 уд/мин" in russian.out
    assert "не подтверждена врачом" in russian.out
    report = wire("doctor", "exam", "show", exam, "--json").json()["auto_report"]
    assert report["document"]["measurements"]["rate"] == pytest.approx(75, abs=1)
    assert "75" in report["text_en"]


def test_a_conclusion_confirms_or_replaces_it(
    wire: Command, server: ServerProcess, stored: list[ExamStored]
) -> None:
    exam = stored[2].exam_id

    async def conclude() -> None:
        async with Client("127.0.0.1", server.port, login="doctor", password=PASSWORD) as doctor:
            await doctor.save_conclusion(exam, "Норма.")

    asyncio.run(conclude())
    shown = wire("doctor", "exam", "show", exam)
    assert "HR = 75 bpm" in shown.out
    assert "Норма." in shown.out
    assert "not confirmed" not in shown.out
