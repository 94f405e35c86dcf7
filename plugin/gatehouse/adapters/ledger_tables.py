"""The tables of the ledger (SQLAlchemy Core), the same on SQLite and PostgreSQL.

The ledger knows Orthanc IDs, states, rules, reasons and digests. It holds no values of attributes
but UIDs, and of these only our own and, for the map to the original, the old SOP Instance UID, and
the Study Instance UID of a study that is to be fetched, until it is there.
Times are seconds since the epoch. A change of these tables needs a migration beside it.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only for the exact type INTEGER.
ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TIME = sa.Double
TEXT = sa.Text


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=False, server_default="")


def _study() -> sa.Column[int]:
    return sa.Column("study_id", ROW_ID, sa.ForeignKey("study.id"), nullable=False)


server = sa.Table(
    "server",
    metadata,
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("cursor", sa.BigInteger, nullable=False),
    sa.Column("first_seen_at", TIME, nullable=False),
    sa.Column("updated_at", TIME, nullable=False),
)

study = sa.Table(
    "study",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    sa.Column("server", TEXT, nullable=False),
    sa.Column("orthanc_id", TEXT, nullable=False),
    sa.Column("state", TEXT, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("first_received_at", TIME, nullable=False),
    sa.Column("last_received_at", TIME, nullable=False),
    sa.Column("state_changed_at", TIME, nullable=False),
    _text("policy"),
    sa.Column("policy_version", sa.Integer, nullable=False, server_default="0"),
    _text("policy_digest"),
    _text("rule"),
    _text("reason"),
    # For people to search by. Modalities as of the SOP classes, in order, with blanks between:
    # the Standard's words, not the study's.
    _text("modalities"),
    _text("source"),
    # When a held study is looked at again by itself; NULL: when somebody asks or more comes.
    sa.Column("again_at", TIME),
    sa.UniqueConstraint("server", "orthanc_id"),
    sa.Index(None, "first_received_at"),
    sa.Index(None, "again_at"),
    sa.Index(None, "state", "last_received_at"),
    sa.Index(None, "state_changed_at"),
    sa.Index(None, "orthanc_id"),
)

transition = sa.Table(
    "transition",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    _study(),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("at", TIME, nullable=False),
    sa.Column("state", TEXT, nullable=False),
    _text("rule"),
    _text("reason"),
    sa.Index(None, "study_id"),
    sa.Index(None, "at"),
)

instance = sa.Table(
    "instance",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    _study(),
    sa.Column("orthanc_id", TEXT, nullable=False),
    sa.Column("series_orthanc_id", TEXT, nullable=False),
    sa.Column("attachment_digest", TEXT, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("received_at", TIME, nullable=False),
    sa.Column("vanished_at", TIME),
    # The name of its file in Orthanc's storage area, as far as it is known.
    _text("file_uuid"),
    _text("protocol"),
    _text("calling_aet"),
    _text("called_aet"),
    _text("remote_address"),
    _text("user"),
    sa.UniqueConstraint("study_id", "orthanc_id"),
    sa.Index(None, "orthanc_id"),
)

own_output = sa.Table(
    "own_output",
    metadata,
    sa.Column("server", TEXT, primary_key=True),
    sa.Column("orthanc_id", TEXT, primary_key=True),
    _study(),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("study_orthanc_id", TEXT, nullable=False),
    sa.Column("registered_at", TIME, nullable=False),
    sa.Index(None, "study_id"),
    sa.Index(None, "study_orthanc_id"),
)

decision = sa.Table(
    "decision",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    _study(),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("outcome", TEXT, nullable=False),
    _text("policy"),
    sa.Column("policy_version", sa.Integer, nullable=False, server_default="0"),
    _text("policy_digest"),
    _text("pack_digest"),
    _text("rule"),
    _text("reason"),
    _text("instance"),
    # The deliveries whose own conditions hold, as [via, to]; null: all of the policy.
    sa.Column("destinations", sa.JSON(none_as_null=True)),
    sa.Column("decided_at", TIME, nullable=False),
    sa.UniqueConstraint("study_id", "generation"),
)

asked = sa.Table(
    "asked",
    metadata,
    sa.Column("decision_id", ROW_ID, sa.ForeignKey("decision.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    _text("policy"),
    _text("rule"),
    sa.Column("answer", TEXT, nullable=False),
    sa.Column("line", sa.Integer, nullable=False, server_default="0"),
)

hold = sa.Table(
    "hold",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    _study(),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("rule", TEXT, nullable=False),
    sa.Column("reason", TEXT, nullable=False),
    _text("path"),
    _text("instance"),
    sa.Column("held_at", TIME, nullable=False),
    sa.Column("resolved_at", TIME),
    _text("resolved_by"),
    _text("resolution"),
    # When people were told of it by a notice; NULL: not yet.
    sa.Column("told_at", TIME),
    sa.Index(None, "study_id"),
    sa.Index(None, "resolved_at", "held_at"),
    sa.Index(None, "told_at"),
)

output = sa.Table(
    "output",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    _study(),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("instance", TEXT, nullable=False),
    sa.Column("attachment_digest", TEXT, nullable=False),
    sa.Column("policy_digest", TEXT, nullable=False),
    sa.Column("key_id", TEXT, nullable=False),
    sa.Column("software", TEXT, nullable=False),
    sa.Column("sop_class_uid", TEXT, nullable=False),
    sa.Column("transfer_syntax_uid", TEXT, nullable=False),
    sa.Column("sop_instance_uid_old", TEXT, nullable=False),
    sa.Column("sop_instance_uid_new", TEXT, nullable=False),
    sa.Column("series_instance_uid_new", TEXT, nullable=False),
    sa.Column("study_instance_uid_new", TEXT, nullable=False),
    sa.Column("orthanc_id_new", TEXT, nullable=False),
    sa.Column("study_orthanc_id_new", TEXT, nullable=False),
    sa.Column("sha256", TEXT, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("needles", sa.Integer, nullable=False),
    sa.Column("actions", sa.JSON, nullable=False),
    sa.Column("carried_from", sa.Integer, nullable=False, server_default="0"),
    sa.UniqueConstraint("study_id", "generation", "instance"),
    sa.Index(None, "sop_instance_uid_new"),
)

delivery = sa.Table(
    "delivery",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    _study(),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("via", TEXT, nullable=False),
    sa.Column("destination", TEXT, nullable=False),
    sa.Column("policy_digest", TEXT, nullable=False),
    sa.Column("state", TEXT, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created_at", TIME, nullable=False),
    sa.Column("tried_at", TIME),
    sa.Column("next_try_at", TIME),
    sa.Column("finished_at", TIME),
    # When an operator had it tried again after it was given up: its longest time begins anew.
    sa.Column("retried_at", TIME),
    _text("last_error"),
    # When people were told by a notice that it was given up; NULL: not yet, or not given up.
    sa.Column("told_at", TIME),
    # How long and when it may be tried: the policy's words, with the pack's defaults filled in.
    sa.Column("terms", sa.JSON, nullable=False),
    sa.UniqueConstraint("study_id", "generation", "via", "destination"),
    sa.Index(None, "state", "next_try_at"),
    sa.Index(None, "state", "told_at"),
)

receipt = sa.Table(
    "receipt",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    _study(),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("via", TEXT, nullable=False),
    sa.Column("destination", TEXT, nullable=False),
    sa.Column("sop_instance_uid", TEXT, nullable=False),
    sa.Column("sha256", TEXT, nullable=False),
    sa.Column("status", TEXT, nullable=False),
    sa.Column("is_stored", sa.Boolean, nullable=False),
    _text("detail"),
    sa.Column("received_at", TIME, nullable=False),
    # A second word of the destination, asked for afterwards, and how it was asked.
    sa.Column("confirmed_at", TIME),
    _text("confirmed_by"),
    sa.UniqueConstraint("study_id", "via", "destination", "sop_instance_uid", "sha256"),
)

destination = sa.Table(
    "destination",
    metadata,
    sa.Column("via", TEXT, primary_key=True),
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("paused_at", TIME),
    _text("paused_by"),
    # Attempts in a row to which it did not answer; when that opened its circuit; next probe.
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("opened_at", TIME),
    sa.Column("probe_at", TIME),
    _text("last_error"),
    sa.Column("last_error_at", TIME),
    sa.Column("answered_at", TIME),
)

run = sa.Table(
    "run",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    sa.Column("policy", TEXT, nullable=False),
    sa.Column("source", TEXT, nullable=False),
    _text("modality"),
    sa.Column("state", TEXT, nullable=False),
    sa.Column("at_once", sa.Integer, nullable=False),
    sa.Column("per_hour", sa.Double),
    _text("window"),
    sa.Column("created_at", TIME, nullable=False),
    sa.Column("created_by", TEXT, nullable=False),
    sa.Column("finished_at", TIME),
)

run_item = sa.Table(
    "run_item",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    sa.Column("run_id", ROW_ID, sa.ForeignKey("run.id"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    _text("study_orthanc_id"),
    # By what a remote PACS is asked for the study; emptied when it has come.
    _text("study_instance_uid"),
    sa.Column("state", TEXT, nullable=False),
    sa.Column("generation", sa.Integer),
    _text("reason"),
    sa.Column("begun_at", TIME),
    sa.Column("finished_at", TIME),
    sa.UniqueConstraint("run_id", "position"),
    sa.Index(None, "run_id", "state"),
    sa.Index(None, "study_orthanc_id"),
)

policy_version = sa.Table(
    "policy_version",
    metadata,
    sa.Column("digest", TEXT, primary_key=True),
    sa.Column("name", TEXT, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("text", TEXT, nullable=False),
    sa.Column("first_active_at", TIME, nullable=False),
    sa.Index(None, "name", "version"),
)

pack = sa.Table(
    "pack",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    sa.Column("digest", TEXT, nullable=False),
    sa.Column("policies", sa.JSON, nullable=False),
    sa.Column("activated_at", TIME, nullable=False),
    sa.Column("activated_by", TEXT, nullable=False),
    _text("source"),
    sa.Column("reception", sa.Boolean, nullable=False, server_default=sa.false()),
)

worker = sa.Table(
    "worker",
    metadata,
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("host", TEXT, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("version", TEXT, nullable=False),
    sa.Column("processes", sa.Integer, nullable=False),
    sa.Column("started_at", TIME, nullable=False),
    sa.Column("heartbeat_at", TIME, nullable=False),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", TIME, nullable=False),
    sa.Column("actor", TEXT, nullable=False),
    sa.Column("action", TEXT, nullable=False),
    _text("object"),
    _text("policy_digest"),
    _text("outcome"),
    _text("detail"),
    sa.Column("previous", TEXT, nullable=False),
    sa.Column("digest", TEXT, nullable=False),
    sa.Index(None, "at"),
    sa.Index(None, "actor", "sequence"),
    sa.Index(None, "action", "sequence"),
    sa.Index("ix_audit_object", "object", postgresql_ops={"object": "text_pattern_ops"}),
)

audit_head = sa.Table(
    "audit_head",
    metadata,
    # One row, which is locked while the next row of the trail is written.
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("digest", TEXT, nullable=False),
)
