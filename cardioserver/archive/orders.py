"""Orders: the worklist."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from cardioserver.archive.schema import ecg_order as table
from cardioserver.protocol.messages import OrderStatus

OPEN = (int(OrderStatus.NEW), int(OrderStatus.TAKEN))


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
    numbered = (table.c.hcf_id == hcf_id, table.c.accession_number == accession_number.strip())
    order_id = connection.scalar(select(table.c.order_id).where(*numbered).with_for_update())
    if order_id is None:
        return None
    done = update(table).where(table.c.order_id == order_id, table.c.status.in_(OPEN))
    done = done.values(status=int(OrderStatus.DONE), exam_id=exam_id)
    return order_id if connection.execute(done).rowcount else None
