"""Connections, transactions and migrations of the ledger.

A transaction of the ledger is durable when it has returned: SQLite runs in WAL mode with
``synchronous = FULL``, and PostgreSQL with its default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy.dialects import postgresql, sqlite

from gatehouse.adapters.ledger_tables import study, transition
from gatehouse.errors import ConfigurationError, StateError
from gatehouse.pipeline.states import StudyState, step

BUSY_TIMEOUT_MS = 30_000
"""Writers of SQLite wait for each other; a whole batch of the inbox takes well below a second."""

CHUNK = 500
"""Bound values in one statement: well below SQLite's and PostgreSQL's limits."""

MIGRATION_LOCK = 0x6761746568
"""PostgreSQL's advisory lock while migrations run; any number that nobody else uses there."""

T = TypeVar("T")


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut a sequence into pieces that fit into one statement."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


class LedgerBase:
    """The database of the ledger.

    Parameters
    ----------
    url : str
        SQLAlchemy URL: ``sqlite:////absolute/path`` or ``postgresql+psycopg://...``.
    migrate : bool
        Bring the tables up to date first. Processes that start together wait for each other.

    Raises
    ------
    ConfigurationError
        If the tables were made by a newer version of Gatehouse.
    """

    def __init__(self, url: str, *, migrate: bool = True) -> None:
        self.engine = _create_engine(url)
        if migrate:
            self._migrate()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def reading(self) -> AbstractContextManager[sa.Connection]:
        """Begin a transaction that only reads; on SQLite it waits for no writer."""
        return self.engine.execution_options(gatehouse_reads=True).begin()

    def writing(self) -> AbstractContextManager[sa.Connection]:
        """Begin a transaction that may write; on SQLite it has the write lock from its start."""
        return self.engine.begin()

    def insert(self, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
        """Return an INSERT that can say ``on_conflict_do_...``."""
        if self.engine.dialect.name == "sqlite":
            return sqlite.insert(table)
        return postgresql.insert(table)

    def upsert(
        self,
        connection: sa.Connection,
        table: sa.Table,
        keys: Sequence[str],
        *rows: Mapping[str, Any],
    ) -> None:
        """Insert rows, or update those that have the same values in the columns ``keys``."""
        if not rows:
            return
        statement = self.insert(table)
        values = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        connection.execute(
            statement.on_conflict_do_update(index_elements=keys, set_=values),
            [dict(row) for row in rows],
        )

    def _move(
        self,
        connection: sa.Connection,
        study_id: int,
        generation: int,
        state: StudyState,
        now: float,
        *,
        rule: str = "",
        reason: str = "",
        is_first: bool = False,
        **columns: Any,
    ) -> None:
        """Put a study into a state, and keep this step in its history.

        Parameters
        ----------
        is_first : bool
            The study was not known before.

        Raises
        ------
        StateError
            If the table of steps (``pipeline.states``) has no such step.
        """
        before = connection.execute(
            sa.select(study.c.state, study.c.generation).where(study.c.id == study_id)
        ).one()
        opens = generation == before.generation + 1
        taken = step(None if is_first else before.state, state, opens=opens)
        if taken is None or not (opens or generation == before.generation):
            raise StateError(f"a study can't go from {before.state} to {state} so")
        values = {"again_at": None, **columns}
        connection.execute(
            sa.update(study)
            .where(study.c.id == study_id)
            .values(
                state=state,
                generation=generation,
                state_changed_at=now,
                rule=rule,
                reason=reason,
                **values,
            )
        )
        connection.execute(
            sa.insert(transition).values(
                study_id=study_id,
                generation=generation,
                at=now,
                state=state,
                rule=rule,
                reason=reason or taken.reason,
            )
        )

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", "gatehouse.adapters:migrations")
        newest = ScriptDirectory.from_config(config).get_current_head()
        with self.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            if MigrationContext.configure(connection).get_current_revision() == newest:
                return
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise ConfigurationError(
                    "the database of the ledger was written by a newer version of Gatehouse; "
                    "install that version, or restore a backup"
                ) from error


def _create_engine(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise ConfigurationError("the database URL can't be read") from None
    # Parameters hold Orthanc IDs and digests; nothing of them belongs into an exception's text.
    if parsed.get_backend_name() == "postgresql":
        return sa.create_engine(parsed, hide_parameters=True, pool_pre_ping=True)
    if parsed.get_backend_name() != "sqlite":
        raise ConfigurationError("the database must be SQLite or PostgreSQL")
    engine = sa.create_engine(
        parsed, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000}
    )
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(dbapi_connection: Any, _record: object) -> None:
    # With isolation_level None, Python's driver begins no transactions of its own: we do.
    dbapi_connection.isolation_level = None
    dbapi_connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    dbapi_connection.execute("PRAGMA journal_mode = WAL")
    dbapi_connection.execute("PRAGMA synchronous = FULL")
    dbapi_connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that reads first and writes later can fail at once with "database is locked",
    # whatever the timeout; one that takes the write lock at its start waits for its turn.
    reads = connection.get_execution_options().get("gatehouse_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
