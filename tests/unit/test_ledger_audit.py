"""Goal: the audit trail shows when it was tampered with, and every version of a policy stays.

Method: a real ledger on SQLite and PostgreSQL; rows are changed behind its back with SQL.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from gatehouse.adapters import ledger_tables
from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.ledger_audit_search import AuditSearch
from gatehouse.errors import ConfigurationError
from gatehouse.pipeline.records import AuditRecord
from gatehouse.policy.model import Delivery
from support.postgresql import database_url, postgresql  # noqa: F401  fixtures
from support.studies import pack, policy


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:  # noqa: F811
    made = Ledger(database_url)
    yield made
    made.close()


def write_rows(ledger: Ledger, count: int) -> None:
    """Write rows that differ."""
    for number in range(count):
        ledger.record_audit("alice", "study.viewed", f"study {number}", "ok", 10.5 + number)


def run(ledger: Ledger, statement: str) -> None:
    """Run a statement behind the ledger's back."""
    with ledger.writing() as connection:
        connection.execute(sa.text(statement))


def test_an_untouched_trail_is_intact(ledger: Ledger) -> None:
    write_rows(ledger, 3)

    report = ledger.verify_audit()

    assert (report.rows, report.is_intact) == (3, True)
    assert [row.sequence for row in ledger.audit_rows(after=1)] == [2, 3]


def test_an_empty_trail_is_intact(ledger: Ledger) -> None:
    assert ledger.verify_audit().is_intact


@pytest.mark.parametrize(
    ("tampering", "first_broken"),
    [
        ("UPDATE audit SET actor = 'mallory' WHERE sequence = 2", 2),
        ("UPDATE audit SET at = 1 WHERE sequence = 3", 3),
        ("DELETE FROM audit WHERE sequence = 2", 2),
        ("DELETE FROM audit WHERE sequence = 4", 4),
        ("DELETE FROM audit", 1),
    ],
)
def test_a_changed_or_missing_row_is_found(
    ledger: Ledger, tampering: str, first_broken: int
) -> None:
    write_rows(ledger, 4)

    run(ledger, tampering)

    report = ledger.verify_audit()
    assert report.broken_at == first_broken
    assert not report.is_intact


def test_an_activated_pack_comes_back_whole_and_in_order(ledger: Ledger) -> None:
    window = Delivery("archive", "peer", window=("18:00", "07:00"))
    wanted = pack(policy("narrow", window), policy("basic"), digest="d1")

    changed = ledger.activate_pack(wanted, "alice", "git abc", 10.0)

    active = ledger.active_pack()
    assert changed
    assert active is not None
    assert [one.name for one in active.policies] == ["narrow", "basic"]
    assert active.policies[0].text == "policy: narrow\n"
    assert active.deliveries[0] == (window,)
    assert (active.digest, active.activated_by, active.source) == ("d1", "alice", "git abc")


def test_activating_the_same_pack_again_changes_nothing(ledger: Ledger) -> None:
    ledger.activate_pack(pack(digest="d1"), "alice", "", 10.0)

    changed = ledger.activate_pack(pack(digest="d1"), "bob", "", 20.0)

    active = ledger.active_pack()
    assert not changed
    assert active is not None
    assert active.activated_by == "alice"
    assert len(ledger.audit_rows()) == 1


def test_an_older_pack_can_be_activated_again_and_every_version_stays(ledger: Ledger) -> None:
    first = pack(policy(version=1), digest="d1")
    second = pack(policy(version=2), digest="d2")
    ledger.activate_pack(first, "alice", "", 10.0)
    ledger.activate_pack(second, "alice", "", 20.0)

    ledger.activate_pack(first, "alice", "", 30.0)

    active = ledger.active_pack()
    assert active is not None
    assert active.digest == "d1"
    assert [one.version for one in ledger.policy_versions("basic")] == [2, 1]
    assert ledger.pack("d2") is not None


def test_the_migrations_make_the_tables_that_the_code_uses(ledger: Ledger) -> None:
    with ledger.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, ledger_tables.metadata)

    assert differences == []


def test_a_ledger_of_a_newer_version_is_refused(ledger: Ledger, database_url: str) -> None:  # noqa: F811
    run(ledger, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(ConfigurationError, match="written by a newer version of Gatehouse"):
        Ledger(database_url)


def test_a_ledger_that_is_opened_again_keeps_its_rows(ledger: Ledger, database_url: str) -> None:  # noqa: F811
    write_rows(ledger, 2)

    again = Ledger(database_url)

    assert again.verify_audit().rows == 2
    again.close()


@pytest.mark.parametrize("url", ["mysql://host/db", "nonsense"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"SQLite or PostgreSQL|can't be read"):
        Ledger(url)


FOUND = {
    AuditSearch(): [6, 5, 4, 3, 2, 1],
    AuditSearch(actor="oscar"): [5, 3],
    AuditSearch(action="study."): [5, 4, 2, 1],
    AuditSearch(action="study.r", actor="oscar"): [5],
    AuditSearch(action="s_udy."): [],
    AuditSearch(about="study 1"): [4, 2],
    AuditSearch(about="study 1 generation 2"): [4],
    AuditSearch(about="study _"): [],
    AuditSearch(about="a*b"): [6],
    AuditSearch(since=1002.0, until=1004.0): [4, 3],
}


def test_the_trail_is_searched_alike_on_both_databases(ledger: Ledger) -> None:
    for actor, action, about, at in (
        ("gatehouse", "study.decided", "study 12", 1000.0),
        ("gatehouse", "study.decided", "study 1", 1001.0),
        ("oscar", "run.created", "run 1", 1002.0),
        ("petra", "study.released", "study 1 generation 2", 1003.0),
        ("oscar", "study.rejected", "study 2 generation 1", 1004.0),
        ("petra", "policy.proposed", "a*b c", 1005.0),
    ):
        ledger.record_audit(actor, action, about, "", at)

    whole = {one: numbers(ledger.search_audit(one)) for one in FOUND}
    newer = {one: numbers(ledger.search_audit(one, after=2, limit=2)) for one in FOUND}
    older = {one: numbers(ledger.search_audit(one, before=5, limit=2)) for one in FOUND}

    assert whole == FOUND
    assert newer == {one: [n for n in found if n > 2][-2:] for one, found in FOUND.items()}
    assert older == {one: [n for n in found if n < 5][:2] for one, found in FOUND.items()}


def numbers(rows: list[AuditRecord]) -> list[int]:
    """Return which rows these are."""
    return [row.sequence for row in rows]
