"""What Alembic runs: the migrations, on the connection (and in the transaction) it is given."""

from __future__ import annotations

from alembic import context

from gatehouse.adapters.ledger_tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite can change few things of a table in place; Alembic then copies the table.
    render_as_batch=True,
    # The caller's transaction holds the lock and all steps: either all of them are there or none.
    transactional_ddl=False,
)
context.run_migrations()
