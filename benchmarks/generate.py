"""A large archive in no time: patients and exams as a region's hospitals have them, written in bulk.

Names follow Zipf's law (a few are very common, most are rare), HCFs differ in size by an order of magnitude,
a patient has few exams or many. One HCF is the region's cardiology centre, to which every tenth exam of the
others is sent.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Table, insert

from cardioserver.archive import schema
from cardioserver.archive.columns import EPOCH, MICROSECOND
from cardioserver.archive.database import Database
from cardioserver.archive.searchkeys import digits_key, name_key
from cardioserver.protocol.messages import Role

HCFS = 12
YEARS = 6
FIRST_DAY = datetime(2020, 11, 21, tzinfo=UTC)
DEVICES_PER_HCF = 8
BATCH = 4000
CENTRE = 1  # the HCF that is asked for consultations

_Sent = tuple[int, int, int, int, str]
"""An exam's id, HCF, start, number of conclusions and family key."""

_COMMON = """
Иванов Смирнов Кузнецов Попов Васильев Петров Соколов Михайлов Новиков Фёдоров Морозов Волков Алексеев
Лебедев Семёнов Егоров Павлов Козлов Степанов Николаев Орлов Андреев Макаров Никитин Захаров Зайцев Соловьёв
Борисов Яковлев Григорьев Романов Воробьёв Сергеев Кузьмин Фролов Александров Дмитриев Королёв Гусев Киселёв
Ильин Максимов Поляков Сорокин Виноградов Ковалёв Белов Медведев Антонов Тарасов Жуков Баранов Филиппов
Комаров Давыдов Беляев Герасимов Богданов Осипов Сидоров Матвеев Титов Марков Миронов Крылов Куликов Карпов
Ахметов Омаров Қасымов Ибраев Оспанов Сулейменов Әбдіров Жұмабаев Нұрланов Төлегенов
"""
_STEMS = "бар вол гор дан жур зал кам лук мор нем ост пав рог саф тим ула фом хар цеп чер шам юр яс ерм"
_MIDDLES = "а е и о у ар ень ил ок уш ач ан иг ол ус"
_ENDINGS = "ов ев ин ский енко ук ян баев ич ых"
_MEN = "Александр Сергей Владимир Андрей Алексей Николай Иван Дмитрий Михаил Юрий Нұрлан Ерлан Фёдор Лев"
_WOMEN = "Елена Ольга Наталья Татьяна Анна Мария Ирина Светлана Галина Алёна Айгүл Гүлнар Зоя Ия"


@dataclass(frozen=True, slots=True)
class Region:
    """What was generated."""

    exams: int
    patients: int
    centre_hcf_id: int
    hcf_ids: tuple[int, ...]


