"""Tables of the database, the same on SQLite and MariaDB/MySQL.

The database is an index of the cardiobank and the home of what the bank does not hold: accounts,
orders, events, deliveries, the audit journal. Conventions:

- Every id is a positive 63-bit number of :mod:`cardioserver.archive.ids`, unless said otherwise.
- Every time is :class:`~cardioserver.archive.columns.UtcTime`: microseconds since 1970 in UTC. Where
  the recorder's own clock matters, a ``…_offset`` column beside it holds minutes east of UTC.
- Text compares by code point (``utf8mb4_bin`` on MariaDB, ``BINARY`` on SQLite). What people search
  in any letter case has a ``…_key`` column beside it (:mod:`cardioserver.archive.searchkeys`).
- Migrations in :mod:`cardioserver.archive.migrations` build these tables; the tests compare the two.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.schema import SchemaItem

from cardioserver.archive.columns import UtcTime, Uuid16, big, digest, long_text

NAME = 100  # characters of a name, a login or a patient's number
LINE = 255  # characters of other short texts

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _table(name: str, *items: SchemaItem) -> Table:
    return Table(
        name,
        metadata,
        *items,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )


def _id(name: str) -> Column[int]:
    return Column(name, big(), primary_key=True, autoincrement=False)


def _reference(name: str, target: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, big(), ForeignKey(target), nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, big(), nullable=nullable)


def _small(name: str) -> Column[int]:
    return Column(name, SmallInteger, nullable=False)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean(create_constraint=False), nullable=False, default=False)


def _text(name: str, length: int = NAME) -> Column[str]:
    return Column(name, String(length), nullable=False)


def _time(name: str, *, nullable: bool = False) -> Column[datetime]:
    return Column(name, UtcTime, nullable=nullable)


# ---------------------------------------------------------------- directory

hcf = _table(
    "hcf",
    _id("hcf_id"),
    Column("name", String(LINE), nullable=False, unique=True),
    _text("oktmo", 11),
    _number("default_archive_id", nullable=True),
    _time("created_at"),
)
"""Healthcare facilities."""

archive = _table(
    "archive",
    _id("archive_id"),
    _reference("hcf_id", "hcf.hcf_id"),
    _text("name", LINE),
    _time("created_at"),
    UniqueConstraint("hcf_id", "name"),
)
"""Named collections of exams."""

device = _table(
    "device",
    _id("device_id"),
    _reference("hcf_id", "hcf.hcf_id"),
    _text("number"),
    _text("name", LINE),
    _time("created_at"),
    UniqueConstraint("hcf_id", "number"),
)
"""Recorders, by their device number."""

account = _table(
    "account",
    _id("account_id"),
    Column("login", String(NAME), nullable=False, unique=True),
    _reference("hcf_id", "hcf.hcf_id"),
    _text("name", LINE),
    _small("role"),  # messages.Role
    _text("password_hash", LINE),  # argon2id, PHC string; empty: nobody can log in
    _flag("disabled"),
    _time("created_at"),
    _time("password_changed_at"),
    Index(None, "hcf_id", "login"),
)
"""People and recorders that log in. ``login`` is stored as :mod:`cardioserver.archive.accounts` folds it."""

login_attempt = _table(
    "login_attempt",
    Column("login_digest", String(32), primary_key=True),  # of the folded login; empty: any login
    Column("address", String(45), primary_key=True),  # a peer, an IPv6 /64; empty: any address
    Column("failures", Integer, nullable=False),  # as they stood at failed_at
    _time("failed_at", nullable=True),
    _time("succeeded_at", nullable=True),
    _time("seen_at"),  # the later of the two
    Index(None, "seen_at"),
)
"""Failed logins of a login, an address and both together, for throttling on all servers at once."""

# ---------------------------------------------------------------- patients

patient = _table(
    "patient",
    _id("patient_id"),
    _reference("issuer_hcf_id", "hcf.hcf_id"),
    _text("number"),
    Column("number_key", String(3 * NAME), nullable=True),  # NULL without a number: equal to no other
    _small("sex"),
    Column("birthday", Date, nullable=True),
    _text("family_name"),
    _text("personal_name"),
    _text("patronymic"),
    _text("passport", LINE),
    _text("insurance", LINE),
    _text("snils", LINE),
    _text("address", 1000),
    _text("phone", LINE),
    _text("family_key"),
    _text("personal_key"),
    _text("snils_key"),
    _reference("merged_into_id", "patient.patient_id", nullable=True),
    _time("described_at"),  # age of the newest description, for "newer wins"
    _time("conflict_at", nullable=True),  # a description contradicted this identity and was not taken
    _time("created_at"),
    UniqueConstraint("issuer_hcf_id", "number_key"),
    Index(None, "number_key"),
    Index(None, "issuer_hcf_id", "family_key", "personal_key"),
    Index(None, "issuer_hcf_id", "personal_key", "family_key"),
    Index(None, "family_key", "personal_key"),
    Index(None, "personal_key", "family_key"),
    Index(None, "birthday"),
    Index(None, "snils_key"),
    Index(None, "merged_into_id"),
)
"""Patients, unique per (issuer, number)."""

patient_merge = _table(
    "patient_merge",
    _id("merge_id"),
    Column("merge_uuid", Uuid16, nullable=False, unique=True),  # of its record in the bank
    _reference("from_patient_id", "patient.patient_id"),
    _reference("to_patient_id", "patient.patient_id"),
    _number("account_id"),
    _time("merged_at"),
    Column("undo_uuid", Uuid16, nullable=True, unique=True),
    _number("undone_by_account_id", nullable=True),
    _time("undone_at", nullable=True),
    Index(None, "from_patient_id", "undone_at"),
    Index(None, "to_patient_id"),
)
"""Merges of two patients, undone ones too."""

# ---------------------------------------------------------------- exams

exam = _table(
    "exam",
    _id("exam_id"),
    Column("exam_uuid", Uuid16, nullable=False, unique=True),
    _reference("patient_id", "patient.patient_id"),  # after merges
    _reference("origin_patient_id", "patient.patient_id"),  # whom the recorder named
    _reference("hcf_id", "hcf.hcf_id"),  # owner of the archive
    _reference("archive_id", "archive.archive_id"),
    _number("recorder_account_id"),
    _number("recorder_hcf_id"),
    _text("device_number", 64),
    _text("accession_number", LINE),
    Column("family_key", String(NAME), nullable=False, default=""),  # its patient's, for searches by time
    _time("started_at"),
    _small("started_offset"),
    _time("stored_at"),
    Column("digest", digest(), nullable=False),
    Column("conclusion_count", Integer, nullable=False),
    _flag("concluded"),  # conclusion_count > 0, indexed
    Column("auto_report_version", Integer, nullable=False),  # newest; 0: none
    Index(None, "started_at"),
    Index(None, "hcf_id", "started_at", "exam_id", "family_key"),
    Index(None, "family_key", "hcf_id", "started_at"),
    Index(None, "archive_id", "started_at"),
    Index(None, "patient_id", "started_at"),
    Index(None, "origin_patient_id"),
    Index(None, "recorder_account_id", "started_at"),
    Index(None, "device_number", "hcf_id", "started_at"),
    Index(None, "hcf_id", "concluded", "started_at"),
    Index(None, "accession_number"),
)
"""Exams, as far as people search and list them."""

exam_metadata = _table(
    "exam_metadata",
    Column("exam_id", big(), ForeignKey("exam.exam_id"), primary_key=True, autoincrement=False),
    Column("exam", long_text(), nullable=False),
    Column("signal", long_text(), nullable=False),
)
"""Full metadata as JSON, kept apart so that the rows that lists scan stay small."""

consultation = _table(
    "consultation",
    _id("consultation_id"),
    Column("consultation_uuid", Uuid16, nullable=False, unique=True),  # of its record in the bank
    _reference("exam_id", "exam.exam_id"),
    _reference("from_hcf_id", "hcf.hcf_id"),
    _reference("to_hcf_id", "hcf.hcf_id"),
    _number("account_id"),
    _time("created_at"),
    _time("started_at"),  # the exam's, as the next, so that lists need not look there
    _flag("concluded"),
    Column("family_key", String(NAME), nullable=False, default=""),
    _text("comment", 1000),
    UniqueConstraint("exam_id", "to_hcf_id"),
    Index(None, "to_hcf_id", "started_at", "exam_id", "family_key"),
    Index(None, "to_hcf_id", "concluded", "started_at", "exam_id"),
)
"""Exams sent to another HCF."""

conclusion = _table(
    "conclusion",
    _id("conclusion_id"),
    Column("conclusion_uuid", Uuid16, nullable=False, unique=True),
    _reference("exam_id", "exam.exam_id"),
    _number("account_id"),
    _text("account_name", LINE),  # of that day
    _number("hcf_id"),
    _time("created_at"),
    Column("text", long_text(), nullable=False),
    Index(None, "exam_id", "created_at"),
)
"""Doctors' conclusions; never changed."""

