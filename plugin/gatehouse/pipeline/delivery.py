"""One attempt to deliver a run over a study to one destination.

Only what has no receipt yet is sent. "Delivered" is said when there is a receipt of success for
each instance, and never otherwise. What did not succeed is tried again after a growing pause, up
to the policy's longest time; then the study is held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, time, timedelta

from gatehouse.errors import DeliveryError, HoldError, UnavailableError
from gatehouse.pipeline.ports import InstanceReceipt, OutgoingInstance
from gatehouse.pipeline.records import DeliveryKey, Output, StudyKey
from gatehouse.pipeline.repair import repair
from gatehouse.pipeline.tools import Tools
from gatehouse.policy.model import Delivery, Retry

RECEIPTS_BATCH = 25
"""Receipts in one transaction: what is sent again, the same bytes, after a crash, at most."""

ERROR_MAX = 300


class DeliverySteps:
    """Attempts, over the ports of a worker."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def attempt(self, key: DeliveryKey) -> float | None:
        """Try a delivery once.

        Returns
        -------
        float or None
            When to try again, in seconds since the epoch; None if there is nothing more to do.
        """
        tools = self._tools
        terms, opened_at, _ = tools.ledger.delivery_terms(key)
        number = tools.ledger.begin_attempt(key, tools.now())
        if number is None:
            # Perhaps it ended just now, and the power went before the spool was emptied.
            self._clean_up(key)
            return None
        opens_at = next_opening(terms.window, tools.now())
        if opens_at is not None:
            tools.ledger.try_later(key, opens_at, "waits for its time window")
            return opens_at
        try:
            self._send_missing(key, terms)
        except HoldError as error:
            tools.ledger.give_up(key, error.reason, tools.now(), rule=error.rule)
            return None
        except DeliveryError as error:
            return self._failed(key, terms, number, opened_at, error)
        except (UnavailableError, OSError) as error:
            # The type only: the text of an OSError may hold more than a log may see.
            text = str(error) if isinstance(error, UnavailableError) else type(error).__name__
            return self._failed(key, terms, number, opened_at, DeliveryError(text))
        tools.ledger.delivered(key, tools.now())
        self._clean_up(key)
        return None

    def _send_missing(self, key: DeliveryKey, terms: Delivery) -> None:
        tools = self._tools
        destination = tools.destinations.get(terms.via)
        if destination is None:
            raise DeliveryError(f"there is no way to send via {terms.via}", is_permanent=True)
        missing = tools.ledger.missing(key)
        if not missing:
            return
        repair(tools, StudyKey(key.study_id, key.generation), missing)
        outgoing = [self._outgoing(key, one) for one in missing]
        digests = {one.sop_instance_uid_new: one.sha256 for one in missing}
        refused: InstanceReceipt | None = None
        for batch in _batches(destination.send(terms, outgoing)):
            tools.ledger.record_receipts(
                key, [(one, digests[one.sop_instance_uid]) for one in batch], tools.now()
            )
            refused = next((one for one in batch if not one.is_stored), refused)
        left = len(tools.ledger.missing(key))
        if left:
            said = f"; it answered {refused.status} {refused.detail}".rstrip() if refused else ""
            raise DeliveryError(f"{left} of {len(missing)} instances have no receipt{said}")

    def _outgoing(self, key: DeliveryKey, one: Output) -> OutgoingInstance:
        return OutgoingInstance(
            sop_class_uid=one.sop_class_uid,
            sop_instance_uid=one.sop_instance_uid_new,
            transfer_syntax_uid=one.transfer_syntax_uid,
            orthanc_id=one.orthanc_id_new,
            file=self._tools.spool.path(key.study_id, key.generation, one.sop_instance_uid_new),
            sha256=one.sha256,
        )

    def _failed(
        self,
        key: DeliveryKey,
        terms: Delivery,
        number: int,
        opened_at: float,
        error: DeliveryError,
    ) -> float | None:
        tools = self._tools
        text = str(error)[:ERROR_MAX]
        now = tools.now()
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


def pause_s(retry: Retry, number: int, spread: float) -> float:
    """Return how long to wait after the attempt with this number (from 1).

    It doubles each time; ``spread`` (0 to 1) takes up to a quarter off, so that what failed
    together is not tried together again.
    """
    longest = min(retry.backoff_max_s, retry.backoff_min_s * 2.0 ** min(number - 1, 32))
    return longest * (1.0 - 0.25 * spread)


def next_opening(window: tuple[str, str] | None, now: float) -> float | None:
    """Return when a window opens next; None if it is open, or if there is none.

    Windows are in local time and may span midnight.
    """
    if window is None:
        return None
    here = datetime.fromtimestamp(now).astimezone()
    begin, end = (time.fromisoformat(text) for text in window)
    clock = here.time()
    is_open = begin <= clock < end if begin <= end else clock >= begin or clock < end
    if is_open:
        return None
    opening = datetime.combine(here.date(), begin)
    if clock >= begin:
        opening += timedelta(days=1)
    # Without a zone it is local time, so that a change of summer time in between is no error.
    return opening.timestamp()


def _batches(receipts: Iterable[InstanceReceipt]) -> Iterator[list[InstanceReceipt]]:
    """Group receipts as they come; those before an error are not lost by it."""
    batch: list[InstanceReceipt] = []
    answers = iter(receipts)
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
        if len(batch) >= RECEIPTS_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
