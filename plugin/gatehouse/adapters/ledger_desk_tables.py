"""The tables of the ledger for what people ask for: drafts, shadows, releases, rejections, notices.

As in ``ledger_tables``, times are seconds since the epoch, and no value of an attribute is here.
"""

from __future__ import annotations

import sqlalchemy as sa

from gatehouse.adapters.ledger_tables import ROW_ID, TEXT, TIME, metadata

proposal = sa.Table(
    "proposal",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    sa.Column("kind", TEXT, nullable=False),
    sa.Column("name", TEXT, nullable=False, server_default=""),
    sa.Column("version", sa.Integer, nullable=False, server_default="0"),
    # What decided when it was made: approval of anything else would approve what nobody read.
    sa.Column("base_digest", TEXT, nullable=False),
    # Digest of the folder that is proposed; empty for a text.
    sa.Column("folder_digest", TEXT, nullable=False, server_default=""),
    # Path in the folder -> text.
    sa.Column("files", sa.JSON, nullable=False),
    sa.Column("because", TEXT, nullable=False, server_default=""),
    sa.Column("proposed_by", TEXT, nullable=False),
    sa.Column("proposed_at", TIME, nullable=False),
    sa.Column("state", TEXT, nullable=False),
    sa.Column("decided_by", TEXT, nullable=False, server_default=""),
    sa.Column("decided_at", TIME),
    # When people were told of it by a notice; NULL: not yet.
    sa.Column("told_at", TIME),
    sa.Index(None, "state"),
)

shadow = sa.Table(
    "shadow",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    sa.Column("name", TEXT, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("digest", TEXT, nullable=False),
    sa.Column("text", TEXT, nullable=False),
    sa.Column("begun_at", TIME, nullable=False),
    sa.Column("begun_by", TEXT, nullable=False),
    sa.Column("ended_at", TIME),
    sa.Index(None, "name"),
)

shadow_comparison = sa.Table(
    "shadow_comparison",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    sa.Column("shadow_id", ROW_ID, sa.ForeignKey("shadow.id"), nullable=False),
    sa.Column("study_id", ROW_ID, sa.ForeignKey("study.id"), nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("compared_at", TIME, nullable=False),
    # "alike", "otherwise" or "unreadable".
    sa.Column("outcome", TEXT, nullable=False),
    sa.Column("found", sa.JSON, nullable=False),
    sa.UniqueConstraint("shadow_id", "study_id", "generation"),
)

study_release = sa.Table(
    "study_release",
    metadata,
    sa.Column("study_id", ROW_ID, sa.ForeignKey("study.id"), primary_key=True),
    sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("policy", TEXT, nullable=False),
    sa.Column("accept", sa.JSON, nullable=False),
    sa.Column("justification", TEXT, nullable=False),
    sa.Column("released_by", TEXT, nullable=False),
    sa.Column("released_at", TIME, nullable=False),
)

rejection = sa.Table(
    "rejection",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    sa.Column("study_id", ROW_ID, sa.ForeignKey("study.id"), nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("justification", TEXT, nullable=False),
    sa.Column("rejected_by", TEXT, nullable=False),
    sa.Column("rejected_at", TIME, nullable=False),
    sa.Column("due_at", TIME, nullable=False),
    # "pending", "taken-back", "done" or "outdated".
    sa.Column("state", TEXT, nullable=False),
    sa.Index(None, "study_id", "generation"),
    sa.Index(None, "state", "due_at"),
)

notice = sa.Table(
    "notice",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    sa.Column("event", TEXT, nullable=False),
    sa.Column("channel", TEXT, nullable=False),
    sa.Column("content", sa.JSON, nullable=False),
    sa.Column("created_at", TIME, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_try_at", TIME),
    sa.Column("sent_at", TIME),
    sa.Column("last_error", TEXT, nullable=False, server_default=""),
    sa.Index(None, "event", "id"),
    sa.Index(None, "next_try_at"),
)
