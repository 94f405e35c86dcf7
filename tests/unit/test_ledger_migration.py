"""Goal: a ledger of an earlier release goes on: nothing in it is lost, changed or done again.

Method: the rows that a real gateway of the first release left (``support/ledger_0001.json``: a
study done, one held, one on its way to a destination that is away, one that waits and one that
still arrives) are put into tables of that release, which are then brought up to date, on SQLite and
PostgreSQL.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from gatehouse.adapters.ledger import Ledger
from gatehouse.pipeline.packs import PackShelf
from gatehouse.pipeline.records import StudyKey
from support.postgresql import database_url, postgresql  # noqa: F401  fixtures

ROWS: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parents[1] / "support/ledger_0001.json").read_text()
)

NOW = 4_000_000_000.0


def upgrade(connection: sa.Connection, revision: str) -> None:
    """Bring the tables to a revision."""
    config = Config()
    config.set_main_option("script_location", "gatehouse.adapters:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


@pytest.fixture
def old(database_url: str) -> str:  # noqa: F811  the fixture
    """URL of a database as the first release left it."""
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        upgrade(connection, "0001")
        tables = sa.MetaData()
        tables.reflect(connection)
        for name, rows in ROWS.items():
            connection.execute(sa.insert(tables.tables[name]), rows)
            if connection.dialect.name == "postgresql" and "id" in tables.tables[name].c:
                # Rows that came with their numbers have not moved the counter.
                sequence = sa.func.pg_get_serial_sequence(name, "id")
                newest = sa.select(sa.func.max(tables.tables[name].c.id)).scalar_subquery()
                connection.execute(sa.select(sa.func.setval(sequence, newest)))
    engine.dispose()
    return database_url


@pytest.fixture
def ledger(old: str) -> Iterator[Ledger]:
    made = Ledger(old)
    yield made
    made.close()


def test_every_row_of_the_first_release_is_still_there(ledger: Ledger) -> None:
    tables = sa.MetaData()
    tables.reflect(ledger.engine)

    with ledger.reading() as connection:
        for name, rows in ROWS.items():
            table = tables.tables[name]
            kept = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
            for row in rows:
                assert any(row.items() <= new.items() for new in kept), (name, row)


def test_states_evidence_and_the_audit_trail_are_read_as_before(ledger: Ledger) -> None:
    assert dict(ledger.counts().studies) == {
        "done": 1,
        "held": 1,
        "delivering": 1,
        "waiting": 1,
        "receiving": 1,
    }
    assert ledger.verify_audit().is_intact
    [away, delivered] = ledger.deliveries()
    assert (delivered.state, delivered.receipts) == ("delivered", 3)
    assert (away.state, away.receipts) == ("waiting", 0)
    assert len(ledger.outputs(StudyKey(1, 1))) == 3
    assert [hold.rule for hold in ledger.holds()] == ["pixels.suspicious"] * 2


def test_the_policies_that_decided_then_still_decide(ledger: Ledger) -> None:
    pack = PackShelf(ledger).active()

    record = ledger.active_pack()
    assert record is not None
    assert [policy.digest for policy in pack.policies] == [record.policies[0].digest]


def test_a_study_that_was_arriving_goes_on(ledger: Ledger) -> None:
    keys = ledger.quiet_studies(NOW, 60.0)

    # The one that waited is among them: at a start, nobody may be at it any more.
    assert set(keys) == {StudyKey(4, 1), StudyKey(5, 1)}
    assert ledger.advance(StudyKey(5, 1), "processing", NOW)


def test_what_is_received_next_gets_numbers_of_its_own(ledger: Ledger) -> None:
    from support.studies import SERVER, received

    assert ledger.record_changes(SERVER, 1_000_000, [received()], NOW) == 1

    assert {one.study_id for one in ledger.studies()} == {1, 2, 3, 4, 5, 6}


def test_what_notices_have_told_of_is_not_told_again(old: str) -> None:
    engine = sa.create_engine(old)
    with engine.begin() as connection:
        upgrade(connection, "0006")
        tables = sa.MetaData()
        tables.reflect(connection)
        first = connection.scalar(sa.select(sa.func.min(tables.tables["hold"].c.id)))
        about = {"event": "held", "channel": "email", "up_to": first, "content": {}}
        connection.execute(sa.insert(tables.tables["notice"]).values(**about, created_at=1.0))
    engine.dispose()
    ledger = Ledger(old)

    ledger.tell_news(["email"], NOW)

    [made] = ledger.due_notices(NOW)
    assert (made.event, made.content) == ("held", {"counts": {"pixels.suspicious": 1}})
    ledger.close()
