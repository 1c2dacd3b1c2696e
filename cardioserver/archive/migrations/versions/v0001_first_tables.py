"""The tables of the first version."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LONG_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
_UUID = sa.LargeBinary(16).with_variant(mysql.BINARY(16), "mysql", "mariadb")
_DIGEST = sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")


def _create_table(name: str, *items: Any) -> None:
    op.create_table(name, *items, mysql_engine="InnoDB", mysql_charset="utf8mb4", mysql_collate="utf8mb4_bin")


def upgrade() -> None:  # noqa: PLR0915  one statement a table or index
    """Create them."""
    _create_table(
        "audit",
        sa.Column("audit_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("account_id", _BIG, nullable=False),
        sa.Column("login", sa.String(length=100), nullable=False),
        sa.Column("hcf_id", _BIG, nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("outcome", sa.String(length=40), nullable=False),
        sa.Column("patient_id", _BIG, nullable=False),
        sa.Column("exam_id", _BIG, nullable=False),
        sa.Column("subject_id", _BIG, nullable=False),
        sa.Column("detail", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("audit_id", name="pk_audit"),
    )
    op.create_index("ix_audit_account_id_at", "audit", ["account_id", "at"])
    op.create_index("ix_audit_action_at", "audit", ["action", "at"])
    op.create_index("ix_audit_address_at", "audit", ["address", "at"])
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_exam_id_at", "audit", ["exam_id", "at"])
    op.create_index("ix_audit_hcf_id_at", "audit", ["hcf_id", "at"])
    op.create_index("ix_audit_patient_id_at", "audit", ["patient_id", "at"])
    _create_table(
        "counter",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_counter"),
    )
    _create_table(
        "delivery",
        sa.Column("delivery_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("event_id", _BIG, nullable=False),
        sa.Column("exporter", sa.String(length=64), nullable=False),
        sa.Column("exam_id", _BIG, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("subject_id", _BIG, nullable=False),
        sa.Column("hcf_id", _BIG, nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_owner", sa.String(length=100), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.String(length=1000), nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", name="pk_delivery"),
        sa.UniqueConstraint("event_id", "exporter", name="uq_delivery_event_id_exporter"),
    )
    op.create_index(
        "ix_delivery_exam_id_exporter_status_delivery_id",
        "delivery",
        ["exam_id", "exporter", "status", "delivery_id"],
    )
    op.create_index(
        "ix_delivery_exporter_status_next_attempt_at", "delivery", ["exporter", "status", "next_attempt_at"]
    )
    op.create_index("ix_delivery_status_finished_at", "delivery", ["status", "finished_at"])
    op.create_index("ix_delivery_status_next_attempt_at", "delivery", ["status", "next_attempt_at"])
    _create_table(
        "event",
        sa.Column("event_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("exam_id", _BIG, nullable=False),
        sa.Column("subject_id", _BIG, nullable=False),
        sa.Column("hcf_id", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_event"),
    )
    op.create_index("ix_event_created_at", "event", ["created_at"])
    op.create_index("ix_event_exam_id_event_id", "event", ["exam_id", "event_id"])
    op.create_index("ix_event_hcf_id_event_id", "event", ["hcf_id", "event_id"])
    _create_table(
        "hcf",
        sa.Column("hcf_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("oktmo", sa.String(length=11), nullable=False),
        sa.Column("default_archive_id", _BIG, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hcf_id", name="pk_hcf"),
        sa.UniqueConstraint("name", name="uq_hcf_name"),
    )
    _create_table(
        "login_attempt",
        sa.Column("login_digest", sa.String(length=32), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", sa.BigInteger(), nullable=True),
        sa.Column("succeeded_at", sa.BigInteger(), nullable=True),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("login_digest", "address", name="pk_login_attempt"),
    )
    op.create_index("ix_login_attempt_seen_at", "login_attempt", ["seen_at"])
    _create_table(
        "account",
        sa.Column("account_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("login", sa.String(length=100), nullable=False),
        sa.Column("hcf_id", _BIG, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("role", sa.SmallInteger(), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("password_changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["hcf_id"], ["hcf.hcf_id"], name="fk_account_hcf_id"),
        sa.PrimaryKeyConstraint("account_id", name="pk_account"),
        sa.UniqueConstraint("login", name="uq_account_login"),
    )
    op.create_index("ix_account_hcf_id_login", "account", ["hcf_id", "login"])
    _create_table(
        "archive",
        sa.Column("archive_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("hcf_id", _BIG, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["hcf_id"], ["hcf.hcf_id"], name="fk_archive_hcf_id"),
        sa.PrimaryKeyConstraint("archive_id", name="pk_archive"),
        sa.UniqueConstraint("hcf_id", "name", name="uq_archive_hcf_id_name"),
    )
    _create_table(
        "device",
        sa.Column("device_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("hcf_id", _BIG, nullable=False),
        sa.Column("number", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["hcf_id"], ["hcf.hcf_id"], name="fk_device_hcf_id"),
        sa.PrimaryKeyConstraint("device_id", name="pk_device"),
        sa.UniqueConstraint("hcf_id", "number", name="uq_device_hcf_id_number"),
    )
    _create_table(
        "patient",
        sa.Column("patient_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("issuer_hcf_id", _BIG, nullable=False),
        sa.Column("number", sa.String(length=100), nullable=False),
        sa.Column("number_key", sa.String(length=300), nullable=True),
        sa.Column("sex", sa.SmallInteger(), nullable=False),
        sa.Column("birthday", sa.Date(), nullable=True),
        sa.Column("family_name", sa.String(length=100), nullable=False),
        sa.Column("personal_name", sa.String(length=100), nullable=False),
        sa.Column("patronymic", sa.String(length=100), nullable=False),
        sa.Column("passport", sa.String(length=255), nullable=False),
        sa.Column("insurance", sa.String(length=255), nullable=False),
        sa.Column("snils", sa.String(length=255), nullable=False),
        sa.Column("address", sa.String(length=1000), nullable=False),
        sa.Column("phone", sa.String(length=255), nullable=False),
        sa.Column("family_key", sa.String(length=100), nullable=False),
        sa.Column("personal_key", sa.String(length=100), nullable=False),
        sa.Column("snils_key", sa.String(length=100), nullable=False),
        sa.Column("merged_into_id", _BIG, nullable=True),
        sa.Column("described_at", sa.BigInteger(), nullable=False),
        sa.Column("conflict_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["issuer_hcf_id"], ["hcf.hcf_id"], name="fk_patient_issuer_hcf_id"),
        sa.ForeignKeyConstraint(["merged_into_id"], ["patient.patient_id"], name="fk_patient_merged_into_id"),
        sa.PrimaryKeyConstraint("patient_id", name="pk_patient"),
        sa.UniqueConstraint("issuer_hcf_id", "number_key", name="uq_patient_issuer_hcf_id_number_key"),
    )
    op.create_index("ix_patient_birthday", "patient", ["birthday"])
    op.create_index("ix_patient_family_key_personal_key", "patient", ["family_key", "personal_key"])
    op.create_index(
        "ix_patient_issuer_hcf_id_family_key_personal_key",
        "patient",
        ["issuer_hcf_id", "family_key", "personal_key"],
    )
    op.create_index(
        "ix_patient_issuer_hcf_id_personal_key_family_key",
        "patient",
        ["issuer_hcf_id", "personal_key", "family_key"],
    )
    op.create_index("ix_patient_merged_into_id", "patient", ["merged_into_id"])
    op.create_index("ix_patient_number_key", "patient", ["number_key"])
    op.create_index("ix_patient_personal_key_family_key", "patient", ["personal_key", "family_key"])
    op.create_index("ix_patient_snils_key", "patient", ["snils_key"])
    _create_table(
        "ecg_order",
        sa.Column("order_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("hcf_id", _BIG, nullable=False),
        sa.Column("patient_id", _BIG, nullable=False),
        sa.Column("origin_patient_id", _BIG, nullable=False),
        sa.Column("accession_number", sa.String(length=255), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by_account_id", _BIG, nullable=False),
        sa.Column("scheduled_at", sa.BigInteger(), nullable=True),
        sa.Column("scheduled_offset", sa.SmallInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("device_number", sa.String(length=64), nullable=False),
        sa.Column("comment", sa.String(length=1000), nullable=False),
        sa.Column("taken_by_account_id", _BIG, nullable=True),
        sa.Column("taken_at", sa.BigInteger(), nullable=True),
        sa.Column("exam_id", _BIG, nullable=True),
        sa.ForeignKeyConstraint(["hcf_id"], ["hcf.hcf_id"], name="fk_ecg_order_hcf_id"),
        sa.ForeignKeyConstraint(
            ["origin_patient_id"], ["patient.patient_id"], name="fk_ecg_order_origin_patient_id"
        ),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.patient_id"], name="fk_ecg_order_patient_id"),
        sa.PrimaryKeyConstraint("order_id", name="pk_ecg_order"),
        sa.UniqueConstraint("hcf_id", "accession_number", name="uq_ecg_order_hcf_id_accession_number"),
    )
    op.create_index("ix_ecg_order_accession_number", "ecg_order", ["accession_number"])
    op.create_index("ix_ecg_order_due_at", "ecg_order", ["due_at"])
    op.create_index("ix_ecg_order_hcf_id_due_at", "ecg_order", ["hcf_id", "due_at"])
    op.create_index("ix_ecg_order_hcf_id_status_due_at", "ecg_order", ["hcf_id", "status", "due_at"])
    op.create_index("ix_ecg_order_origin_patient_id", "ecg_order", ["origin_patient_id"])
    op.create_index("ix_ecg_order_patient_id", "ecg_order", ["patient_id"])
    op.create_index("ix_ecg_order_status_due_at", "ecg_order", ["status", "due_at"])
    _create_table(
        "exam",
        sa.Column("exam_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("exam_uuid", _UUID, nullable=False),
        sa.Column("patient_id", _BIG, nullable=False),
        sa.Column("origin_patient_id", _BIG, nullable=False),
        sa.Column("hcf_id", _BIG, nullable=False),
        sa.Column("archive_id", _BIG, nullable=False),
        sa.Column("recorder_account_id", _BIG, nullable=False),
        sa.Column("recorder_hcf_id", _BIG, nullable=False),
        sa.Column("device_number", sa.String(length=64), nullable=False),
        sa.Column("accession_number", sa.String(length=255), nullable=False),
        sa.Column("family_key", sa.String(length=100), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("started_offset", sa.SmallInteger(), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("conclusion_count", sa.Integer(), nullable=False),
        sa.Column("concluded", sa.Boolean(), nullable=False),
        sa.Column("auto_report_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["archive_id"], ["archive.archive_id"], name="fk_exam_archive_id"),
        sa.ForeignKeyConstraint(["hcf_id"], ["hcf.hcf_id"], name="fk_exam_hcf_id"),
        sa.ForeignKeyConstraint(
            ["origin_patient_id"], ["patient.patient_id"], name="fk_exam_origin_patient_id"
        ),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.patient_id"], name="fk_exam_patient_id"),
        sa.PrimaryKeyConstraint("exam_id", name="pk_exam"),
        sa.UniqueConstraint("exam_uuid", name="uq_exam_exam_uuid"),
    )
    op.create_index("ix_exam_accession_number", "exam", ["accession_number"])
    op.create_index("ix_exam_archive_id_started_at", "exam", ["archive_id", "started_at"])
    op.create_index(
        "ix_exam_device_number_hcf_id_started_at", "exam", ["device_number", "hcf_id", "started_at"]
    )
    op.create_index("ix_exam_family_key_hcf_id_started_at", "exam", ["family_key", "hcf_id", "started_at"])
    op.create_index("ix_exam_hcf_id_concluded_started_at", "exam", ["hcf_id", "concluded", "started_at"])
    op.create_index(
        "ix_exam_hcf_id_started_at_exam_id_family_key",
        "exam",
        ["hcf_id", "started_at", "exam_id", "family_key"],
    )
    op.create_index("ix_exam_origin_patient_id", "exam", ["origin_patient_id"])
    op.create_index("ix_exam_patient_id_started_at", "exam", ["patient_id", "started_at"])
    op.create_index("ix_exam_recorder_account_id_started_at", "exam", ["recorder_account_id", "started_at"])
    op.create_index("ix_exam_started_at", "exam", ["started_at"])
    _create_table(
        "patient_merge",
        sa.Column("merge_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("merge_uuid", _UUID, nullable=False),
        sa.Column("from_patient_id", _BIG, nullable=False),
        sa.Column("to_patient_id", _BIG, nullable=False),
        sa.Column("account_id", _BIG, nullable=False),
        sa.Column("merged_at", sa.BigInteger(), nullable=False),
        sa.Column("undo_uuid", _UUID, nullable=True),
        sa.Column("undone_by_account_id", _BIG, nullable=True),
        sa.Column("undone_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["from_patient_id"], ["patient.patient_id"], name="fk_patient_merge_from_patient_id"
        ),
        sa.ForeignKeyConstraint(
            ["to_patient_id"], ["patient.patient_id"], name="fk_patient_merge_to_patient_id"
        ),
        sa.PrimaryKeyConstraint("merge_id", name="pk_patient_merge"),
        sa.UniqueConstraint("merge_uuid", name="uq_patient_merge_merge_uuid"),
        sa.UniqueConstraint("undo_uuid", name="uq_patient_merge_undo_uuid"),
    )
    op.create_index(
        "ix_patient_merge_from_patient_id_undone_at", "patient_merge", ["from_patient_id", "undone_at"]
    )
    op.create_index("ix_patient_merge_to_patient_id", "patient_merge", ["to_patient_id"])
    _create_table(
        "auto_report",
        sa.Column("exam_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("text_ru", _LONG_TEXT, nullable=False),
        sa.Column("text_en", _LONG_TEXT, nullable=False),
        sa.Column("document", _LONG_TEXT, nullable=False),
        sa.ForeignKeyConstraint(["exam_id"], ["exam.exam_id"], name="fk_auto_report_exam_id"),
        sa.PrimaryKeyConstraint("exam_id", "version", name="pk_auto_report"),
    )
    _create_table(
        "conclusion",
        sa.Column("conclusion_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("conclusion_uuid", _UUID, nullable=False),
        sa.Column("exam_id", _BIG, nullable=False),
        sa.Column("account_id", _BIG, nullable=False),
        sa.Column("account_name", sa.String(length=255), nullable=False),
        sa.Column("hcf_id", _BIG, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("text", _LONG_TEXT, nullable=False),
        sa.ForeignKeyConstraint(["exam_id"], ["exam.exam_id"], name="fk_conclusion_exam_id"),
        sa.PrimaryKeyConstraint("conclusion_id", name="pk_conclusion"),
        sa.UniqueConstraint("conclusion_uuid", name="uq_conclusion_conclusion_uuid"),
    )
    op.create_index("ix_conclusion_exam_id_created_at", "conclusion", ["exam_id", "created_at"])
    _create_table(
        "consultation",
        sa.Column("consultation_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("consultation_uuid", _UUID, nullable=False),
        sa.Column("exam_id", _BIG, nullable=False),
        sa.Column("from_hcf_id", _BIG, nullable=False),
        sa.Column("to_hcf_id", _BIG, nullable=False),
        sa.Column("account_id", _BIG, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("concluded", sa.Boolean(), nullable=False),
        sa.Column("family_key", sa.String(length=100), nullable=False),
        sa.Column("comment", sa.String(length=1000), nullable=False),
        sa.ForeignKeyConstraint(["exam_id"], ["exam.exam_id"], name="fk_consultation_exam_id"),
        sa.ForeignKeyConstraint(["from_hcf_id"], ["hcf.hcf_id"], name="fk_consultation_from_hcf_id"),
        sa.ForeignKeyConstraint(["to_hcf_id"], ["hcf.hcf_id"], name="fk_consultation_to_hcf_id"),
        sa.PrimaryKeyConstraint("consultation_id", name="pk_consultation"),
        sa.UniqueConstraint("consultation_uuid", name="uq_consultation_consultation_uuid"),
        sa.UniqueConstraint("exam_id", "to_hcf_id", name="uq_consultation_exam_id_to_hcf_id"),
    )
    op.create_index(
        "ix_consultation_to_hcf_id_concluded_started_at_exam_id",
        "consultation",
        ["to_hcf_id", "concluded", "started_at", "exam_id"],
    )
    op.create_index(
        "ix_consultation_to_hcf_id_started_at_exam_id_family_key",
        "consultation",
        ["to_hcf_id", "started_at", "exam_id", "family_key"],
    )
    _create_table(
        "exam_metadata",
        sa.Column("exam_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("exam", _LONG_TEXT, nullable=False),
        sa.Column("signal", _LONG_TEXT, nullable=False),
        sa.ForeignKeyConstraint(["exam_id"], ["exam.exam_id"], name="fk_exam_metadata_exam_id"),
        sa.PrimaryKeyConstraint("exam_id", name="pk_exam_metadata"),
    )
