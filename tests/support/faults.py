"""A whole pipeline in one process, any call of which can be made to fail, or to be the last one.

``Faulty`` wraps a port. Its n-th call, or the n-th item that a call yields, raises: before it has
had its effect, or after. ``Power`` is a power cut: nothing catches it but ``run``, which then
begins again with the steps that had been recorded, as DBOS does.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.spool import FolderSpool
from gatehouse.deid.pseudonyms import key_id
from gatehouse.errors import GatehouseError
from gatehouse.pipeline.delivery import DeliverySteps
from gatehouse.pipeline.early import Early
from gatehouse.pipeline.packs import PackShelf
from gatehouse.pipeline.ports import InstanceReceipt, OutgoingInstance, ReceivedInstance
from gatehouse.pipeline.records import DeliveryKey, StudyKey
from gatehouse.pipeline.study import StudySteps
from gatehouse.pipeline.tools import Tools
from gatehouse.pipeline.workbench import Bench, orthanc_id
from gatehouse.policy.load import load_single
from gatehouse.policy.model import Delivery, Pack
from support.dicom_builder import series, to_bytes
from support.studies import SERVER, received

MASTER_KEY = bytes(range(32))
CANARY = "CANARY"
ROUNDS_MAX = 30

POLICY = """\
policy: everything
version: 1
description: Every study.
owner: test
stage: active
match: every-study
deidentify:
  profile: basic
  project: test
deliver:
  - to: research-pacs
    via: dicom
    retry: {for: 1h, backoff: 1s..2s}
  - to: archive
    via: peer
    retry: {for: 1h, backoff: 1s..2s}
keep-local: {label: deid-test}
"""


class Power(BaseException):
    """The power went."""


@dataclass
class Fuse:
    """Counts calls over all ports it is built into, and blows at one of them.

    Parameters
    ----------
    at : int
        Number of the call; 0: never.
    """

    at: int = 0
    error: type[BaseException] = OSError
    is_after: bool = False
    calls: int = 0

    def call(self, work: Callable[[], Any]) -> Any:
        """Do a call, or not."""
        self.calls += 1
        blows = self.calls == self.at
        if blows and not self.is_after:
            raise self.error
        result = work()
        if blows:
            raise self.error
        return result


class Faulty:
    """A port whose calls go through a fuse; so do the items of what it returns lazily."""

    def __init__(self, port: Any, fuse: Fuse) -> None:
        self._port = port
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)

        def call(*arguments: Any, **named: Any) -> Any:
            result = self._fuse.call(lambda: method(*arguments, **named))
            return self._items(result) if isinstance(result, Iterator) else result

        return call

    def _items(self, items: Iterator[Any]) -> Iterator[Any]:
        end = object()
        while (item := self._fuse.call(lambda: next(items, end))) is not end:
            yield item


@dataclass
class MemoryArchive:
    """An archive of originals, and of the outputs that are kept."""

    originals: dict[str, bytes] = field(default_factory=dict)
    kept: dict[str, bytes] = field(default_factory=dict)
    marks: dict[str, tuple[dict[str, str], str | None]] = field(default_factory=dict)

    def read(self, instance: str) -> bytes:
        return self.originals[instance]

    def describe(self, instances: Sequence[str]) -> list[ReceivedInstance]:
        return [received(one) for one in instances if one in self.originals]

    def store(self, dicom: bytes) -> str:
        from io import BytesIO

        from pydicom import dcmread

        made = dcmread(BytesIO(dicom), stop_before_pixels=True)
        found = orthanc_id(
            str(made.PatientID),
            made.StudyInstanceUID,
            made.SeriesInstanceUID,
            made.SOPInstanceUID,
        )
        self.kept[found] = dicom
        return found

    def mark(self, study: str, metadata: dict[str, str], label: str | None) -> None:
        self.marks[study] = (metadata, label)


class HereWorkshop:
    """Does the work of the pool in this process, and notes which."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.done: list[tuple[str, str]] = []

    def facts(self, jobs: Sequence[Any]) -> Iterator[Any]:
        return self._each("facts", jobs)

    def known(self, jobs: Sequence[Any]) -> Iterator[Any]:
        return self._each("known", jobs)

    def make(self, jobs: Sequence[Any]) -> Iterator[Any]:
        return self._each("make", jobs)

    def marked(self, jobs: Sequence[Any]) -> Iterator[Any]:
        return self._each("marked", jobs)

    def prepare(self, jobs: Sequence[Any]) -> Iterator[Any]:
        return self._each("prepare", jobs)

    def _each(self, what: str, jobs: Sequence[Any]) -> Iterator[Any]:
        for job in jobs:
            self.done.append((what, job.instance))
            yield getattr(self._bench, what)(job)


@dataclass
class MemoryDestination:
    """A destination that keeps what it gets, and answers as it is told."""

    got: list[tuple[str, bytes]] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    answer: Callable[[OutgoingInstance], InstanceReceipt] = lambda one: InstanceReceipt(
        one.sop_instance_uid, "0x0000", is_stored=True
    )

    def send(
        self, _delivery: Delivery, instances: Sequence[OutgoingInstance]
    ) -> Iterator[InstanceReceipt]:
        for one in instances:
            self.got.append((one.sop_instance_uid, one.file.read_bytes()))
            yield self.answer(one)

    def present(
        self, _delivery: Delivery, instances: Sequence[OutgoingInstance]
    ) -> tuple[set[str], str]:
        there = {uid for uid, _ in self.got}
        return {one.sop_instance_uid for one in instances} & there, "a look"

    committed = present

    def finish(self, _delivery: Delivery, instances: Sequence[OutgoingInstance]) -> None:
        self.finished = [one.sop_instance_uid for one in instances]


