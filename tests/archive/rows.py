"""Rows for tests of what looks at the database only."""

from __future__ import annotations

import itertools
import uuid
from datetime import UTC, datetime

from sqlalchemy import String, insert

from cardioserver.archive import schema
from cardioserver.archive.database import Database, migrate
from cardioserver.protocol.messages import Role

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def migrated(url: str) -> Database:
    """A database with its tables."""
    database = Database(url)
    migrate(database)
    return database


class World:
    """Two facilities, A and B, each with an archive, an account of every role, and what a test adds."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ids = itertools.count(1000)
        self.hcf_a, self.hcf_b = self.hcf("A"), self.hcf("B")
        self.archive_a, self.archive_b = self.archive(self.hcf_a), self.archive(self.hcf_b)
        self.recorder_a, self.recorder_b = self.account(self.hcf_a), self.account(self.hcf_b)

    def insert(self, table: str, **values: object) -> None:
        """One row."""
        with self._database.write() as connection:
            connection.execute(insert(schema.metadata.tables[table]).values(**values))

    def hcf(self, name: str) -> int:
        """A new facility."""
        hcf_id = next(self._ids)
        self.insert("hcf", hcf_id=hcf_id, name=name, oktmo="", created_at=NOW)
        return hcf_id

    def archive(self, hcf_id: int) -> int:
        """A new archive, its facility's default."""
        archive_id = next(self._ids)
        self.insert("archive", archive_id=archive_id, hcf_id=hcf_id, name="main", created_at=NOW)
        with self._database.write() as connection:
            table = schema.hcf
            connection.execute(
                table.update().where(table.c.hcf_id == hcf_id).values(default_archive_id=archive_id)
            )
        return archive_id

    def account(self, hcf_id: int, role: Role = Role.RECORDER, password_hash: str = "") -> int:
        """A new account; its login is ``account-<id>``."""
        account_id = next(self._ids)
        self.insert(
            "account",
            account_id=account_id,
            login=f"account-{account_id}",
            hcf_id=hcf_id,
            name="",
            role=int(role),
            password_hash=password_hash,
            disabled=False,
            created_at=NOW,
            password_changed_at=NOW,
        )
        return account_id

    def patient(self, hcf_id: int) -> int:
        """A new patient of a facility."""
        patient_id = next(self._ids)
        texts = {
            column.name: ""
            for column in schema.patient.c
            if isinstance(column.type, String) and not column.nullable and column.name != "number"
        }
        self.insert(
            "patient",
            patient_id=patient_id,
            issuer_hcf_id=hcf_id,
            number=str(patient_id),
            number_key=str(patient_id),
            sex=0,
            described_at=NOW,
            created_at=NOW,
            **texts,
        )
        return patient_id

    def exam(self, hcf_id: int, recorder: int, patient: int = 0) -> int:
        """A new exam in a facility's archive."""
        exam_id = next(self._ids)
        patient = patient or self.patient(hcf_id)
        self.insert(
            "exam",
            exam_id=exam_id,
            exam_uuid=uuid.UUID(int=exam_id),
            patient_id=patient,
            origin_patient_id=patient,
            hcf_id=hcf_id,
            archive_id=self.archive_a if hcf_id == self.hcf_a else self.archive_b,
            recorder_account_id=recorder,
            recorder_hcf_id=hcf_id,
            device_number="",
            accession_number="",
            started_at=NOW,
            started_offset=0,
            stored_at=NOW,
            digest=b"\0" * 32,
            conclusion_count=0,
            concluded=False,
            auto_report_version=0,
        )
        return exam_id

    def send(self, exam_id: int, from_hcf: int, to_hcf: int) -> None:
        """Send an exam for consultation."""
        number = next(self._ids)
        self.insert(
            "consultation",
            consultation_id=number,
            consultation_uuid=uuid.UUID(int=number),
            exam_id=exam_id,
            from_hcf_id=from_hcf,
            to_hcf_id=to_hcf,
            account_id=0,
            created_at=NOW,
            started_at=NOW,
            comment="",
        )

    def order(self, hcf_id: int) -> int:
        """A new order of a facility."""
        order_id = next(self._ids)
        patient = self.patient(hcf_id)
        self.insert(
            "ecg_order",
            order_id=order_id,
            hcf_id=hcf_id,
            patient_id=patient,
            origin_patient_id=patient,
            accession_number=str(order_id),
            status=1,
            created_at=NOW,
            created_by_account_id=0,
            scheduled_offset=0,
            due_at=NOW,
            device_number="",
            comment="",
        )
        return order_id
