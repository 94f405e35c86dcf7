"""Reads the journal of reception into the ledger: each whole line once, in order.

Orthanc's process writes the journal (``pipeline.reception_journal``), and a line is durable before
Orthanc stores its instance. A line without an end belongs to an instance that was never stored.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from gatehouse.adapters.ledger import Ledger
from gatehouse.pipeline.reception_journal import (
    LINE_MAX_BYTES,
    JournalError,
    ReceptionMark,
    ReceptionRefusal,
    from_line,
    is_file_name,
)

BLOCK_BYTES = 4 * LINE_MAX_BYTES
"""Read at once; some hundred lines, whose transaction takes a fraction of a second."""

UNREADABLE = "reception.journal"
"""Rule of what is noted for a line that can't be read. An instance that it was about has no mark,
and so its study is held."""

log = structlog.get_logger()


class JournalReader:
    """The reader of one Orthanc's journal. Not for several threads at once.

    Parameters
    ----------
    folder : Path
        Need not be there: without reception mode there is none.
    server : str
        Name of this Orthanc in the ledger.
    """

    def __init__(
        self, folder: Path, ledger: Ledger, server: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder
        self._ledger = ledger
        self._server = server
        self._clock = clock
        self._positions: dict[str, int] = {}

    def read(self) -> int:
        """Keep every line that is new; return how many there were.

        Files that are read to their end are removed, but for the newest, which grows.
        """
        try:
            names = sorted(one.name for one in self._folder.iterdir() if is_file_name(one.name))
        except FileNotFoundError:
            return 0
        lines = 0
        for name in names:
            with suppress(FileNotFoundError):  # taken back by its writer: the disk is full
                lines += self._read_file(name)
            if name != names[-1]:
                (self._folder / name).unlink(missing_ok=True)
                self._ledger.forget_journal(self._server, name)
                self._positions.pop(name, None)
        return lines

    def _read_file(self, name: str) -> int:
        lines = 0
        with (self._folder / name).open("rb") as file:
            if name not in self._positions:
                self._positions[name] = self._ledger.journal_position(self._server, name)
            while True:
                begin = self._positions[name]
                file.seek(begin)
                block = file.read(BLOCK_BYTES)
                end = begin + block.rfind(b"\n") + 1
                if len(block) == BLOCK_BYTES and end == begin:
                    end = begin + BLOCK_BYTES  # no line of ours is that long
                if end == begin:
                    return lines
                entries = [
                    self._entry(line) for line in block[: end - begin].splitlines(keepends=True)
                ]
                if self._ledger.import_journal(self._server, name, begin, end, entries):
                    self._positions[name] = end
                    lines += len(entries)
                else:
                    # The ledger is another one than before, for example a restored backup.
                    self._positions[name] = self._ledger.journal_position(self._server, name)

    def _entry(self, line: bytes) -> ReceptionMark | ReceptionRefusal:
        try:
            return from_line(line)
        except JournalError as error:
            log.warning("journal of reception", reason=str(error))
            return ReceptionRefusal(self._clock(), UNREADABLE, str(error))
