"""Auto reports know the event that asked for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the column; there is no event of older reports."""
    op.add_column("auto_report", sa.Column("event_id", _BIG, nullable=True))
