"""Of each hold, failed delivery and proposal: whether people were told.

Before, a notice said up to which row it spoke. Of two writers the one with the lower row may be the
later to commit, and clocks of two hosts differ: what came so was never told of.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TOLD = """
UPDATE {table} SET told_at = {at}
WHERE {row} <= (SELECT coalesce(max(up_to), 0) FROM notice WHERE event = '{event}')
"""


def upgrade() -> None:
    """Add the columns, and note what notices have told of."""
    for table in ("hold", "delivery", "proposal"):
        op.add_column(table, sa.Column("told_at", sa.Double(), nullable=True))
    op.create_index(op.f("ix_hold_told_at"), "hold", ["told_at"], unique=False)
    op.create_index(op.f("ix_delivery_state_told_at"), "delivery", ["state", "told_at"])
    op.execute(TOLD.format(table="hold", at="held_at", row="id", event="held"))
    op.execute(
        TOLD.format(
            table="delivery",
            at="finished_at",
            row="state = 'failed' AND finished_at * 1000000",
            event="failed",
        )
    )
    op.execute(TOLD.format(table="proposal", at="proposed_at", row="id", event="proposed"))
    op.drop_column("notice", "up_to")


def downgrade() -> None:
    """Drop the columns; notices begin from nothing again."""
    op.add_column("notice", sa.Column("up_to", sa.BigInteger(), server_default="0", nullable=False))
    op.drop_index(op.f("ix_delivery_state_told_at"), "delivery")
    op.drop_index(op.f("ix_hold_told_at"), "hold")
    for table in ("hold", "delivery", "proposal"):
        op.drop_column(table, "told_at")
