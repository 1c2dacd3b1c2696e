"""`cardioserver demo`: everything once, with a real ECG, in a few seconds."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from cardioserver.cli.background import Background, Running
from cardioserver.cli.exits import Failure
from cardioserver.cli.installation import home, program
from cardioserver.cli.output import language, say
from cardioserver.language import Phrase

if TYPE_CHECKING:
    from cardioserver.archive.accounts import Accounts
    from cardioserver.cli.subject import Subject
    from cardioserver.ecg.exam import Exam
    from cardioserver.ecg.recording import Recording
    from cardioserver.protocol.messages import ExamStored, Role

HOST = "127.0.0.1"
KEPT_PORT = 48004
REPORT_SECONDS = 120.0
"""Time for the first interpretation, which starts a worker."""

SAMPLE = "waveform_ecg.dcm"
"""A 12-lead resting ECG that ships inside the pydicom package."""


@dataclass(frozen=True, slots=True)
class Login:
    """An account of the demonstration."""

    login: str
    password: str


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One ECG there and back."""

    stored: ExamStored
    sent: str  # SHA-256 of the samples
    came_back: Subject
    store_seconds: float


def demo(
    directory: Annotated[
        Path | None,
        typer.Option(
            "--dir",
            metavar="DIR",
            help="Where to put the data. Without it: a folder that is removed, or demo with --keep.",
        ),
    ] = None,
    keep: Annotated[
        bool,
        typer.Option("--keep", help=f"Leave the server running on port {KEPT_PORT} and print the login."),
    ] = False,
) -> None:
    """Start a server, store a real ECG in it, read it back and compare, have it interpreted and printed."""
    temporary = directory is None and not keep
    if directory is not None:
        place = directory
    else:
        place = home() / "demo" if keep else Path(tempfile.mkdtemp(prefix="cardioserver-demo-"))
    background = Background(place / "storage", place / "logs")
    try:
        _demonstrate(background, keep, home() / "demo" if temporary else place)
    finally:
        if temporary:
            shutil.rmtree(place, ignore_errors=True)


def _demonstrate(background: Background, keep: bool, pages: Path) -> None:
    import asyncio

    left_running = False
    with ThreadPoolExecutor(1) as beside:  # both take a second, mostly to load what they need
        starting = beside.submit(background.start, ["--host", HOST, "--port", str(KEPT_PORT if keep else 0)])
        try:
            recorder, doctor = _add_accounts(background.data)
            exam, recording = _real_ecg()
        except BaseException:
            if starting.exception() is None:
                background.stop()
            raise
    running = starting.result()
    try:
        say(
            Phrase(
                f"Server started: {HOST}:{running.port}, data in {background.data}",
                f"Сервер запущен: {HOST}:{running.port}, данные в {background.data}",
            )
        )
        signal = recording.format
        size = f"{len(signal.leads)} × {signal.sample_count / signal.rate:g}"
        say(
            Phrase(
                f"Recorder {recorder.login} uploads a real ECG: {size} s at {signal.rate:g} Hz, "
                f"{signal.byte_count // 1024} KiB",
                f"Регистратор {recorder.login} передаёт настоящую ЭКГ: {size} с, {signal.rate:g} Гц, "
                f"{signal.byte_count // 1024} КиБ",
            )
        )
        trip = asyncio.run(_there_and_back(running, recorder, doctor, exam, recording))
        _judge(trip, doctor)
        _print(trip.came_back, pages)
        left_running = keep
    finally:
        if not left_running:
            background.stop()
    if keep:
        _explain_kept(background, running, recorder, doctor)
    else:
        say(Phrase("Server stopped.", "Сервер остановлен."))


def _add_accounts(data: Path) -> tuple[Login, Login]:
    """An HCF with an archive, a recorder and a doctor, with new passwords."""
    from cardioserver.app import open_store
    from cardioserver.archive.accounts import Accounts
    from cardioserver.archive.database import migrate
    from cardioserver.archive.directory import add_archive, add_hcf
    from cardioserver.protocol.messages import Role
    from cardioserver.settings import load

    store = open_store(load(data=data))
    try:
        migrate(store.database)
        accounts = Accounts(store.database, store.ids)
        suffix = secrets.token_hex(3)  # the directory may be of an earlier demonstration
        with store.database.write() as connection:
            hcf = add_hcf(connection, store.ids, f"Demo clinic {suffix}")
            add_archive(connection, store.ids, hcf.hcf_id, "ECG")
        return (
            _add_account(accounts, f"recorder-{suffix}", Role.RECORDER, hcf.hcf_id),
            _add_account(accounts, f"doctor-{suffix}", Role.DOCTOR, hcf.hcf_id),
        )
    finally:
        store.close()


