"""Patients: who they are, by the number that their HCF gave them.

A patient is unique per (number, issuer HCF). Each description that arrives for a number (with an exam or an
order) is weighed against what is known:

- An empty field never erases a filled one; a field that was empty is filled by any description.
- A filled field changes only by a newer description, newer by the exam's start: an exam that was kept in a
  recorder for a week does not bring back an old address.
- A description whose family name *and* birthday both contradict what is known is of somebody else, by all
  likelihood under a mistyped number. It changes nothing here, and the row keeps when that happened
  (``conflict_at``) for a person to look at. The exam still belongs to the number, and its own metadata keep
  what the recorder said.
- Patients without a number (emergencies) are never the same person as anybody: each gets an own row, to be
  merged by a person (:mod:`cardioserver.archive.merges`).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from cardioserver.archive.ids import IdGenerator
from cardioserver.ecg.patient import Patient


def upsert(
    connection: Connection,
    ids: IdGenerator,
    patient: Patient,
    issuer_hcf_id: int,
    described_at: datetime | None = None,
) -> int:
    """The patient's id in the archive: found by number, or new.

    Locks the patient until the transaction ends, so that a merge cannot happen between this and the
    insertion of the exam.

    Parameters
    ----------
    described_at
        When the description was true, the exam's start; ``None``: now.

    Returns
    -------
    int
        The patient whom the number names, even if merged into another one:
        :func:`cardioserver.archive.exams.insert` follows merges itself.
    """
    raise NotImplementedError
