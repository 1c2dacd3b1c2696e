"""The folder exporter, from an upload to the files."""

from __future__ import annotations

import errno
import json
import os
import threading
import uuid
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cardioserver.archive import reports
from cardioserver.archive.access import Actor
from cardioserver.archive.archive import Archive
from cardioserver.archive.bank import Bank
from cardioserver.archive.database import Database
from cardioserver.archive.deliveries import Delivery, DeliveryFilter, DeliveryStatus, list_deliveries
from cardioserver.archive.directory import DirectorySnapshot
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.ingest import Ingest
from cardioserver.archive.journal import Journal
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.patient import Patient, Sex
from cardioserver.ecg.recording import Recording, SignalFormat
from cardioserver.integration import folder as folder_module
from cardioserver.integration.exporter import Exporter, Retryable
from cardioserver.integration.folder import FolderExporter
from cardioserver.integration.naming import FIELDS, NameTemplate
from cardioserver.integration.printer import Printer
from cardioserver.integration.source import ArchiveSource
from cardioserver.integration.worker import DeliveryWorker, Pace
from cardioserver.interpretation.document import encode
from cardioserver.interpretation.interpreter import interpret
from cardioserver.protocol import messages as m
from cardioserver.protocol.messages import EventKind, Role
from cardioserver.settings import ConfigError
from tests.archive import examples
from tests.archive.rows import World
from tests.reports.paperwork import text_of
from tests.servers import wait_until

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # pandas about wfdb's own code
    import wfdb

MOSCOW = timezone(timedelta(hours=3))
PATIENT = Patient(
    number="А-17/2",
    sex=Sex.FEMALE,
    birthday=date(1961, 4, 30),
    family_name="Ёлкина",
    personal_name="Анна",
    patronymic="Петровна",
    passport="4510 123456",
    insurance="77-1",
    snils="112-233-445 95",
    address="Москва",
    phone="+7 900 000-00-00",
)
STARTED = datetime(2026, 11, 20, 9, 30, 15, 250_000, MOSCOW)


@dataclass
class House:
    """An archive with an exporter."""

    database: Database
    world: World
    archive: Archive
    ingest: Ingest
    source: ArchiveSource
    recorder: Actor
    doctor: Actor
    drop: Path
    exporter: FolderExporter

    def upload(self, **fields: Any) -> m.ExamStored:
        fields = {
            "patient": PATIENT,
            "started_at": datetime(2026, 11, 20, 9, 30, 15, 250000, MOSCOW),
        } | fields
        patient = fields.pop("patient")
        exam = examples.exam(ended_at=fields["started_at"] + timedelta(seconds=10), **fields)
        upload = examples.upload(replace(exam, patient=patient), samples=400)
        return self.ingest.store(self.recorder, upload).result(30)

    def conclude(self, exam: m.ExamStored, text: str) -> None:
        self.archive.handle(self.doctor, m.SaveConclusion(exam.exam_id, uuid.uuid4(), text), "")

    def deliveries(self) -> list[Delivery]:
        with self.database.read() as connection:
            return [state.delivery for state in list_deliveries(connection, DeliveryFilter())]

    def deliver(self, *, exporter: Exporter | None = None) -> None:
        """Carry out everything that is owed, in order."""
        for delivery in self.deliveries():
            (exporter or self.exporter).deliver(delivery, self.source)

    def files(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.drop)): path.read_bytes()
            for path in self.drop.rglob("*")
            if path.is_file()
        }


Build = Callable[..., House]


@pytest.fixture(scope="module")
def printer() -> Iterator[Printer]:
    opened = Printer()
    yield opened
    opened.close()


