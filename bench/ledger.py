"""Whether a ledger with a million rows makes a study's way more expensive than an empty one."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from gatehouse.adapters import ledger_tables as tables
from gatehouse.adapters.ledger import Ledger
from gatehouse.pipeline.ports import InstanceReceipt, ReceivedInstance
from gatehouse.pipeline.records import DeliveryKey, Output, StudyKey
from gatehouse.policy.load import load_single
from gatehouse.policy.model import Decision, Delivery, Origin, Outcome, Pack, Policy

FEW, MANY = 1_000, 1_000_000
"""Rows."""

INSTANCES = 200
"""Of a study."""

ROWS_OF_A_STUDY = 4 * INSTANCES + 8
ROUNDS = 9
SERVER = "bench"
POLICY = Path(__file__).parent / "policies" / "bench" / "bench.yaml"


def cost_of_a_full_ledger(scratch: Path) -> float:
    """Return the ratio of what a study costs the ledger, in user plus system time of a processor.

    Notes
    -----
    Every call that service and workers make for a study of 200 instances is made, in their order.
    """
    ledgers = [_filled(scratch / f"ledger-{rows}.db", rows) for rows in (FEW, MANY)]
    ratios = []
    for number in range(ROUNDS):
        few_s, many_s = (_cost_of_a_study(ledger, number) for ledger in ledgers)
        ratios.append(many_s / few_s)
    for ledger in ledgers:
        ledger.close()
    return statistics.median(ratios)


def _filled(file: Path, rows: int) -> Ledger:
    ledger = Ledger(f"sqlite:///{file}")
    ledger.activate_pack(Pack((_policy(),), "bench"), "bench", "", 1.0)
    studies = max(1, rows // ROWS_OF_A_STUDY)
    with ledger.writing() as connection:
        for number in range(studies):
            for table, values in _rows_of_a_study(number):
                connection.execute(sa.insert(table), values)
    return ledger


def _rows_of_a_study(number: int) -> Iterator[tuple[sa.Table, list[dict[str, Any]]]]:
    """Yield what a study leaves in the ledger that was delivered a while ago."""
    study_id, at = number + 1, 1000.0 + number
    policy = _policy()
    run = {"study_id": study_id, "generation": 1}
    where = {"via": "dicom", "destination": "research-pacs"}
    yield (
        tables.study,
        [
            {
                "id": study_id,
                "server": SERVER,
                "orthanc_id": f"old-{number}",
                "state": "done",
                "generation": 1,
                "first_received_at": at,
                "last_received_at": at,
                "state_changed_at": at,
                "policy": policy.name,
                "policy_digest": policy.digest,
            }
        ],
    )
    states = ("receiving", "waiting", "processing", "delivering", "done")
    yield tables.transition, [{**run, "at": at, "state": state} for state in states]
    made = [_output(f"old-{number}", index) for index in range(INSTANCES)]
    yield (
        tables.instance,
        [
            {
                "study_id": study_id,
                "orthanc_id": one.instance,
                "series_orthanc_id": "series",
                "attachment_digest": one.attachment_digest,
                "generation": 1,
                "received_at": at,
            }
            for one in made
        ],
    )
    fields = Output.__dataclass_fields__
    yield tables.output, [{**run, **{name: getattr(one, name) for name in fields}} for one in made]
    yield (
        tables.own_output,
        [
            {
                **run,
                "server": SERVER,
                "orthanc_id": one.orthanc_id_new,
                "registered_at": at,
                "study_orthanc_id": one.study_orthanc_id_new,
            }
            for one in made
        ],
    )
    yield (
        tables.delivery,
        [
            {
                **run,
                **where,
                "policy_digest": policy.digest,
                "state": "delivered",
                "terms": {},
                "created_at": at,
                "finished_at": at,
            }
        ],
    )
    yield (
        tables.receipt,
        [
            {
                **run,
                **where,
                "sop_instance_uid": one.sop_instance_uid_new,
                "sha256": one.sha256,
                "status": "0x0000",
                "is_stored": True,
                "received_at": at,
            }
            for one in made
        ],
    )


def _cost_of_a_study(ledger: Ledger, number: int) -> float:
    name = f"new-{number}"
    made = [_output(name, index) for index in range(INSTANCES)]
    start_s = time.process_time()
    key = _received(ledger, name, made)
    _worked_on(ledger, key, made)
    _delivered(ledger, key)
    return time.process_time() - start_s


def _received(ledger: Ledger, name: str, made: list[Output]) -> StudyKey:
    now = time.time()
    for start in range(0, len(made), 20):
        part = [
            ReceivedInstance(one.instance, name, "series", one.attachment_digest, Origin(), now)
            for one in made[start : start + 20]
        ]
        ledger.record_changes(SERVER, start, part, now)
        ledger.arrivals(SERVER, 0, 1000)
        ledger.due_again(now)
        ledger.quiet_studies(now, 60.0)
    [key] = ledger.quiet_studies(now + 61.0, 60.0)
    return key


def _worked_on(ledger: Ledger, key: StudyKey, made: list[Output]) -> None:
    now, policy = time.time(), _policy()
    decision = Decision(Outcome.ACCEPT, policy, "match", "it is for it", ())
    ledger.advance(key, "processing", now)
    ledger.instances(key.study_id)
    ledger.record_decision(key, decision, "bench", now)
    ledger.reusable(key, policy.digest, "key", "bench", policy.deliver)
    for start in range(0, len(made), 32):
        part = made[start : start + 32]
        ledger.register_own_outputs(key, SERVER, part, now)
        ledger.record_outputs(key, part)
    ledger.made_elsewhere(key, 20)
    ledger.open_deliveries(key, _deliver(), policy.digest, now)


def _delivered(ledger: Ledger, key: StudyKey) -> None:
    now = time.time()
    delivery = DeliveryKey(*key, "dicom", "research-pacs")
    ledger.begin_attempt(delivery, now)
    missing = ledger.missing(delivery)
    for start in range(0, len(missing), 25):
        answers = [
            (InstanceReceipt(one.sop_instance_uid_new, "0x0000", is_stored=True), one.sha256)
            for one in missing[start : start + 25]
        ]
        ledger.record_receipts(delivery, answers, now)
    ledger.delivered(delivery, now)
    ledger.overdue_deliveries(now)


def _deliver() -> tuple[Delivery, ...]:
    return (Delivery("research-pacs", "dicom"),)


@cache
def _policy() -> Policy:
    policy, problems = load_single(POLICY.read_bytes(), str(POLICY))
    if policy is None:
        raise RuntimeError(str(problems))
    return policy


def _output(study: str, index: int) -> Output:
    return Output(
        instance=f"{study}-{index}",
        attachment_digest=f"digest-{study}-{index}",
        policy_digest="bench",
        key_id="key",
        software="bench",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        transfer_syntax_uid="1.2.840.10008.1.2",
        sop_instance_uid_old=f"1.{study}.{index}",
        sop_instance_uid_new=f"2.{study}.{index}",
        series_instance_uid_new=f"2.{study}.s",
        study_instance_uid_new=f"2.{study}",
        orthanc_id_new=f"made-{study}-{index}",
        study_orthanc_id_new=f"made-{study}",
        sha256=f"{study}-{index}",
        size=1,
        needles=1,
        actions={"X": 1},
    )
