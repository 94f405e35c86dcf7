"""By what studies are searched: the modalities of their objects, and where they came from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; studies that are there already have no modalities until they are re-sent."""
    op.add_column("study", sa.Column("modalities", sa.Text(), server_default="", nullable=False))
    op.add_column("study", sa.Column("source", sa.Text(), server_default="", nullable=False))
    op.create_index("ix_study_first_received_at", "study", ["first_received_at"])
    op.create_index("ix_transition_at", "transition", ["at"])
    op.execute(
        "UPDATE study SET source = COALESCE((SELECT MAX(CASE WHEN instance.calling_aet <> '' "
        "THEN instance.calling_aet ELSE instance.remote_address END) FROM instance "
        "WHERE instance.study_id = study.id), '')"
    )


def downgrade() -> None:
    """Drop the columns."""
    op.drop_index("ix_transition_at", "transition")
    op.drop_index("ix_study_first_received_at", "study")
    op.drop_column("study", "source")
    op.drop_column("study", "modalities")