@pytest.fixture
def build(sqlite_url: str, tmp_path: Path, printer: Printer) -> Iterator[Build]:
    """Makes an archive whose exporter has the options given."""
    houses: list[House] = []

    def make(**options: Any) -> House:
        from tests.archive.rows import migrated

        drop = tmp_path / "drop"
        drop.mkdir()
        exporter = FolderExporter("hospital", {"folder": str(drop)} | options)
        database = migrated(sqlite_url)
        ids, bank = IdGenerator(1), Bank(tmp_path / "bank")
        world = World(database)
        snapshot = DirectorySnapshot(tmp_path / "directory.json")
        snapshot.refresh(database)
        subscriptions = (exporter.terms.subscription,)
        journal = Journal(database, tmp_path / "audit.waiting")
        house = House(
            database,
            world,
            Archive(database, bank, ids, journal, subscriptions=subscriptions),
            Ingest(database, bank, snapshot, ids, subscriptions=subscriptions),
            ArchiveSource(database, bank, printer),
            Actor(world.recorder_a, "recorder", Role.RECORDER, world.hcf_a),
            Actor(world.account(world.hcf_a, Role.DOCTOR), "doctor", Role.DOCTOR, world.hcf_a),
            drop,
            exporter,
        )
        houses.append(house)
        return house

    yield make
    for house in houses:
        house.ingest.close()
        house.database.close()


# ---------------------------------------------------------------- the documents


def test_a_concluded_exam_becomes_a_folder_of_documents(build: Build) -> None:
    house = build()
    exam = house.upload(accession_number="ACC-1", device_number="D-5", comment="после нагрузки")
    house.deliver()
    assert house.files() == {}  # nothing is due before the conclusion
    house.conclude(exam, "Ритм синусовый, ЧСС 64.\nНорма.")
    house.deliver()
    name = f"2026-11-20_{exam.exam_uuid}"
    assert sorted(house.files()) == [
        f"{name}/conclusion.txt", f"{name}/ecg.dat", f"{name}/ecg.hea", f"{name}/exam.json",
    ]  # fmt: skip
    document = json.loads(house.files()[f"{name}/exam.json"])
    assert (document["format"], document["version"]) == ("cardioserver.exam", 1)
    assert document["event"]["kind"] == "conclusion"
    assert document["patient"] == {
        "id": house.source.exam(exam.exam_id).patient_id, "number": "А-17/2", "sex": "female",
        "birthday": "1961-04-30", "family_name": "Ёлкина", "personal_name": "Анна", "patronymic": "Петровна",
        "passport": "4510 123456", "insurance": "77-1", "snils": "112-233-445 95", "address": "Москва",
        "phone": "+7 900 000-00-00",
    }  # fmt: skip
    about = document["patient_exam"]
    assert (about["id"], about["uuid"]) == (exam.exam_id, str(exam.exam_uuid))
    assert (about["type"], about["method"]) == ("Стандартный", "EcgAtRest")
    assert about["start_time"] == "2026-11-20T09:30:15.250000+03:00"
    assert (about["accession_number"], about["device_number"]) == ("ACC-1", "D-5")
    assert (about["hcf_id"], about["hcf_name"], about["archive_name"]) == (house.world.hcf_a, "A", "main")
    assert about["comment"] == "после нагрузки"
    assert document["signal"]["leads"][:4] == ["I", "II", "III", "aVR"]
    assert document["signal"]["rate"] == 500
    (conclusion,) = document["conclusion"]
    assert (conclusion["text"], conclusion["hcf_name"]) == ("Ритм синусовый, ЧСС 64.\nНорма.", "A")
    assert document["auto_report"] is None
    text = house.files()[f"{name}/conclusion.txt"].decode()
    assert text.endswith("\n\nРитм синусовый, ЧСС 64.\nНорма.\n")


