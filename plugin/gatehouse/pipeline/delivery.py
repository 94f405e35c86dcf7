"""One attempt to deliver a run over a study to one destination.

Only what has no receipt yet is sent. "Delivered" is said when there is a receipt of success for
each instance, and never otherwise. What did not succeed is tried again after a growing pause, up
to the policy's longest time; then the study is held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from gatehouse.errors import DeliveryError, HoldError, UnavailableError
from gatehouse.pipeline.destinations import DestinationKey
from gatehouse.pipeline.limits import Pace
from gatehouse.pipeline.ports import Destination, InstanceReceipt, OutgoingInstance
from gatehouse.pipeline.records import DeliveryKey, Output, StudyKey
from gatehouse.pipeline.repair import repair
from gatehouse.pipeline.times import next_opening, pause_s
from gatehouse.pipeline.tools import Tools
from gatehouse.policy.model import Delivery

RECEIPTS_BATCH = 25
"""Receipts in one transaction: what is sent again, the same bytes, after a crash, at most."""

RECEIPTS_BATCH_S = 2.0
"""A receipt waits no longer than this for others: somebody may look at the progress."""

ERROR_MAX = 300

PRESENT = "present"
"""Status of a receipt for what was there before and not sent again (``only-if-absent``)."""


class _ClosedError(Exception):
    """The delivery was cancelled or superseded, or its window has shut, while it was sent."""


class DeliverySteps:
    """Attempts, over the ports of a worker."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def attempt(self, key: DeliveryKey) -> float | None:
        """Try a delivery once.

        Returns
        -------
        float or None
            When to try again, in seconds since the epoch; None if there is nothing more to do
            until somebody asks for it.
        """
        tools = self._tools
        terms, opened_at, _ = tools.ledger.delivery_terms(key)
        if not tools.ledger.is_open(key):
            # Perhaps it ended just now, and the power went before the spool was emptied.
            self._clean_up(key)
            return None
        opens_at = self._opens_at(key, terms)
        if opens_at is not None:
            tools.ledger.try_later(key, opens_at, "waits for its time window")
            return opens_at
        may_try, ask_at = tools.ledger.admit(key, tools.now())
        if not may_try:
            return self._not_now(key, terms, opened_at, ask_at)
        number = tools.ledger.begin_attempt(key, tools.now())
        if number is None:
            self._clean_up(key)
            return None
        return self._try(key, terms, number, opened_at)

    def _try(
        self, key: DeliveryKey, terms: Delivery, number: int, opened_at: float
    ) -> float | None:
        tools = self._tools
        progress = _Progress()
        try:
            self._send_missing(key, terms, progress)
            self._confirm(key, terms, progress)
        except HoldError as error:
            tools.ledger.give_up(key, error.reason, tools.now(), rule=error.rule)
            return None
        except _ClosedError:
            opens_at = self._opens_at(key, terms)
            if opens_at is not None:
                tools.ledger.try_later(key, opens_at, "waits for its time window")
            return opens_at
        except DeliveryError as error:
            return self._failed(key, terms, number, opened_at, error, progress)
        except (UnavailableError, OSError) as error:
            # The type only: the text of an OSError may hold more than a log may see.
            text = str(error) if isinstance(error, UnavailableError) else type(error).__name__
            return self._failed(key, terms, number, opened_at, DeliveryError(text), progress)
        if not progress.is_answered:
            tools.ledger.destination_answered(_where(key), tools.now())
        tools.ledger.delivered(key, tools.now())
        self._clean_up(key)
        return None

    def _send_missing(self, key: DeliveryKey, terms: Delivery, progress: _Progress) -> None:
        tools = self._tools
        destination = self._destination(terms)
        missing = tools.ledger.missing(key)
        if not missing:
            # After a crash between the last receipt and this.
            self._finish(key, terms, destination)
            return
        check_transfer_syntaxes(terms, missing)
        if terms.only_if_absent:
            missing = self._leave_out_present(key, terms, destination, missing)
        repair(tools, StudyKey(key.study_id, key.generation), missing)
        outputs = {one.sop_instance_uid_new: one for one in missing}
        outgoing = [self._outgoing(key, one) for one in missing]
        pace = Pace(tools.limits_of(_where(key)), tools.monotonic, tools.sleep)
        refused: InstanceReceipt | None = None
        sent = self._paced(destination.send(terms, outgoing), outputs, pace)
        for batch in _batches(sent, tools.monotonic):
            tools.ledger.record_receipts(
                key, [(one, outputs[one.sop_instance_uid].sha256) for one in batch], tools.now()
            )
            refused = next((one for one in batch if not one.is_stored), refused)
            if not progress.is_answered and any(map(is_answer, batch)):
                progress.is_answered = True
                tools.ledger.destination_answered(_where(key), tools.now())
            if not tools.ledger.is_open(key) or self._opens_at(key, terms) is not None:
                # What is left is sent when the window opens again, or not at all.
                raise _ClosedError
        left = len(tools.ledger.missing(key))
        if left:
            said = f"; it answered {refused.status} {refused.detail}".rstrip() if refused else ""
            raise DeliveryError(f"{left} of {len(missing)} instances have no receipt{said}")
        self._finish(key, terms, destination)

    def _destination(self, terms: Delivery) -> Destination:
        destination = self._tools.destinations.get(terms.via)
        if destination is None:
            raise DeliveryError(f"there is no way to send via {terms.via}", is_permanent=True)
        return destination

    def _leave_out_present(
        self,
        key: DeliveryKey,
        terms: Delivery,
        destination: Destination,
        missing: list[Output],
    ) -> list[Output]:
        """Give what the destination has already its receipt; return the rest."""
        present, how = destination.present(terms, [self._outgoing(key, one) for one in missing])
        there = [one for one in missing if one.sop_instance_uid_new in present]
        detail = f"it was there before, says {how}"
        receipts = [
            (InstanceReceipt(one.sop_instance_uid_new, PRESENT, True, detail), one.sha256)
            for one in there
        ]
        self._tools.ledger.record_receipts(key, receipts, self._tools.now())
        return [one for one in missing if one.sop_instance_uid_new not in present]

    def _finish(self, key: DeliveryKey, terms: Delivery, destination: Destination) -> None:
        outputs = self._tools.ledger.outputs(StudyKey(key.study_id, key.generation))
        destination.finish(terms, [self._outgoing(key, one) for one in outputs])

    def _confirm(self, key: DeliveryKey, terms: Delivery, progress: _Progress) -> None:
        """Ask the destination for what it took, where the policy wants that said twice."""
        if terms.verify == "receipts":
            return
        tools = self._tools
        outputs = tools.ledger.unconfirmed(key)
        if not outputs:
            return
        destination = self._destination(terms)
        outgoing = [self._outgoing(key, one) for one in outputs]
        asked = destination.committed if terms.verify == "commitment" else destination.present
        present, how = asked(terms, outgoing)
        progress.is_answered = True
        found = [one for one in outputs if one.sop_instance_uid_new in present]
        lost = [one for one in outputs if one.sop_instance_uid_new not in present]
        tools.ledger.record_confirmations(key, found, lost, how, tools.now())
        if lost:
            raise DeliveryError(
                f"{len(lost)} of {len(outputs)} instances that it had taken were not there when it "
                f"was asked by {how}; they are sent again"
            )

    def _paced(
        self, receipts: Iterable[InstanceReceipt], outputs: Mapping[str, Output], pace: Pace
    ) -> Iterator[InstanceReceipt]:
        for one in receipts:
            yield one
            pace.sent(outputs[one.sop_instance_uid].size)

    def _opens_at(self, key: DeliveryKey, terms: Delivery) -> float | None:
        """Return when the windows of policy and destination are open next; None if they are."""
        now = self._tools.now()
        limits = self._tools.limits_of(_where(key))
        times = (next_opening(terms.window, now), next_opening(limits.window, now))
        return max((one for one in times if one is not None), default=None)

    def _not_now(
        self, key: DeliveryKey, terms: Delivery, opened_at: float, ask_at: float | None
    ) -> float | None:
        """Have a delivery wait for its destination: for a person, or for its circuit."""
        tools = self._tools
        if ask_at is None:
            return None
        now = tools.now()
        if now - opened_at >= terms.retry.longest_s:
            tools.ledger.give_up(key, "the destination has not answered for too long", now)
            return None
        # One after the other: the probe is the first of them.
        at = ask_at + tools.random() * min(terms.retry.backoff_min_s, 30.0)
        tools.ledger.try_later(key, at, "waits, because its destination does not answer")
        return at

    def _outgoing(self, key: DeliveryKey, one: Output) -> OutgoingInstance:
        return OutgoingInstance(
            sop_class_uid=one.sop_class_uid,
            sop_instance_uid=one.sop_instance_uid_new,
            transfer_syntax_uid=one.transfer_syntax_uid,
            orthanc_id=one.orthanc_id_new,
            file=self._tools.spool.path(key.study_id, key.generation, one.sop_instance_uid_new),
            sha256=one.sha256,
            study_instance_uid=one.study_instance_uid_new,
            series_instance_uid=one.series_instance_uid_new,
            size=one.size,
        )

    def _failed(
        self,
        key: DeliveryKey,
        terms: Delivery,
        number: int,
        opened_at: float,
        error: DeliveryError,
        progress: _Progress,
    ) -> float | None:
        tools = self._tools
        text = str(error)[:ERROR_MAX]
        now = tools.now()
        if error.is_permanent or progress.is_answered:
            tools.ledger.destination_error(_where(key), text, now)
        else:
            breaker = tools.limits_of(_where(key)).breaker
            tools.ledger.destination_failed(_where(key), breaker, text, now)
        if error.is_permanent or now - opened_at >= terms.retry.longest_s:
            tools.ledger.give_up(key, text, now)
            return None
        at = now + pause_s(terms.retry, number, tools.random())
        tools.ledger.try_later(key, at, text)
        return at

    def _clean_up(self, key: DeliveryKey) -> None:
        """Empty the spool when the study is done: nobody needs these files any more."""
        study = self._tools.ledger.study(key.study_id)
        if study is not None and study.key == key[:2] and study.state == "done":
            self._tools.spool.remove(key.study_id, key.generation)