@cache
def empty_ledger() -> Path:
    """Return an empty ledger to copy: migrations take longer than a whole run."""
    folder = Path(tempfile.mkdtemp(prefix="gatehouse-faults-"))
    atexit.register(shutil.rmtree, folder)
    Ledger(f"sqlite:///{folder / 'ledger.db'}").close()
    return folder / "ledger.db"


class Line:
    """A ledger with one complete study, and all that is needed to bring it to its end.

    Parameters
    ----------
    faulty : str
        Name of the port whose calls go through the fuse; all of them if empty.
    is_complete : bool
        Whether the study waits for its run; else nothing of it has arrived yet.
    """

    def __init__(
        self,
        folder: Path,
        fuse: Fuse | None = None,
        faulty: str = "",
        *,
        instances: int = 3,
        policy: str = POLICY,
        is_complete: bool = True,
        **attributes: Any,
    ) -> None:
        self.archive = MemoryArchive()
        self.research, self.peer = MemoryDestination(), MemoryDestination()
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(empty_ledger(), folder / "ledger.db")
        self.ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}")
        self.spool = FolderSpool(folder / "spool")
        self.early_spool = FolderSpool(folder / "spool" / "early" / "worker-1", is_lasting=False)
        loaded, problems = load_single(policy.encode(), "everything.yaml")
        assert loaded is not None, problems
        self.ledger.activate_pack(Pack((loaded,), "pack-1"), "test", "", 1.0)
        self.now = 1000.0
        self.fuse = fuse or Fuse()
        self._faulty = faulty
        defaults = {"PatientName": f"{CANARY}^NAME", "PatientID": f"{CANARY}-ID"}
        for number, one in enumerate(series(instances, **(defaults | attributes)), 1):
            self.archive.originals[f"instance-{number}"] = to_bytes(one)
        self.tools = self._tools()
        self.early = Early(self.tools)
        if is_complete:
            self.receive(*self.archive.originals)

    def arrive(self, *instances: str, digest: str = "digest-1") -> None:
        """Record instances of the study, which more may follow."""
        found = [received(one, digest=digest) for one in instances]
        self.ledger.record_changes(SERVER, 1, found, self.now)

    def complete(self) -> StudyKey:
        """Have the study wait for its run."""
        [key] = self.ledger.quiet_studies(self.now + 100.0, 5.0)
        return key

    def receive(self, *instances: str) -> StudyKey:
        """Record instances, and have their study wait."""
        self.arrive(*instances)
        return self.complete()

    def begin_anew(self) -> None:
        """Forget what only memory knew, and clean up, as a worker does that starts."""
        shutil.rmtree(self.early_spool.root, ignore_errors=True)
        self.early = Early(self.tools)

    def run(self, key: StudyKey) -> None:
        """Bring a run to its end through every failure and power cut."""
        records: dict[str, Any] = {}
        for _ in range(ROUNDS_MAX):
            try:
                self._run_once(key, records)
            except Power:
                self.now += 10.0
                self.begin_anew()
            except (OSError, GatehouseError):
                self.now += 10.0
            else:
                return
        raise AssertionError("the run never came to its end")

    def _run_once(self, key: StudyKey, records: dict[str, Any]) -> None:
        studies = StudySteps(self.tools, self.early)

        def step(name: str, work: Callable[..., Any], *arguments: Any) -> Any:
            if None in arguments:
                return None
            if name not in records:
                records[name] = work(key, *arguments)
            return records[name]

        accepted = step("decide", studies.decide)
        made = step("make", studies.make, accepted)
        kept = step("keep", studies.keep, made)
        opened = step("release", studies.release, kept)
        self._deliver(DeliverySteps(self.tools), opened or ())

    def _deliver(self, deliveries: DeliverySteps, opened: Sequence[DeliveryKey]) -> None:
        for key in opened:
            for _ in range(ROUNDS_MAX):
                again_at = deliveries.attempt(key)
                if again_at is None:
                    break
                self.now = again_at

    def _tools(self) -> Tools:
        bench = Bench(
            self._fused("archive", self.archive),
            self.spool,
            MASTER_KEY,
            early_spool=self.early_spool,
        )
        self.workshop = HereWorkshop(bench)
        whole = Tools(
            server=SERVER,
            ledger=self.ledger,
            packs=PackShelf(self.ledger),
            archive=self.archive,
            workshop=self.workshop,
            spool=self.spool,
            destinations={},
            key_id=key_id(MASTER_KEY),
            now=lambda: self.now,
            random=lambda: 0.5,
            early_spool=self.early_spool,
        )
        ports = ("ledger", "archive", "workshop", "spool", "early_spool")
        return replace(
            whole,
            **{name: self._fused(name, getattr(whole, name)) for name in ports},
            destinations={
                "dicom": self._fused("destinations", self.research),
                "peer": self._fused("destinations", self.peer),
            },
        )

    def _fused(self, name: str, port: Any) -> Any:
        return Faulty(port, self.fuse) if self._faulty in ("", name) else port