def test_the_wfdb_record_holds_the_samples_bit_for_bit(build: Build) -> None:
    house = build(when="stored")
    exam = house.upload()
    house.deliver()
    record = wfdb.rdrecord(str(house.drop / f"2026-11-20_{exam.exam_uuid}" / "ecg"), physical=False)
    recording = house.source.signal(exam.exam_id)
    assert np.array_equal(record.d_signal.T, recording.samples)
    assert record.sig_name == [lead.label for lead in recording.format.leads]
    assert (record.fs, record.fmt) == (500, ["16"] * 12)
    assert record.units == ["mV"] * 12
    assert np.allclose(1000 / np.array(record.adc_gain), recording.format.resolution)
    assert record.base_date == date(2026, 11, 20)
    assert str(record.base_time) == "09:30:15.250000"


@pytest.mark.parametrize("bits", [16, 32])
def test_extreme_samples_survive_in_wfdb(build: Build, bits: int, tmp_path: Path) -> None:
    from cardioserver.integration.documents import wfdb_record

    house = build(when="stored")
    details = house.source.exam(house.upload().exam_id)
    signal = SignalFormat(333.3, (Lead.I, Lead.V9R), (0.000_003, 2500.0), bits, 5)
    limit = 2 ** (bits - 1)
    samples = np.array([[limit - 1, 1 - limit, 0, -1, limit - 1], [7, 7, 7, 7, 7]], dtype=signal.dtype)
    for name, content in wfdb_record("x", details, Recording(signal, samples)).items():
        (tmp_path / name).write_bytes(content)
    record = wfdb.rdrecord(str(tmp_path / "x"), physical=False)
    assert np.array_equal(record.d_signal.T, samples)
    assert record.fs == 333.3
    assert np.allclose(1000 / np.array(record.adc_gain), signal.resolution)
    assert record.checksum == [int(row.astype(np.int64).sum().astype(np.int16)) for row in samples]


def test_the_auto_report_goes_along(build: Build) -> None:
    house = build(when="stored")
    exam = house.upload()
    house.database.transact(
        lambda connection: reports.add(
            connection,
            exam.exam_id,
            text_ru="Норма",
            text_en="Normal",
            document='{"version": 1}',
            subscriptions=(),
        )
    )
    house.deliver()
    (content,) = (text for name, text in house.files().items() if name.endswith("exam.json"))
    report = json.loads(content)["auto_report"]
    assert (report["version"], report["text_ru"], report["document"]) == (1, "Норма", {"version": 1})


# ---------------------------------------------------------------- pages


def interpreted(house: House, exam: m.ExamStored) -> None:
    """Give the exam an auto report, of which the exporter is told."""
    made = interpret(house.source.signal(exam.exam_id))
    house.database.transact(
        lambda connection: reports.add(
            connection,
            exam.exam_id,
            text_ru=made.text.ru,
            text_en=made.text.en,
            document=encode(made).decode(),
            subscriptions=(house.exporter.terms.subscription,),
        )
    )


def pdf_in(house: House) -> bytes:
    house.exporter.close()  # which removes the replaced ones, hidden until then
    (pdf,) = (content for file, content in house.files().items() if file.endswith("ecg.pdf"))
    return pdf


def test_the_page_goes_out_with_the_reading_and_again_with_the_conclusion(build: Build) -> None:
    house = build(when="report+conclusion", documents=["pdf", "png"], page={"language": "en", "dpi": 60})
    exam = house.upload(accession_number="ACC-1")
    house.deliver()
    assert house.files() == {}
    interpreted(house, exam)
    house.deliver()
    name = f"2026-11-20_{exam.exam_uuid}"
    assert sorted(house.files()) == [f"{name}/ecg.pdf", f"{name}/ecg.png"]
    first = text_of(pdf_in(house))
    for said in ("Ёлкина Анна Петровна", "ACC-1", "2026-11-20 09:30 +03:00", "NOT CONFIRMED BY A DOCTOR"):
        assert said in first
    assert house.files()[f"{name}/ecg.png"].startswith(b"\x89PNG")
    house.conclude(exam, "Ритм синусовый. Норма.")
    house.deliver()
    second = text_of(pdf_in(house))
    assert "Ритм синусовый. Норма." in second
    assert "NOT CONFIRMED" not in second