def _add_account(accounts: Accounts, login: str, role: Role, hcf_id: int) -> Login:
    from cardioserver.archive.accounts import NewAccount

    secret = secrets.token_urlsafe(12)
    accounts.add(NewAccount(login, role, hcf_id, login), secret)
    return Login(login, secret)


def _real_ecg() -> tuple[Exam, Recording]:
    from pydicom.data import get_testdata_file

    from cardioserver.ecg.formats.reader import read

    path = get_testdata_file(SAMPLE, download=False)
    if path is None:
        raise Failure(
            Phrase(
                f"pydicom does not contain {SAMPLE}; reinstall the pinned dependencies.",
                f"В pydicom нет файла {SAMPLE}; переустановите зависимости.",
            )
        )
    foreign = read(Path(str(path)))
    # Recorded now, as far as the archive is concerned: each demonstration is a new exam.
    return foreign.exam(uuid4(), started_at=datetime.now(UTC).astimezone()), foreign.recording


async def _there_and_back(
    running: Running, recorder: Login, doctor: Login, exam: Exam, recording: Recording
) -> RoundTrip:
    import asyncio

    from cardioserver.cli.subject import subject_of
    from cardioserver.client import Client
    from cardioserver.protocol.messages import EventKind

    async with (
        Client(HOST, running.port, login=recorder.login, password=recorder.password) as ward,
        Client(HOST, running.port, login=doctor.login, password=doctor.password) as office,
        office.events(EventKind.AUTO_REPORT) as events,
    ):
        begun = time.monotonic()
        stored = await ward.upload(exam, recording)
        seconds = time.monotonic() - begun
        try:
            async with asyncio.timeout(REPORT_SECONDS):
                await anext(events)
        except TimeoutError:
            raise Failure(
                Phrase(
                    f"The machine did not interpret it within {REPORT_SECONDS:g} s.",
                    f"Машина не интерпретировала её за {REPORT_SECONDS:g} с.",
                )
            ) from None
        came_back = await subject_of(office, stored.exam_id)
    return RoundTrip(stored, _sha256(recording), came_back, seconds)


def _sha256(recording: Recording) -> str:
    import hashlib

    return hashlib.sha256(recording.samples.tobytes()).hexdigest()


def _judge(trip: RoundTrip, doctor: Login) -> None:
    say(
        Phrase(
            f"Stored durably as exam {trip.stored.exam_id} in {trip.store_seconds * 1000:.0f} ms",
            f"Надёжно сохранена за {trip.store_seconds * 1000:.0f} мс, обследование {trip.stored.exam_id}",
        )
    )
    say(
        Phrase(
            f"Doctor {doctor.login} reads it back over the network",
            f"Врач {doctor.login} читает её по сети",
        )
    )
    came_back = _sha256(trip.came_back.recording)
    if trip.sent != came_back:
        raise Failure(
            Phrase(
                f"The samples differ: SHA-256 sent {trip.sent}, read {came_back}",
                f"Отсчёты различаются: SHA-256 передано {trip.sent}, прочитано {came_back}",
            )
        )
    say(
        Phrase(
            f"Bit-identical: SHA-256 of the samples {trip.sent} both ways",
            f"Совпадает до бита: SHA-256 отсчётов {trip.sent} в обе стороны",
        )
    )


def _print(subject: Subject, folder: Path) -> None:
    """Show what the server makes of the ECG, and write its page as PDF and PNG."""
    from cardioserver.cli.report import content_of
    from cardioserver.reports import ImageFormat, Options, render_image, render_pdf

    if subject.document is not None:
        say(Phrase("The machine's reading, in both languages:", "Машинная интерпретация на двух языках:"))
        for text in (subject.document.text.ru, subject.document.text.en):
            print(f"\n{text}")
        print()
    content, options = content_of(subject), Options(datetime.now(UTC).astimezone(), language())
    folder.mkdir(parents=True, exist_ok=True)
    pdf, png = folder / "ecg.pdf", folder / "ecg.png"
    pdf.write_bytes(render_pdf(content, options))
    png.write_bytes(render_image(content, options, ImageFormat.PNG))
    say(Phrase(f"The page: {pdf} and {png}", f"Страница: {pdf} и {png}"))


def _explain_kept(background: Background, running: Running, recorder: Login, doctor: Login) -> None:
    stop = f"{program()} stop --data {background.data}"
    say(
        Phrase(
            f"The server goes on: {HOST}:{running.port}\n"
            f"  recorder: {recorder.login}  password: {recorder.password}\n"
            f"  doctor:   {doctor.login}  password: {doctor.password}\n"
            f"Stop it with: {stop}",
            f"Сервер продолжает работать: {HOST}:{running.port}\n"
            f"  регистратор: {recorder.login}  пароль: {recorder.password}\n"
            f"  врач:        {doctor.login}  пароль: {doctor.password}\n"
            f"Остановить: {stop}",
        )
    )
