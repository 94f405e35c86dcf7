"""Alembic migrations of the ledger; run at start, under a lock."""
