"""Orders: the worklist."""

from __future__ import annotations

from sqlalchemy import Connection


def complete(connection: Connection, hcf_id: int, accession_number: str, exam_id: int) -> int | None:
    """Mark the order with this accession number as done by an exam.

    Parameters
    ----------
    hcf_id
        Owner of the exam's archive; accession numbers are unique within it.

    Returns
    -------
    int or None
        The order; ``None`` if there is none, or it is cancelled or done already.
    """
    raise NotImplementedError
