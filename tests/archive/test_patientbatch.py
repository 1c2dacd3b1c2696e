"""Many descriptions at once say the same as each in its turn."""

from __future__ import annotations

import random
from datetime import date, timedelta

from sqlalchemy import Connection, select

from cardioserver.archive import patients, schema
from cardioserver.archive.database import Database
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.patients import Description
from cardioserver.ecg.patient import Patient, Sex
from tests.archive.samples import START, Facility

NUMBERS = ["1", "2", " 2 ", "3", "№ 4", ""]
FAMILIES = ["", "Иванова", "Петрова"]


def _description(rng: random.Random, issuers: list[int]) -> Description:
    birthday = rng.choice([None, date(1960, 1, 1), date(1970, 2, 2)])
    patient = Patient(rng.choice(NUMBERS), rng.choice(list(Sex)), birthday, rng.choice(FAMILIES))
    return Description(patient, rng.choice(issuers), START + timedelta(days=rng.randrange(5)))


def test_a_batch_leaves_what_single_descriptions_leave(
    database: Database, ids: IdGenerator, clinic: Facility, centre: Facility
) -> None:
    rng = random.Random(11)
    issuers = [clinic.hcf_id, centre.hcf_id]
    with database.write() as connection:
        for _ in range(8):
            told = [_description(rng, issuers) for _ in range(rng.randrange(1, 9))]
            together = connection.begin_nested()
            ids_together = patients.upsert_all(connection, ids, told)
            rows_together = _state(connection)
            together.rollback()
            ids_singly = [
                patients.upsert(connection, ids, d.patient, d.issuer_hcf_id, d.described_at) for d in told
            ]
            assert rows_together == _state(connection)
            assert _same(ids_together) == _same(ids_singly)


def _state(connection: Connection) -> list[str]:
    table = schema.patient.c
    columns = (
        table.issuer_hcf_id, table.number, table.sex, table.birthday, table.family_name,
        table.family_key, table.described_at, table.conflict_at.is_not(None),
    )  # fmt: skip
    return sorted(map(repr, map(tuple, connection.execute(select(*columns)))))


def _same(found: list[int]) -> list[int]:
    """Which descriptions are of the same patient: the place of the first one of each."""
    return [found.index(one) for one in found]
