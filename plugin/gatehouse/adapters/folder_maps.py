"""The maps folder of a folder-to-folder run: what became of each file, and old and new identifiers.

It identifies: it is private (0700, files 0600) and never lies within the folder that is given on.
Lines are written as the work goes on, so that a run that was ended by force can be taken up.
"""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

from gatehouse.adapters.files import replace_file
from gatehouse.errors import ConfigurationError

REPORT: Final = "report.jsonl"
UIDS: Final = "uids.csv"
PATIENTS: Final = "patients.csv"
_BEFORE: Final = ".report.before.jsonl"
"""What earlier runs reported, kept until the report of this one is complete."""
WRITTEN_BACK_S: Final = 120.0
"""By then Linux has written to the disk what was written (``vm.dirty_expire_centisecs``: 30 s)."""
_HEADER: Final = ("id_old", "id_new")
_LINES_MAX: Final = 1000
"""Lines that are kept at most before they are written."""

Record = Mapping[str, Any]
Pair = tuple[str, str]
"""Old and new identifier."""


class Report:
    """The report and the maps of a run while they are written.

    What is added is kept until ``flush``, and then written with as few calls as can be.
    """

    def __init__(self, report: TextIO, uids: _Pairs, patients: _Pairs) -> None:
        self._file = report
        self._uids = uids
        self._patients = patients
        self._lines: list[str] = []

    def add(self, line: str, uids: Iterable[Pair] = (), patients: Iterable[Pair] = ()) -> None:
        """Add what became of a file, in JSON, and the identifiers that have to be remembered."""
        self._uids.add(uids)
        self._patients.add(patients)
        self._lines.append(line + "\n")
        if len(self._lines) >= _LINES_MAX:
            self.flush()

    def flush(self) -> None:
        """Write what was added: identifiers before the files that are reported with them."""
        if self._lines:
            self._uids.flush()
            self._patients.flush()
            self._file.write("".join(self._lines))
            self._file.flush()
            self._lines.clear()


class FolderMaps:
    """The maps of runs with one key and project.

    Parameters
    ----------
    folder : pathlib.Path
        Is made, if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lines: dict[str, str] = {}
        self._reported_at = 0.0

    def open(self, same: Mapping[str, str]) -> None:
        """Read what earlier runs left.

        Parameters
        ----------
        same : Mapping
            What has to be the same in all runs that share these maps: key and project.

        Raises
        ------
        ConfigurationError
            If the folder can't be used, or belongs to another key or project.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.chmod(0o700)
            for name in (_BEFORE, REPORT):
                self._read(self.folder / name, same)
        except OSError as error:
            raise ConfigurationError(
                f"the maps folder {self.folder} can't be used: {os.strerror(error.errno or 0)}"
            ) from None

    def before(self, source: str) -> Record:
        """Return what an earlier run reported of a file; nothing, if none did."""
        line = self._lines.get(source)
        return {} if line is None else _parse(line) or {}

    def is_on_disk(self, modified_at: float) -> bool:
        """Tell if an output that was written then can't have lost a part to a power cut.

        What was written since the machine started is whole, and so is what earlier runs wrote long
        before the end of their report. Between that and the start of the machine, the power may
        have gone before the disk had it, and then any part of a file can be zeros.
        """
        return modified_at >= booted_at() or modified_at < self._reported_at - WRITTEN_BACK_S

    @contextmanager
    def report(self) -> Iterator[Report]:
        """Write the report anew. What was reported before is kept until it is complete."""
        replace_file(self.folder / _BEFORE, "".join(self._lines.values()))
        # It keeps telling when the earlier runs ended, if this one ends by force.
        os.utime(self.folder / _BEFORE, (self._reported_at, self._reported_at))
        (self.folder / REPORT).unlink(missing_ok=True)
        uids, patients = _Pairs(self.folder / UIDS), _Pairs(self.folder / PATIENTS)
        with _open_to_append(self.folder / REPORT) as opened, uids.file, patients.file:
            report = Report(opened, uids, patients)
            try:
                yield report
            finally:
                report.flush()
        (self.folder / _BEFORE).unlink()

    def _read(self, path: Path, same: Mapping[str, str]) -> None:
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        except FileNotFoundError:
            return
        # Where both are there, the older one tells.
        self._reported_at = self._reported_at or path.stat().st_mtime
        for number, line in enumerate(lines, 1):
            record = _parse(line)
            if record is None and number == len(lines):
                break  # cut off when the run was ended by force
            if record is None:
                raise ConfigurationError(f"{path}:{number}: this is no line of a report of ours")
            if any(record.get(name) != value for name, value in same.items()):
                raise ConfigurationError(
                    f"the maps in {self.folder} were made with another key or for another project;"
                    " choose another folder"
                )
            self._lines[record["source"]] = line.rstrip("\n") + "\n"


def booted_at() -> float:
    """Return when this machine was started, in seconds since 1970."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def _parse(line: str) -> Record | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    is_ours = isinstance(record, dict) and isinstance(record.get("source"), str)
    return record if is_ours else None


class _Pairs:
    """A file of old and new identifiers, each pair once."""

    def __init__(self, path: Path) -> None:
        self._known: set[Pair] = set()
        self._new: list[Pair] = []
        self.file = _open_to_append(path)
        if path.stat().st_size == 0:
            self.add([_HEADER])
            self.flush()
        with path.open(encoding="utf-8", newline="", errors="surrogateescape") as opened:
            self._known.update((row[0], row[1]) for row in csv.reader(opened) if len(row) == 2)

    def add(self, pairs: Iterable[Pair]) -> None:
        """Add those that are not there yet."""
        for pair in pairs:
            if pair not in self._known:
                self._known.add(pair)
                self._new.append(pair)

    def flush(self) -> None:
        """Write those that were added."""
        if self._new:
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(self._new)
            self.file.write(text.getvalue())
            self.file.flush()
            self._new.clear()


def _open_to_append(path: Path) -> TextIO:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "a", encoding="utf-8", newline="", errors="surrogateescape")
