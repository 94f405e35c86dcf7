"""The tables of the ledger for reception mode: what was taken in, and what was refused.

As in ``ledger_tables``, times are seconds since the epoch, and no value of an attribute is here but
the old SOP Instance UID, for the map to the original.
"""

from __future__ import annotations

import sqlalchemy as sa

from gatehouse.adapters.ledger_tables import ROW_ID, TEXT, TIME, metadata

reception_mark = sa.Table(
    "reception_mark",
    metadata,
    sa.Column("server", TEXT, primary_key=True),
    # Of what was made. The same instance can come again, and come out otherwise.
    sa.Column("orthanc_id", TEXT, primary_key=True),
    sa.Column("sha256", TEXT, primary_key=True),
    sa.Column("marked_at", TIME, nullable=False),
    sa.Column("study_orthanc_id", TEXT, nullable=False),
    sa.Column("pack_digest", TEXT, nullable=False),
    sa.Column("policy_digest", TEXT, nullable=False),
    sa.Column("key_id", TEXT, nullable=False),
    sa.Column("software", TEXT, nullable=False),
    sa.Column("sop_class_uid", TEXT, nullable=False),
    sa.Column("transfer_syntax_uid", TEXT, nullable=False),
    sa.Column("sop_instance_uid_old", TEXT, nullable=False),
    sa.Column("sop_instance_uid_new", TEXT, nullable=False),
    sa.Column("series_instance_uid_new", TEXT, nullable=False),
    sa.Column("study_instance_uid_new", TEXT, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("needles", sa.Integer, nullable=False),
    sa.Column("actions", sa.JSON, nullable=False),
)

refusal = sa.Table(
    "refusal",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    sa.Column("server", TEXT, nullable=False),
    sa.Column("at", TIME, nullable=False),
    sa.Column("rule", TEXT, nullable=False),
    sa.Column("reason", TEXT, nullable=False),
    sa.Column("path", TEXT, nullable=False, server_default=""),
    # Orthanc IDs that the original would have had, and the digest of the policy that decided.
    sa.Column("study", TEXT, nullable=False, server_default=""),
    sa.Column("instance", TEXT, nullable=False, server_default=""),
    sa.Column("policy", TEXT, nullable=False, server_default=""),
    sa.Index(None, "at"),
)

reception_count = sa.Table(
    "reception_count",
    metadata,
    sa.Column("server", TEXT, primary_key=True),
    # Empty: taken in; else the rule by which so many were refused. Refusals themselves are not
    # kept for ever.
    sa.Column("rule", TEXT, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
)

journal_file = sa.Table(
    "journal_file",
    metadata,
    sa.Column("server", TEXT, primary_key=True),
    sa.Column("name", TEXT, primary_key=True),
    # Bytes of it that are in the tables above.
    sa.Column("position", sa.BigInteger, nullable=False),
)
