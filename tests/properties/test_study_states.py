"""Goal: whatever happens to a study, in whatever order, it is in one state that the table allows.

Method: Hypothesis drives random sequences of events on a real ledger (SQLite): instances come, are
overwritten and vanish, workers of the present run and of superseded ones do any of their steps at
any time and twice, destinations take or refuse, people ask. After each event the ledger is compared
with what must always be true; what was received is kept count of beside it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from gatehouse.adapters.ledger import Ledger
from gatehouse.errors import StateError
from gatehouse.pipeline import states
from gatehouse.pipeline.ports import Held, InstanceReceipt
from gatehouse.pipeline.records import DeliveryKey, StudyKey, StudyRecord
from gatehouse.pipeline.states import OPEN_DELIVERIES
from gatehouse.policy.model import Decision, Delivery, Outcome
from support.faults import empty_ledger
from support.studies import SERVER, accepted, output, pack, received

MEMORY = Path("/dev/shm")  # noqa: S108 - each example syncs hundreds of times
NUMBERS = st.integers(1, 3)
DESTINATIONS = st.sampled_from(["research-pacs", "archive"])
BEFORE = st.integers(0, 2)
"""How many generations ago the run of a worker began."""


class Study(RuleBasedStateMachine):
    """One study, and everything that can happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
        shutil.copy(empty_ledger(), self.folder / "ledger.db")
        self.ledger = Ledger(f"sqlite:///{self.folder / 'ledger.db'}", migrate=False)
        self.ledger.activate_pack(pack(), "test", "", 1.0)
        self.now = 100.0
        self.present: dict[str, str] = {}
        self.is_archived = False
        self.wanted: dict[StudyKey, list[str]] = {}

    def teardown(self) -> None:
        assert self.ledger.verify_audit().is_intact
        self.ledger.close()
        shutil.rmtree(self.folder)

    @property
    def study(self) -> StudyRecord:
        found = self.ledger.study(1)
        assert found is not None
        return found

    def key(self, before: int) -> StudyKey:
        return StudyKey(1, max(1, self.study.generation - before))

    def tick(self) -> float:
        self.now += 1.0
        return self.now

    # ---- Instances

    @initialize(number=NUMBERS, archived=st.booleans())
    def begin(self, number: int, archived: bool) -> None:
        self.is_archived = archived
        self.ledger.record_changes(
            SERVER, 1, [received(f"instance-{number}")], self.now, archived=archived
        )
        self.present = {f"instance-{number}": "digest-1"}

    @rule(number=NUMBERS, digest=st.sampled_from(["digest-1", "digest-2"]))
    def an_instance_comes_or_is_overwritten(self, number: int, digest: str) -> None:
        before = self.study
        name = f"instance-{number}"
        is_new = self.present.get(name) != digest

        news = self.ledger.record_changes(SERVER, 1, [received(name, digest=digest)], self.tick())

        self.present[name] = digest
        assert news == int(is_new)
        joins = before.state == "receiving"
        after = self.study
        assert after.generation == before.generation + (is_new and not joins)
        assert after.state == ("receiving" if is_new else before.state)

    @precondition(lambda self: self.present)
    @rule(data=st.data())
    def an_instance_is_deleted(self, data: Any) -> None:
        name = data.draw(st.sampled_from(sorted(self.present)))
        before = self.study

        self.ledger.forget_vanished(SERVER, [name], self.tick())

        del self.present[name]
        assert (self.study.state, self.study.generation) == (before.state, before.generation)

    @rule()
    def it_is_quiet(self) -> None:
        self.now += 100.0
        self.ledger.quiet_studies(self.now, 10.0)

    # ---- Workers, of this run or of one before

    @rule(before=BEFORE)
    def a_worker_begins(self, before: int) -> None:
        self.ledger.advance(self.key(before), "processing", self.tick())

    @rule(before=BEFORE)
    def a_worker_accepts(self, before: int) -> None:
        self.ledger.record_decision(self.key(before), accepted(), "digest-of-pack", self.tick())

    @rule(before=BEFORE)
    def a_worker_rejects(self, before: int) -> None:
        self.ledger.advance(self.key(before), "rejected", self.tick(), rule="r", reason="because")

    @rule(before=BEFORE, again_after=st.none() | st.integers(1, 50))
    def a_worker_holds(self, before: int, again_after: int | None) -> None:
        decision = Decision(Outcome.HOLD, None, "no-policy", "nobody wants it", ())
        key, now = self.key(before), self.tick()
        if self.ledger.accepted_by(key) is None:
            # As the steps do: nothing is decided twice in one run.
            self.ledger.record_decision(key, decision, "digest-of-pack", now)
        at = None if again_after is None else now + again_after
        self.ledger.hold(key, Held("", "no-policy", "nobody wants it"), now, again_at=at)

    @rule(before=BEFORE, number=NUMBERS)
    def a_worker_makes(self, before: int, number: int) -> None:
        self.ledger.record_outputs(self.key(before), [output(number)])

    @rule(before=BEFORE, wanted=st.lists(DESTINATIONS, unique=True))
    def a_worker_releases(self, before: int, wanted: list[str]) -> None:
        # As the steps do: nothing is released that no policy has accepted.
        key = self.key(before)
        if self.ledger.accepted_by(key) is not None and self.ledger.outputs(key):
            # A step that is done twice is done with the same destinations.
            wanted = self.wanted.setdefault(key, wanted)
            deliveries = [Delivery(one, "dicom") for one in wanted]
            self.ledger.open_deliveries(key, deliveries, "digest-of-basic-1", self.tick())

    @rule(wanted=st.lists(DESTINATIONS, unique=True), number=NUMBERS)
    def a_worker_does_a_whole_run(self, wanted: list[str], number: int) -> None:
        # By chance alone, the steps hardly ever come in this order.
        self.it_is_quiet()
        self.a_worker_begins(0)
        if self.study.state == "processing":
            self.a_worker_accepts(0)
            self.a_worker_makes(0, number)
            self.a_worker_releases(0, wanted)

    @rule(destination=DESTINATIONS)
    def a_destination_takes_everything(self, destination: str) -> None:
        self.a_destination_answers(0, destination, is_stored=True)
        self.a_delivery_is_closed(0, destination)

    # ---- Deliveries

    def delivery(self, before: int, destination: str) -> DeliveryKey | None:
        key = DeliveryKey(*self.key(before), "dicom", destination)
        there = [one.key for one in self.ledger.deliveries(study_id=1)]
        return key if key in there else None

    @rule(before=BEFORE, destination=DESTINATIONS, is_stored=st.booleans())
    def a_destination_answers(self, before: int, destination: str, is_stored: bool) -> None:
        key = self.delivery(before, destination)
        if key is None or self.ledger.begin_attempt(key, self.tick()) is None:
            return
        answers = [
            (InstanceReceipt(one.sop_instance_uid_new, "0x0000", is_stored), one.sha256)
            for one in self.ledger.missing(key)
        ]
        self.ledger.record_receipts(key, answers, self.tick())

    @rule(before=BEFORE, destination=DESTINATIONS)
    def a_delivery_is_closed(self, before: int, destination: str) -> None:
        key = self.delivery(before, destination)
        if key is None:
            return
        missing = self.ledger.missing(key)
        try:
            self.ledger.delivered(key, self.tick())
        except StateError:
            assert missing
        else:
            assert not missing

    @rule(before=BEFORE, destination=DESTINATIONS)
    def a_delivery_is_given_up(self, before: int, destination: str) -> None:
        key = self.delivery(before, destination)
        if key is not None:
            self.ledger.give_up(key, "no answer", self.tick())

    # ---- People, and time

    @rule(destination=DESTINATIONS, cancels=st.booleans())
    def somebody_has_a_delivery_tried_again_or_cancelled(
        self, destination: str, cancels: bool
    ) -> None:
        for one in self.ledger.deliveries(study_id=1):
            if one.key.destination == destination:
                change = self.ledger.cancel_delivery if cancels else self.ledger.retry_delivery
                with suppress(StateError):
                    change(one.delivery_id, "somebody", self.tick())

    @rule()
    def somebody_rejects_it(self) -> None:
        with suppress(StateError):
            self.ledger.reject_later(1, "not for us", "somebody", self.tick(), self.now)
        self.ledger.reject_due(self.tick())

    @rule()
    def somebody_asks_for_it_again(self) -> None:
        before = self.study
        if before.state in ("receiving", "waiting"):
            with suppress(StateError):
                self.ledger.process_again(1, "somebody", self.tick())
                raise AssertionError("it is processed anyway")
            return
        assert self.ledger.process_again(1, "somebody", self.tick()) == self.study.key
        assert self.study.generation == before.generation + 1

    @rule()
    def what_was_put_off_is_looked_at_again(self) -> None:
        for study_id in self.ledger.due_again(self.tick()):
            assert self.study.state == "held"
            self.ledger.process_again(study_id, "gatehouse", self.now)

    # ---- What is always true

    @invariant()
    def its_history_follows_the_table(self) -> None:
        history = self.ledger.history(1)
        first = states.step(None, history[0].state, opens=False)
        assert first is not None
        for one, other in pairwise(history):
            opens = other.generation == one.generation + 1
            assert opens or other.generation == one.generation
            assert states.step(one.state, other.state, opens=opens) is not None
        assert all(one.reason and one.at >= 100.0 for one in history)
        assert [one.at for one in history] == sorted(one.at for one in history)
        last = history[-1]
        assert (last.state, last.generation) == (self.study.state, self.study.generation)

    @invariant()
    def everything_received_is_known(self) -> None:
        known = {one.orthanc_id: one.attachment_digest for one in self.ledger.instances(1)}
        assert known == self.present

    @invariant()
    def what_is_held_says_why(self) -> None:
        holds = self.ledger.holds(study_id=1)
        assert bool(holds) == (self.study.state == "held")
        assert {one.generation for one in holds} <= {self.study.generation}

    @invariant()
    def only_the_present_run_delivers(self) -> None:
        for one in self.ledger.deliveries(study_id=1):
            is_present = one.key.generation == self.study.generation
            assert is_present or one.state not in OPEN_DELIVERIES
            if is_present and self.study.state == "done":
                assert one.state in ("delivered", "cancelled")

    @invariant()
    def delivered_stands_on_receipts(self) -> None:
        for one in self.ledger.deliveries(study_id=1, state="delivered"):
            assert self.ledger.missing(one.key) == [] or one.receipts >= 1

    @invariant()
    def what_was_archived_is_left_alone_until_somebody_asks(self) -> None:
        if self.is_archived and self.study.generation == 1:
            assert self.study.state == "archived"

    @invariant()
    def a_run_is_only_delivered_if_a_policy_accepted_it(self) -> None:
        generations = {one.key.generation for one in self.ledger.deliveries(study_id=1)}
        for generation in generations:
            assert self.ledger.accepted_by(StudyKey(1, generation)) is not None


TestStudy = Study.TestCase
TestStudy.settings = settings(max_examples=80, stateful_step_count=25)