def generate(database: Database, exams: int, seed: int = 1) -> Region:
    """Fill the empty tables of *database*; some 100 s for a million exams."""
    source = random.Random(seed)
    hcf_ids = tuple(range(1, HCFS + 1))
    sizes = [1 / rank for rank in hcf_ids]
    _directory(database, hcf_ids)
    patient_count = max(1, exams // 3)
    issuers = source.choices(hcf_ids, sizes, k=patient_count)
    people: list[tuple[int, str]] = []
    _write(database, schema.patient, _patients(source, issuers, people))
    weights = list(itertools.accumulate(source.paretovariate(1.2) ** 0.5 for _ in range(patient_count)))
    patients = source.choices(range(patient_count), cum_weights=weights, k=exams)
    sent: list[_Sent] = []
    _write(database, schema.exam, _exams(source, people, patients, sent))
    _write(database, schema.consultation, _consultations(sent))
    _tell_sizes(database)
    return Region(exams, patient_count, CENTRE, hcf_ids)


def _directory(database: Database, hcf_ids: Iterable[int]) -> None:
    at = FIRST_DAY
    with database.write() as connection:
        for hcf_id in hcf_ids:
            hcf = {"hcf_id": hcf_id, "name": f"HCF {hcf_id}", "oktmo": "", "default_archive_id": hcf_id}
            connection.execute(insert(schema.hcf), hcf | {"created_at": at})
            archive = {"archive_id": hcf_id, "hcf_id": hcf_id, "name": "ECG", "created_at": at}
            connection.execute(insert(schema.archive), archive)
            account = {"account_id": hcf_id, "login": f"doctor{hcf_id}", "hcf_id": hcf_id, "name": "Doctor"}
            account |= {"role": int(Role.DOCTOR), "password_hash": "", "disabled": False}
            connection.execute(
                insert(schema.account), account | {"created_at": at, "password_changed_at": at}
            )


def _family_names(source: random.Random) -> tuple[list[str], list[float]]:
    syllables = [words.split() for words in (_STEMS, _MIDDLES, _STEMS, _ENDINGS)]
    rare = ["".join(parts).capitalize() for parts in itertools.product(*syllables)]
    names = _COMMON.split() + source.sample(rare, 20_000)
    return names, list(itertools.accumulate(1 / (rank + 5) for rank in range(len(names))))


def _patients(
    source: random.Random, issuers: list[int], people: list[tuple[int, str]]
) -> Iterator[dict[str, Any]]:
    names, weights = _family_names(source)
    families = iter(source.choices(names, cum_weights=weights, k=len(issuers)))
    women, men = _WOMEN.split(), _MEN.split()
    micros = (FIRST_DAY - EPOCH) // MICROSECOND
    for number, issuer in enumerate(issuers):
        woman = source.random() < 0.55
        family = next(families)
        family += "а" if woman and family.endswith(("ов", "ев", "ёв", "ин")) else ""
        personal = source.choice(women if woman else men)
        snils = f"{source.randrange(10**11):011d}"
        people.append((issuer, name_key(family)))
        yield {
            "patient_id": number + 1,
            "issuer_hcf_id": issuer,
            "number": f"{number % 100_000:05d}/{issuer}-{number // 100_000}",
            "number_key": f"{number % 100_000:05d}/{issuer}-{number // 100_000}",
            "sex": 2 if woman else 1,
            "birthday": date(1930, 1, 1) + timedelta(days=int(source.triangular(0, 33_000, 12_000))),
            "family_name": family,
            "personal_name": personal,
            "patronymic": "",
            "passport": "",
            "insurance": "",
            "snils": snils,
            "address": "",
            "phone": "",
            "family_key": name_key(family),
            "personal_key": name_key(personal),
            "snils_key": digits_key(snils),
            "merged_into_id": None,
            "described_at": micros,
            "conflict_at": None,
            "created_at": micros,
        }


def _exams(
    source: random.Random,
    people: list[tuple[int, str]],
    patients: list[int],
    sent: list[_Sent],
) -> Iterator[dict[str, Any]]:
    first = (FIRST_DAY - EPOCH) // MICROSECOND
    step = YEARS * 365 * 86_400_000_000 // len(patients)
    for number, patient in enumerate(patients):
        hcf_id, family_key = people[patient]
        exam_id = number + 1
        started_at = first + number * step + source.randrange(86_400_000_000)
        conclusions = 1 if source.random() < 0.9 else 0
        if hcf_id != CENTRE and source.random() < 0.1:
            sent.append((exam_id, hcf_id, started_at, conclusions, family_key))
        yield {
            "exam_id": exam_id,
            "exam_uuid": UUID(int=source.getrandbits(128)).bytes,
            "patient_id": patient + 1,
            "origin_patient_id": patient + 1,
            "hcf_id": hcf_id,
            "archive_id": hcf_id,
            "recorder_account_id": hcf_id,
            "recorder_hcf_id": hcf_id,
            "device_number": f"KMT-{hcf_id}-{source.randrange(DEVICES_PER_HCF)}",
            "accession_number": f"A{number}" if number % 4 == 0 else "",
            "family_key": family_key,
            "started_at": started_at,
            "started_offset": 300,
            "stored_at": started_at + 60_000_000,
            "digest": source.randbytes(32),
            "conclusion_count": conclusions,
            "concluded": conclusions > 0,
            "auto_report_version": 1,
        }


def _consultations(sent: Iterable[_Sent]) -> Iterator[dict[str, Any]]:
    for number, (exam_id, hcf_id, started_at, concluded, family_key) in enumerate(sent):
        yield {
            "consultation_id": number + 1,
            "consultation_uuid": number.to_bytes(16),
            "exam_id": exam_id,
            "from_hcf_id": hcf_id,
            "to_hcf_id": CENTRE,
            "account_id": hcf_id,
            "created_at": started_at,
            "started_at": started_at,
            "concluded": concluded,
            "family_key": family_key,
            "comment": "",
        }


def _write(database: Database, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    """Insert rows of values as the driver takes them, past all that SQLAlchemy would do for each."""
    names = [column.name for column in table.columns]
    while batch := [tuple(row[name] for name in names) for row in itertools.islice(rows, BATCH)]:
        with database.write() as connection:
            mark = "?" if database.is_sqlite else "%s"
            marks = ", ".join([mark] * len(names))
            connection.exec_driver_sql(
                f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})",
                [_plain(row) for row in batch] if database.is_sqlite else batch,
            )


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value.isoformat() if isinstance(value, date) else value for value in row)


def _tell_sizes(database: Database) -> None:
    """Renew the statistics, as both databases do by themselves in time (SQLite: only if told to)."""
    if database.is_sqlite:
        return
    with database.write() as connection:
        for table in (schema.patient, schema.exam, schema.consultation):
            connection.exec_driver_sql(f"ANALYZE TABLE {table.name}").all()