def test_a_page_tried_again_and_late_is_the_same_to_the_byte(build: Build) -> None:
    """It shows what was there when the event happened, and has its time, whatever has come since."""
    house = build(when="report+conclusion", documents=["pdf"])
    exam = house.upload()
    interpreted(house, exam)
    house.conclude(exam, "Первое заключение")
    reported, concluded = house.deliveries()
    pages = {}
    for delivery in (reported, concluded):
        house.exporter.deliver(delivery, house.source)
        pages[delivery.delivery_id] = pdf_in(house)
    assert pages[reported.delivery_id] != pages[concluded.delivery_id]
    interpreted(house, exam)
    house.conclude(exam, "Второе заключение")
    for delivery in (reported, concluded):
        house.exporter.deliver(replace(delivery, attempts=2), house.source)
        assert pdf_in(house) == pages[delivery.delivery_id]
    local = concluded.created_at.astimezone(MOSCOW)
    assert f"создано {local:%d.%m.%Y %H:%M}" in text_of(pdf_in(house))


def test_pages_of_the_files_layout_are_numbered_and_none_of_an_earlier_delivery_stays(build: Build) -> None:
    house = build(when="both", layout="files", name="{patient_exam.id}", documents=["jpeg"], page={"dpi": 60})
    exam = house.upload(comment="очень длинное примечание " * 100)
    house.deliver()
    stem = str(exam.exam_id)
    assert sorted(house.files()) == [f"{stem}-2.jpeg", f"{stem}.jpeg"]  # the ECG, and the texts in full
    (house.drop / f"{stem}-3.jpeg").write_bytes(b"of a delivery that had three pages")
    (house.drop / f"{stem}-notes.jpeg").write_bytes(b"somebody's own")
    house.conclude(exam, "Норма")
    house.deliver()
    assert sorted(house.files()) == [f"{stem}-2.jpeg", f"{stem}-notes.jpeg", f"{stem}.jpeg"]


