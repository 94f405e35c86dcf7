"""Where Orthanc keeps an instance's file, and when a held study is looked at again by itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; of instances that are there already the file is fetched over HTTP."""
    op.add_column("instance", sa.Column("file_uuid", sa.Text(), server_default="", nullable=False))
    op.add_column("study", sa.Column("again_at", sa.Double()))
    op.create_index("ix_study_again_at", "study", ["again_at"])


def downgrade() -> None:
    """Drop the columns."""
    op.drop_index("ix_study_again_at", "study")
    op.drop_column("study", "again_at")
    op.drop_column("instance", "file_uuid")
