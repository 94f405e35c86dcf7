"""The database of the durable workflows: how DBOS reaches it, and what it must survive."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import sqlalchemy as sa
from dbos import DBOS

POOL_SIZE = 20
POOL_TIMEOUT_S = 30
IDLE_TRANSACTION_MS = 60_000
"""PostgreSQL ends a session that idles in a transaction for longer, and with it its locks."""


def prepare_workflows(url: str) -> None:
    """Make or migrate the tables of the durable workflows."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        # Kept in the file: readers then don't wait for writers. Each commit is still synced.
        with closing(sqlite3.connect(parsed.database, timeout=30.0)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
    DBOS.migrate(url)


def workflows_engine(url: str) -> sa.Engine | None:
    """Return the engine that DBOS is to use; None for SQLite, where its own is right.

    DBOS waits for a database that is away, and goes on when it is back, but knows only some of the
    texts by which psycopg says so: at "connection is bad" (refused) it would drop the workflow.
    Here every error without an SQLSTATE, that is, none of the server's own, is a lost connection.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return None
    engine = sa.create_engine(
        parsed,
        hide_parameters=True,
        max_overflow=0,
        pool_pre_ping=True,
        pool_size=POOL_SIZE,
        pool_timeout=POOL_TIMEOUT_S,
        connect_args={
            "application_name": "gatehouse",
            "connect_timeout": 10,
            "options": f"-c idle_in_transaction_session_timeout={IDLE_TRANSACTION_MS}",
        },
    )
    sa.event.listen(engine, "handle_error", _say_that_it_is_away)
    return engine


def _say_that_it_is_away(context: Any) -> None:
    error = context.original_exception
    is_operational = type(error).__name__ == "OperationalError"
    if is_operational and getattr(error, "sqlstate", None) is None:
        context.is_disconnect = True