auto_report = _table(
    "auto_report",
    Column("exam_id", big(), ForeignKey("exam.exam_id"), primary_key=True, autoincrement=False),
    Column("version", Integer, primary_key=True, autoincrement=False),
    _time("created_at"),
    Column("text_ru", long_text(), nullable=False),
    Column("text_en", long_text(), nullable=False),
    Column("document", long_text(), nullable=False),
    _number("event_id", nullable=True),  # that asked for it, so that a repeated delivery makes no second one
)
"""Machine interpretations."""

ecg_order = _table(
    "ecg_order",
    _id("order_id"),
    _reference("hcf_id", "hcf.hcf_id"),
    _reference("patient_id", "patient.patient_id"),
    _reference("origin_patient_id", "patient.patient_id"),
    _text("accession_number", LINE),
    _small("status"),  # messages.OrderStatus
    _time("created_at"),
    _number("created_by_account_id"),
    _time("scheduled_at", nullable=True),
    _small("scheduled_offset"),
    _time("due_at"),  # scheduled_at, or created_at without a schedule: the worklist's order
    _text("device_number", 64),
    _text("comment", 1000),
    _number("taken_by_account_id", nullable=True),
    _time("taken_at", nullable=True),
    _number("exam_id", nullable=True),
    UniqueConstraint("hcf_id", "accession_number"),
    Index(None, "hcf_id", "due_at"),
    Index(None, "hcf_id", "status", "due_at"),
    Index(None, "status", "due_at"),
    Index(None, "due_at"),
    Index(None, "accession_number"),
    Index(None, "patient_id"),
    Index(None, "origin_patient_id"),
)
"""Ordered ECGs, the worklist."""