@pytest.mark.parametrize(
    ("page", "path"),
    [
        ({"language": "de"}, "page.language"),
        ({"layout": "5x5"}, "page.layout"),
        ({"gain": 7}, "page.gain"),
        ({"filters": ["notch"]}, "page.filters[0]"),
        ({"dpi": 10_000}, "page.dpi"),
        ({"lang": "ru"}, "page.lang"),
        ("ru", "page"),
    ],
)
def test_a_page_that_cannot_be_is_refused_at_the_start(tmp_path: Path, page: object, path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        FolderExporter("x", {"folder": str(tmp_path), "documents": ["pdf"], "page": page})
    assert [problem.path for problem in caught.value.problems] == [path]
    assert "allowed" in caught.value.say("en") or "did you mean" in caught.value.say("en")


# ---------------------------------------------------------------- when and where


@pytest.mark.parametrize(
    ("when", "kinds"),
    [
        ("stored", EventKind.EXAM_STORED),
        ("conclusion", EventKind.CONCLUSION),
        ("both", EventKind.EXAM_STORED | EventKind.CONCLUSION),
        ("report", EventKind.AUTO_REPORT),
        ("report+conclusion", EventKind.AUTO_REPORT | EventKind.CONCLUSION),
    ],
)
def test_the_exporter_wants_what_it_is_told(tmp_path: Path, when: str, kinds: EventKind) -> None:
    exporter = FolderExporter(
        "x", {"folder": str(tmp_path), "when": when, "hcf_ids": [3], "threads": 2, "attempts": 7}
    )
    terms = exporter.terms
    assert (terms.name, terms.subscription.kinds, terms.subscription.hcf_ids) == ("x", kinds, {3})
    assert (terms.threads, terms.backoff.max_attempts) == (2, 7)


def test_a_later_conclusion_replaces_the_folder_as_a_whole(build: Build) -> None:
    house = build(when="both")
    exam = house.upload()
    house.deliver()
    assert not any(name.endswith("conclusion.txt") for name in house.files())
    house.conclude(exam, "Первое")
    house.conclude(exam, "Второе")
    house.deliver()
    house.exporter.close()  # which removes the replaced ones, hidden until then
    (folder,) = house.drop.iterdir()
    text = (folder / "conclusion.txt").read_text()
    assert text.index("Первое") < text.index("Второе")
    assert len(json.loads((folder / "exam.json").read_text())["conclusion"]) == 2


def test_files_layout_names_each_file_after_the_exam(build: Build) -> None:
    house = build(
        when="stored", layout="files", name="{patient_exam.start_date}/{patient.number}_{patient_exam.id}"
    )
    exam = house.upload()
    house.deliver()
    stem = f"2026-11-20/_-17_2_{exam.exam_id}"
    assert sorted(house.files()) == [f"{stem}.dat", f"{stem}.hea", f"{stem}.json"]
    assert wfdb.rdrecord(str(house.drop / stem), physical=False).sig_len == 400


def test_only_the_documents_asked_for_are_written(build: Build) -> None:
    house = build(documents=["text"])
    house.conclude(house.upload(), "Норма")
    house.deliver()
    (name,) = house.files()
    assert name.endswith("/conclusion.txt")


@pytest.mark.parametrize(
    ("mode", "file_mode", "folder_mode"),
    [("0640", 0o640, 0o750), ("0600", 0o600, 0o700), ("0664", 0o664, 0o775)],
)
def test_permissions_are_those_asked_for_whatever_the_umask(
    build: Build, mode: str, file_mode: int, folder_mode: int
) -> None:
    house = build(when="stored", mode=mode)
    before = os.umask(0o077)
    try:
        house.upload()
        house.deliver()
    finally:
        os.umask(before)
    (folder,) = house.drop.iterdir()
    assert folder.stat().st_mode & 0o777 == folder_mode
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {file_mode}


# ---------------------------------------------------------------- whole or not at all


@pytest.mark.parametrize("layout", ["folder", "files"])
def test_the_same_delivery_again_gives_the_same_files(build: Build, layout: str) -> None:
    house = build(when="both", layout=layout)
    house.conclude(house.upload(), "Норма")
    (last,) = house.deliveries()[-1:]
    house.exporter.deliver(last, house.source)
    once = house.files()
    inodes = {path.stat().st_ino for path in house.drop.rglob("*") if path.is_file()}
    house.exporter.deliver(replace(last, attempts=2), house.source)
    assert house.files() == once
    if layout == "folder":  # not even replaced: a scanner that has taken them sees nothing new
        assert {path.stat().st_ino for path in house.drop.rglob("*") if path.is_file()} == inodes


@pytest.mark.parametrize("layout", ["folder", "files"])
def test_a_watcher_never_sees_half_an_exam(build: Build, layout: str) -> None:
    house = build(when="both", layout=layout)
    exams = [house.upload() for _ in range(6)]
    for exam in exams:
        house.conclude(exam, "Норма" * 1000)
    finished = threading.Event()
    seen: set[str] = set()
    problems: list[str] = []

    def watch() -> None:
        while not finished.is_set():
            for path in sorted(house.drop.iterdir()):
                if path.name.startswith("."):
                    continue
                try:
                    if layout == "folder":
                        names = {inside.name for inside in path.iterdir()}
                        complete = {"ecg.hea", "ecg.dat", "exam.json"} <= names
                        json.loads((path / "exam.json").read_bytes())
                    elif path.suffix == ".json":
                        json.loads(path.read_bytes())
                        complete = all(path.with_suffix(s).exists() for s in (".hea", ".dat"))
                    else:
                        continue
                except FileNotFoundError:
                    continue  # replaced by a later delivery between two looks
                except ValueError:
                    complete = False
                seen.add(path.name)
                if not complete:
                    problems.append(path.name)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(3):
        house.deliver()
    finished.set()
    watcher.join(30)
    assert seen
    assert problems == []


@pytest.mark.parametrize("fatal", ["write", "sync", "rename"])
def test_what_fails_half_way_leaves_nothing_and_succeeds_later(
    build: Build, monkeypatch: pytest.MonkeyPatch, fatal: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/drop/А-17")

    house = build(when="stored")
    house.upload()
    with monkeypatch.context() as patch:
        if fatal == "write":
            patch.setattr(folder_module, "write", fail)
        elif fatal == "sync":
            patch.setattr(folder_module, "sync", fail)
        else:
            patch.setattr(Path, "rename", fail)
        with pytest.raises(Retryable) as caught:
            house.deliver()
    assert "No space left on device" in str(caught.value)
    assert "А-17" not in str(caught.value)
    assert [path for path in house.drop.rglob("*") if path.name.startswith(".")] == []
    house.deliver()
    assert len(house.files()) == 3


def test_the_old_documents_stay_if_the_new_ones_cannot_take_their_place(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = build(when="both")
    exam = house.upload()
    house.deliver()
    before = house.files()
    house.conclude(exam, "Норма")
    rename = Path.rename

    def fail_second(self: Path, target: Path) -> Path:
        if self.name.startswith(".cardioserver-") and not self.name.endswith("-replaced"):
            raise OSError(errno.EIO, "I/O error")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail_second)
        with pytest.raises(Retryable):
            house.exporter.deliver(house.deliveries()[-1], house.source)
    assert house.files() == before


def test_a_folder_that_is_away_is_waited_for(build: Build) -> None:
    house = build(when="stored")
    house.upload()
    house.drop.rmdir()
    with pytest.raises(Retryable) as caught:
        house.deliver()
    assert str(house.drop) in str(caught.value)
    house.drop.mkdir()
    house.deliver()
    assert len(house.files()) == 3


def test_leftovers_of_a_killed_server_are_removed(tmp_path: Path) -> None:
    old, fresh, foreign = (tmp_path / name for name in (".cardioserver-1-a", ".cardioserver-2-b", ".other"))
    for path in (old, fresh, foreign):
        path.mkdir()
        (path / "ecg.dat").write_bytes(b"x")
    os.utime(old, (0, 0))
    os.utime(foreign, (0, 0))
    FolderExporter("x", {"folder": str(tmp_path)})
    assert sorted(path.name for path in tmp_path.iterdir()) == [fresh.name, foreign.name]


# ---------------------------------------------------------------- names


EVIL = [
    "../../../etc/passwd", "/etc/passwd", "..", ".", "", "a/b", "a\\b", "con", "NUL", "a" * 100, "\u202e",
    "%2e%2e", "x;rm -rf", "~root", "-rf", "А-17",
]  # fmt: skip


@pytest.mark.parametrize("number", EVIL)
@pytest.mark.parametrize("layout", ["folder", "files"])
def test_no_patient_number_leads_out_of_the_folder(build: Build, number: str, layout: str) -> None:
    house = build(
        when="stored", layout=layout, documents=["json"],
        name="{patient.number}/{patient.number}_{patient_exam.id}",
    )  # fmt: skip
    exam = house.upload(patient=Patient(number), device_number=number[:60])
    house.deliver()
    (name,) = house.files()
    parts = Path(name).parts
    assert len(parts) == (3 if layout == "folder" else 2)
    for part in parts[:2]:
        assert part.isascii()
        assert len(part) <= 210
        assert part.upper() not in {"CON", "NUL", ".", ".."}
        assert not part.startswith(".")
    assert str(exam.exam_id) in name
    assert sorted(path.name for path in house.drop.parent.iterdir() if path.name == "etc") == []


@pytest.mark.parametrize(
    "template",
    [
        "",
        "{patient.number}",
        "{patient_exam.start_time}",
        "{patient_exam.id}/",
        "/{patient_exam.id}",
        "../{patient_exam.id}",
        "a//{patient_exam.id}",
        "{patient_exam.id}/..",
        "{patient_exam.uuid}.d",
        "{patient.family_name}_{patient_exam.id}",
        "{patient_exam.id!r}",
        "{patient_exam.id:>99}",
        "{patient_exam.id",
        "}{patient_exam.id}",
        "{{patient_exam.id}}",
        "{patient_exam.__class__}_{patient_exam.id}",
        "x" * 300 + "{patient_exam.id}",
        "пациент-{patient_exam.id}",
    ],
)
def test_templates_that_could_mix_up_or_lead_out_are_refused(template: str) -> None:
    with pytest.raises(ConfigError) as caught:
        NameTemplate(template, "name")
    (problem,) = caught.value.problems
    assert problem.path == "name"
    assert "{patient_exam.id}" in problem.allowed.en
    assert "допустим" in problem.allowed.ru


def test_every_field_has_a_value(build: Build) -> None:
    house = build(when="stored")
    exam = house.upload(device_number="D-5", accession_number="ACC-1")
    details = house.source.exam(exam.exam_id)
    template = "{field}_{patient_exam.id}"
    shown = {name: NameTemplate(template.replace("field", name), "name").of(details) for name in FIELDS}
    assert shown == {
        "patient_exam.id": f"{exam.exam_id}_{exam.exam_id}",
        "patient_exam.uuid": f"{exam.exam_uuid}_{exam.exam_id}",
        "patient_exam.start_date": f"2026-11-20_{exam.exam_id}",
        "patient_exam.start_time": f"20261120T093015_{exam.exam_id}",
        "patient_exam.device_number": f"D-5_{exam.exam_id}",
        "patient_exam.accession_number": f"ACC-1_{exam.exam_id}",
        "patient_exam.hcf_id": f"{details.hcf_id}_{exam.exam_id}",
        "patient_exam.archive_id": f"{details.archive_id}_{exam.exam_id}",
        "patient.id": f"{details.patient_id}_{exam.exam_id}",
        "patient.number": f"_-17_2_{exam.exam_id}",
    }


# ---------------------------------------------------------------- all together


def test_uploads_and_conclusions_end_up_in_the_folder(build: Build) -> None:
    house = build(when="both", threads=2)
    worker = DeliveryWorker(
        house.database, [house.exporter], house.source, IdGenerator(1), pace=Pace(poll=0.05)
    )
    worker.start()
    exams = [house.upload() for _ in range(8)]
    for exam in exams[:4]:
        house.conclude(exam, "Норма")
    worker.wake()

    def all_done() -> bool:
        with house.database.read() as connection:
            found = list_deliveries(connection, DeliveryFilter())
        return len(found) == 12 and all(state.status is DeliveryStatus.DONE for state in found)

    wait_until(all_done, "everything is delivered")
    assert worker.stop(20)
    concluded = {path.parent.name.split("_")[1] for path in house.drop.glob("*/conclusion.txt")}
    assert concluded == {str(exam.exam_uuid) for exam in exams[:4]}
    assert len(list(house.drop.glob("*/ecg.dat"))) == 8


def test_a_damaged_exam_waits_for_a_person(build: Build) -> None:
    house = build(when="stored")
    house.upload()
    (file,) = house.source._bank.exam_files()
    file.chmod(0o600)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    worker = DeliveryWorker(house.database, [house.exporter], house.source, IdGenerator(1))
    worker.start()

    def is_dead() -> bool:
        with house.database.read() as connection:
            (state,) = list_deliveries(connection, DeliveryFilter())
        return state.status is DeliveryStatus.DEAD

    wait_until(is_dead, "it is dead")
    assert worker.stop(20)
    assert house.files() == {}
