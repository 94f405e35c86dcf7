"""What destinations are like now, more about each delivery, and runs over an archive."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the table and the columns."""
    op.create_table(
        "destination",
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("paused_at", sa.Double()),
        sa.Column("paused_by", sa.Text(), server_default="", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("opened_at", sa.Double()),
        sa.Column("probe_at", sa.Double()),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("last_error_at", sa.Double()),
        sa.Column("answered_at", sa.Double()),
        sa.PrimaryKeyConstraint("via", "name", name="pk_destination"),
    )
    op.create_table(
        "run",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("modality", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at_once", sa.Integer(), nullable=False),
        sa.Column("per_hour", sa.Double()),
        sa.Column("window", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("finished_at", sa.Double()),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
    )
    op.create_table(
        "run_item",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("run_id", ROW_ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("study_orthanc_id", sa.Text(), server_default="", nullable=False),
        sa.Column("study_instance_uid", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer()),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("begun_at", sa.Double()),
        sa.Column("finished_at", sa.Double()),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_item_run_id"),
        sa.PrimaryKeyConstraint("id", name="pk_run_item"),
        sa.UniqueConstraint("run_id", "position", name="uq_run_item_run_id_position"),
    )
    op.create_index("ix_run_item_run_id_state", "run_item", ["run_id", "state"])
    op.create_index("ix_run_item_study_orthanc_id", "run_item", ["study_orthanc_id"])
    op.add_column("decision", sa.Column("destinations", sa.JSON()))
    op.add_column("delivery", sa.Column("retried_at", sa.Double()))
    op.add_column("receipt", sa.Column("confirmed_at", sa.Double()))
    op.add_column(
        "receipt", sa.Column("confirmed_by", sa.Text(), server_default="", nullable=False)
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_column("receipt", "confirmed_by")
    op.drop_column("receipt", "confirmed_at")
    op.drop_column("delivery", "retried_at")
    op.drop_column("decision", "destinations")
    op.drop_table("run_item")
    op.drop_table("run")
    op.drop_table("destination")
