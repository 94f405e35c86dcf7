"""A pipeline in one process whose study was de-identified when it was received."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from gatehouse.pipeline.ports import ReceivedInstance
from gatehouse.pipeline.reception import Reception, TakenIn
from gatehouse.pipeline.reception_journal import ReceptionMark, ReceptionRefusal
from gatehouse.pipeline.records import StudyKey
from gatehouse.policy.load import load_single
from gatehouse.policy.model import Pack, Policy
from support.dicom_builder import series, to_bytes
from support.faults import CANARY, MASTER_KEY, POLICY, Fuse, Line
from support.studies import ORIGIN, SERVER


def loaded(text: str) -> Policy:
    """Return a policy of its text."""
    policy, problems = load_single(text.encode(), "policy.yaml")
    assert policy is not None, problems
    return policy


def reception_pack(*texts: str, reception: bool = True) -> Pack:
    """Return a pack of policies' texts."""
    policies = tuple(loaded(text) for text in texts)
    digest = hashlib.sha256("".join([str(reception), *(one.digest for one in policies)]).encode())
    return Pack(policies, digest.hexdigest(), reception)


class ReceptionLine(Line):
    """A line over an archive that receives; nothing has come yet.

    Parameters
    ----------
    texts : str
        Of the policies of the pack; without any, the one of ``Line``.
    """

    def __init__(
        self,
        folder: Path,
        *texts: str,
        fuse: Fuse | None = None,
        faulty: str = "",
        instances: int = 2,
        **attributes: Any,
    ) -> None:
        super().__init__(folder, fuse, faulty, instances=0, is_complete=False)
        identity = {"PatientName": f"{CANARY}^NAME", "PatientID": f"{CANARY}-ID"}
        self.to_send = [to_bytes(one) for one in series(instances, **(identity | attributes))]
        self.entries: list[ReceptionMark | ReceptionRefusal] = []
        self.activate(reception_pack(*(texts or (POLICY,))))

    def activate(self, pack: Pack) -> None:
        """Let a pack decide, on reception as well if it is for that."""
        self.now += 1.0
        self.ledger.activate_pack(pack, "test", "", self.now)
        self.pack = pack

    def write(self, entry: ReceptionMark | ReceptionRefusal) -> None:
        """Keep a line, as a journal does."""
        self.entries.append(entry)

    def take_in(self, *dicom: bytes) -> list[ReceptionMark]:
        """Receive instances as Orthanc does: by default all that are to be sent."""
        reception = Reception(self.pack, MASTER_KEY, self, lambda _: False, lambda: self.now)
        marks: list[ReceptionMark] = []
        for one in dicom or self.to_send:
            taken = reception.receive(one, "dicom")
            assert isinstance(taken, TakenIn), taken
            self.archive.originals[taken.mark.instance] = taken.dicom
            marks.append(taken.mark)
        return marks

    def read(self, *marks: ReceptionMark, with_marks: bool = True) -> StudyKey:
        """Do what the reader does with what came, and have the study wait."""
        if with_marks:
            position = self.ledger.journal_position(SERVER, "journal")
            end = position + len(self.entries)
            assert self.ledger.import_journal(SERVER, "journal", position, end, self.entries)
            self.entries = []
        found = [
            ReceivedInstance(one.instance, one.study, "series", self._digest(one), ORIGIN)
            for one in marks
        ]
        self.ledger.record_changes(SERVER, 1, found, self.now)
        return self.complete()

    def come(self) -> StudyKey:
        """Receive everything, and have the study wait."""
        return self.read(*self.take_in())

    def _digest(self, mark: ReceptionMark) -> str:
        content = self.archive.originals[mark.instance]
        return hashlib.md5(content, usedforsecurity=False).hexdigest()
