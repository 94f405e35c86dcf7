"""What operators do with runs over an archive: make, fill, begin, pause, cancel."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence

from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.orthanc_client import OrthancArchive
from gatehouse.adapters.run_source import LocalStudies, RemoteStudies, StudySource
from gatehouse.errors import PolicyError, StateError
from gatehouse.pipeline.runs import FETCHES_NOTHING, RunRecord
from gatehouse.policy.report import nearest
from gatehouse.standard import dictionary

_TAG = re.compile(r"[0-9A-Fa-f]{4}[,-]?[0-9A-Fa-f]{4}")


class RunDesk:
    """Runs, over the ledger and the gateway's Orthanc."""

    def __init__(
        self, ledger: Ledger, archive: OrthancArchive, clock: Callable[[], float] = time.time
    ) -> None:
        self._ledger = ledger
        self._archive = archive
        self._clock = clock

    def create(
        self,
        policy: str,
        modality: str,
        at_once: int,
        per_hour: float | None,
        window: str,
        by: str,
    ) -> RunRecord:
        """Make a run that waits for its studies, and to be begun.

        Raises
        ------
        PolicyError
            If no active policy has this name, or studies are to be fetched in reception mode.
        LookupError
            If Orthanc knows no modality of this name.
        """
        pack = self._ledger.active_pack()
        names = [one.name for one in (pack.policies if pack else ())]
        if policy not in names:
            raise PolicyError(f'no active policy is called "{policy}"; known: {", ".join(names)}')
        if modality and pack is not None and pack.reception:
            raise PolicyError(FETCHES_NOTHING)
        if modality:
            self._archive.modality(modality)
        number = self._ledger.create_run(
            policy, modality, at_once, per_hour, window, by, self._clock()
        )
        return self.run(number)

    def add(
        self, run_id: int, queries: Sequence[Mapping[str, str]], by: str
    ) -> tuple[int, list[int]]:
        """Add the studies that queries find; return how many, and which queries found none.

        Raises
        ------
        PolicyError
            If a query names what is no attribute: Orthanc would only say that it failed.
        StateError
            If the run is over.
        """
        for name in sorted({name for query in queries for name in query}):
            _check_attribute(name)
        record = self.run(run_id)
        if record.state not in ("paused", "running"):
            raise StateError(f"a run that is {record.state} takes no more studies")
        source: StudySource = (
            RemoteStudies(self._archive, record.modality)
            if record.source == "remote"
            else LocalStudies(self._archive)
        )
        found: list[tuple[str, str]] = []
        empty: list[int] = []
        for number, query in enumerate(queries):
            studies = source.find(query)
            found += studies
            if not studies:
                empty.append(number)
        return self._ledger.add_run_items(run_id, found, by, self._clock()), empty

    def change(self, run_id: int, state: str, by: str) -> RunRecord:
        """Begin, pause or cancel a run. Raises as the ledger's ``change_run``."""
        self._ledger.change_run(run_id, state, by, self._clock())
        return self.run(run_id)

    def run(self, run_id: int) -> RunRecord:
        """Return one run.

        Raises
        ------
        LookupError
            If there is none.
        """
        record = self._ledger.run(run_id)
        if record is None:
            raise LookupError(run_id)
        return record


def _check_attribute(name: str) -> None:
    if dictionary.tag_of(name) is None and not _TAG.fullmatch(name):
        hint = nearest(name, dictionary.keywords())
        raise PolicyError(f"{name} is not an attribute's keyword" + (f"; {hint}" if hint else ""))
