"""Reads Orthanc's change log into the ledger: the inbox that survives a crash.

Orthanc commits a change together with its instance, so that a reader with a cursor of its own
misses nothing; events of the plugin interface get lost. The cursor moves in the transaction that
records the instances. From time to time, and at each start, what Orthanc holds is compared with the
ledger besides, because rows of the change log can be deleted and databases can be restored.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

from gatehouse.adapters.journal_reader import JournalReader
from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.orthanc_client import OrthancArchive
from gatehouse.pipeline.ports import ReceivedInstance

PAGE = 500
"""Changes asked for at once; the transaction that records them takes a fraction of a second."""

OVERLAP = 500
"""Changes that are read again where several writers share a database (PostgreSQL): their rows
can become visible out of order. A writer holds a handful of rows, and Orthanc has 50 threads."""

ABSENT_MAX = 10_000
"""Instances looked up one by one in one comparison, at most."""


class Inbox:
    """The reader of one Orthanc's change log. Not for several threads at once.

    Parameters
    ----------
    server : str
        Name of this Orthanc in the ledger.
    overlap : int
        How many changes before the cursor are read again each time.
    journal : JournalReader or None
        What says which instances were de-identified when they were received.
    """

    def __init__(
        self,
        archive: OrthancArchive,
        ledger: Ledger,
        server: str,
        *,
        overlap: int = 0,
        clock: Callable[[], float] = time.time,
        journal: JournalReader | None = None,
    ) -> None:
        self._journal = journal
        self._archive = archive
        self._ledger = ledger
        self._server = server
        self._overlap = overlap
        self._clock = clock
        self._recent: OrderedDict[int, None] = OrderedDict()

    def begin(self) -> None:
        """Put the cursor in its place: at the end of the log at the very first start.

        A cursor behind the end of the log means that the archive is another one, or an older
        copy; it is set back to the end, and ``compare`` finds what the ledger does not know.
        """
        cursor = self._ledger.cursor(self._server)
        last = self._archive.last_change()
        if cursor is None or cursor > last:
            self._ledger.record_changes(self._server, last, [], self._clock())
            self._recent.clear()

    def read_changes(self) -> int:
        """Record everything after the cursor; return how many instances were new or changed."""
        news = 0
        is_done = False
        while not is_done:
            cursor = self._ledger.cursor(self._server) or 0
            since = max(0, cursor - self._overlap)
            news_of_page, is_done = self._read_page(cursor, since)
            news += news_of_page
        return news

    def _read_page(self, cursor: int, since: int) -> tuple[int, bool]:
        news = 0
        while True:
            entries, last, is_done = self._archive.changes(since, PAGE)
            self._read_journal()
            fresh = [entry for entry in entries if entry.sequence not in self._recent]
            # Rows of the overlap may be older than Gatehouse itself.
            late = [entry.orthanc_id for entry in fresh if entry.sequence <= cursor]
            news += self._record_by_age(late)
            # The same instance can stand in the log several times; it is described as it is now.
            ids = list(dict.fromkeys(one.orthanc_id for one in fresh if one.sequence > cursor))
            if last > cursor:
                described = self._archive.describe(ids) if ids else []
                news += self._ledger.record_changes(self._server, last, described, self._clock())
            self._remember(entry.sequence for entry in fresh)
            if is_done or last > cursor:
                return news, is_done
            # Still within the overlap.
            since = max(last, since + 1)

    def compare(self) -> int:
        """Compare what Orthanc holds with the ledger; return how many unknown were recorded.

        An unknown instance that Orthanc stored before it was seen first is ``archived``; any other
        was received and is treated so. Instances that are gone are noted as such.
        """
        # In this order: what arrives meanwhile comes through the change log, is in the ledger by
        # the time it is listed or is recorded twice without effect, and is not taken for gone.
        absent = set(self._ledger.present_instances(self._server))
        recorded = 0
        for page in self._archive.instance_ids():
            unknown = [orthanc_id for orthanc_id in page if orthanc_id not in absent]
            absent.difference_update(page)
            recorded += self._record_by_age(unknown)
        self._forget(sorted(absent)[:ABSENT_MAX])
        return recorded

    def _record_by_age(self, orthanc_ids: Sequence[str]) -> int:
        """Record instances that did not come through the log: as archived, or as received."""
        self._read_journal()
        own = self._ledger.own_outputs(self._server, orthanc_ids) if orthanc_ids else set()
        others = [orthanc_id for orthanc_id in dict.fromkeys(orthanc_ids) if orthanc_id not in own]
        if not others:
            return 0
        first_seen = self._ledger.first_seen(self._server) or 0.0
        by_age: dict[bool, list[ReceivedInstance]] = {True: [], False: []}
        for one in self._archive.describe(others):
            # Orthanc notes whole seconds, rounded down: in doubt it was received, and is not lost.
            is_older = one.stored_at is not None and one.stored_at + 1 <= first_seen
            by_age[is_older].append(one)
        cursor = self._ledger.cursor(self._server) or 0
        return sum(
            self._ledger.record_changes(
                self._server, cursor, instances, self._clock(), archived=archived
            )
            for archived, instances in by_age.items()
            if instances
        )

    def _forget(self, absent: Sequence[str]) -> None:
        # The list was read page by page while others may have deleted: ask again before
        # believing that an instance is gone.
        there = {one.orthanc_id for one in self._archive.describe(absent)} if absent else set()
        gone = [orthanc_id for orthanc_id in absent if orthanc_id not in there]
        if gone:
            self._ledger.forget_vanished(self._server, gone, self._clock())

    def _read_journal(self) -> None:
        # After what is there was asked for, and before it is recorded: a mark is durable before
        # Orthanc stores its instance, so that none is ever recorded without its mark.
        if self._journal is not None:
            self._journal.read()

    def _remember(self, sequences: Iterable[int]) -> None:
        if not self._overlap:
            return
        self._recent.update(dict.fromkeys(sequences))
        while len(self._recent) > 4 * self._overlap:
            self._recent.popitem(last=False)
