"""Find rows of the audit trail by when, who it was, what was done, and to what."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the indexes."""
    op.create_index(op.f("ix_audit_at"), "audit", ["at"])
    op.create_index(op.f("ix_audit_actor_sequence"), "audit", ["actor", "sequence"])
    op.create_index(op.f("ix_audit_action_sequence"), "audit", ["action", "sequence"])
    op.create_index(
        op.f("ix_audit_object"),
        "audit",
        ["object"],
        # So that PostgreSQL takes it for how a text begins, whatever its language is.
        postgresql_ops={"object": "text_pattern_ops"},
    )


def downgrade() -> None:
    """Drop the indexes."""
    op.drop_index(op.f("ix_audit_object"), table_name="audit")
    op.drop_index(op.f("ix_audit_action_sequence"), table_name="audit")
    op.drop_index(op.f("ix_audit_actor_sequence"), table_name="audit")
    op.drop_index(op.f("ix_audit_at"), table_name="audit")