# ---------------------------------------------------------------- events, deliveries, audit

counter = _table(
    "counter",
    Column("name", String(32), primary_key=True),
    Column("value", big(), nullable=False),
)
"""Numbers that must be drawn in commit order: adding to a row locks it until the commit."""

event = _table(
    "event",
    _id("event_id"),
    _small("kind"),  # messages.EventKind, one bit
    _time("created_at"),
    _number("exam_id"),
    _number("subject_id"),
    _number("hcf_id"),
    Index(None, "hcf_id", "event_id"),
    Index(None, "exam_id", "event_id"),
    Index(None, "created_at"),
)
"""What happened, in the order of commits if the ids are drawn from ``counter``."""

delivery = _table(
    "delivery",
    _id("delivery_id"),
    _number("event_id"),
    _text("exporter", 64),
    _number("exam_id"),
    _small("kind"),
    _number("subject_id"),
    _number("hcf_id"),
    _small("status"),  # of cardioserver.archive.deliveries
    Column("attempts", Integer, nullable=False),
    _time("created_at"),
    _time("next_attempt_at"),
    _text("lease_owner"),  # empty: nobody
    _time("lease_until", nullable=True),
    _time("finished_at", nullable=True),
    _text("last_error", 1000),
    UniqueConstraint("event_id", "exporter"),
    Index(None, "exporter", "status", "next_attempt_at"),
    Index(None, "status", "next_attempt_at"),
    Index(None, "exam_id", "exporter", "status", "delivery_id"),
    Index(None, "status", "finished_at"),
)
"""The transactional outbox: one document owed to one exporter."""

audit = _table(
    "audit",
    _id("audit_id"),
    _time("at"),
    _number("account_id"),  # 0: unknown
    _text("login"),
    _number("hcf_id"),  # of the account, 0: unknown
    _text("address", 45),
    _text("action", 40),
    _text("outcome", 40),
    _number("patient_id"),  # 0: none, also below
    _number("exam_id"),
    _number("subject_id"),  # whatever else was read or changed
    _text("detail", LINE),
    Index(None, "at"),
    Index(None, "account_id", "at"),
    Index(None, "hcf_id", "at"),
    Index(None, "action", "at"),
    Index(None, "address", "at"),
    Index(None, "exam_id", "at"),
    Index(None, "patient_id", "at"),
)
"""Who did what."""