@dataclass
class _Progress:
    """What an attempt has learned of its destination."""

    is_answered: bool = False


def _where(key: DeliveryKey) -> DestinationKey:
    return DestinationKey(key.via, key.destination)


def is_answer(receipt: InstanceReceipt) -> bool:
    """Return whether a receipt shows that the destination does its work.

    It may refuse an instance for what it is; out of resources (0xA7xx, PS3.4 B.2.3) or an error
    of its server it does not do its work.
    """
    return receipt.is_stored or not receipt.status.startswith(("0xA7", "5", "429"))


def check_transfer_syntaxes(terms: Delivery, outputs: Iterable[Output]) -> None:
    """Refuse what may not be sent in the transfer syntax that it has.

    Raises
    ------
    DeliveryError
        Permanent: nothing is transcoded here, because what was verified is what leaves.
    """
    if not terms.transfer_syntaxes:
        return
    others = {
        one.transfer_syntax_uid
        for one in outputs
        if one.transfer_syntax_uid not in terms.transfer_syntaxes
    }
    if others:
        raise DeliveryError(
            f"instances are in transfer syntaxes that this delivery does not allow "
            f"({', '.join(sorted(others))}), and nothing is transcoded",
            is_permanent=True,
        )


def _batches(
    receipts: Iterable[InstanceReceipt], clock: Callable[[], float]
) -> Iterator[list[InstanceReceipt]]:
    """Group receipts as they come; those before an error are not lost by it."""
    batch: list[InstanceReceipt] = []
    answers = iter(receipts)
    begun_at = clock()
    while True:
        try:
            answer = next(answers)
        except StopIteration:
            break
        except BaseException:
            if batch:
                yield batch
            raise
        batch.append(answer)
        if len(batch) >= RECEIPTS_BATCH or clock() - begun_at > RECEIPTS_BATCH_S:
            yield batch
            batch, begun_at = [], clock()
    if batch:
        yield batch
