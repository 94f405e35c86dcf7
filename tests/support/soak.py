"""Kills parts of a gateway at random moments while studies arrive, and counts in the end.

Everything is real: Orthanc with the plugin, its service and workers, PostgreSQL or SQLite, a
research archive, clients that send by HTTP and C-STORE and send again what was not answered with
success. The moments, the parts and the pauses come from a seed. Whatever is killed stays away for a
while and is started again, as a service manager would.

What was sent is recognized at the destination by its pixels, so nothing that is checked depends on
what Gatehouse says about itself. In reception mode the gateway's own files are searched too for
what identifies, each time after something was killed.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import struct
import subprocess
import time
from collections import Counter, defaultdict
from pathlib import Path

import requests
import sqlalchemy as sa
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO

from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.process_tree import descendants
from support.gateway import Gateway
from support.orthanc import Orthanc, eventually
from support.postgresql import PostgreSQL, own_cluster
from support.soak_clients import CANARY, UID_ROOT, Clients, Instance
from support.soak_figures import Figures

POLICY = """\
policy: everything
version: 1
description: Every study, with the complete Basic Profile.
owner: test
stage: active
match: every-study
deidentify:
  profile: basic
  project: test
deliver:
  - to: research-pacs
    via: dicom
    retry: {for: 1d, backoff: 1s..2s}
"""

UNFINISHED_MAX = 10
"""Studies on their way, at most; beyond it the clients wait."""

PAUSE_MAX_S = 4.0
"""Between two kills."""

AT_WORK_SHARE = 0.75
"""So many of the kills wait until a worker is alive, so that not only starts are cut short."""

AT_WORK_MAX_S = 40.0

WORKER_WEIGHT = 3
"""Other parts are gone more often than they: an Orthanc takes its workers along."""

AWAY_MAX_S = 3.0
"""Before what was killed is started again."""

DRAIN_MAX_S = 1800.0

ON_THEIR_WAY = ("receiving", "waiting", "processing", "delivering")


class Soak:
    """A site under load, and somebody who kills its parts. A context manager.

    Parameters
    ----------
    cluster : PostgreSQL, optional
        Where the ledger is; else it is SQLite.
    is_reception : bool
        Whether its policies are for reception mode.
    """

    def __init__(
        self,
        folder: Path,
        seed: int,
        cluster: PostgreSQL | None,
        workers: int,
        *,
        is_reception: bool = False,
    ) -> None:
        self._is_reception = is_reception
        self._random = random.Random(seed)  # noqa: S311  repeatable on purpose
        self._cluster = cluster
        database = "PostgreSQL" if cluster else "SQLite"
        self.figures = Figures(seed, database + (", reception mode" if is_reception else ""))
        url = cluster.new_database() if cluster else ""
        self.research = Orthanc(
            folder / "research", DicomAet="RESEARCH", DicomAlwaysAllowStore=True
        )
        self.gateway = Gateway(
            folder / "gateway",
            settings={"Workers": workers, "Database": url, "LostSeconds": 15},
            research_port=self.research.dicom_port,
        )
        (self.gateway.policies / "everything/everything.yaml").write_text(POLICY)
        mode = "reception: true\n" if is_reception else ""
        (self.gateway.policies / "pack.yaml").write_text("policies: [everything]\n" + mode)
        self._ledger_url = (
            url.replace("postgresql://", "postgresql+psycopg://")
            or f"sqlite:///{self.gateway.home / 'gatehouse.db'}"
        )
        self._ledger: Ledger | None = None
        self._back_at: dict[str, float] = {}
        files = folder / "sent"
        files.mkdir()
        self.clients = Clients(self.gateway, files, seed + 1, self._is_enough)

    def __enter__(self) -> Soak:
        self.research.start()
        self.gateway.start()
        self._ledger = Ledger(self._ledger_url)
        self.clients.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._ledger is not None:
            self._ledger.close()
        for orthanc in (self.gateway, self.research):
            if orthanc.process is not None:
                orthanc.kill()

    def kill(self, times: int) -> None:
        """Kill parts at random moments, so many times."""
        began = time.monotonic()
        while sum(self.figures.kills.values()) < times:
            if self._random.random() < AT_WORK_SHARE:
                self._wait_for_workers()
            self._wait(self._random.uniform(0.1, PAUSE_MAX_S))
            parts = self._parts()
            if not parts:
                continue
            # By name, so that the order of what the system lists makes no difference.
            names = sorted(parts)
            weights = [WORKER_WEIGHT if one.startswith("worker") else 1 for one in names]
            [name] = self._random.choices(names, weights)
            self.figures.amid_work += bool(self._unfinished())
            for pid in parts[name]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.figures.kills[name.rstrip("-0123456789")] += 1
            self._look_at_rest()
            away_s = self._random.uniform(0.0, AWAY_MAX_S)
            for one in ("gateway", "research", "database") if name == "all" else (name,):
                self._back_at[one] = time.monotonic() + away_s
        self.figures.seconds = time.monotonic() - began

    def finish(self) -> Figures:
        """Start what is away, let everything come to its end, and count."""
        self._wait(AWAY_MAX_S)
        deadline = time.monotonic() + DRAIN_MAX_S
        while self.clients.is_alive():
            self.clients._stopping.set()
            self._wait(0.5)
            assert time.monotonic() < deadline, "the clients could not send their last study"
        while not self._has_ended():
            self._wait(0.5)
            if time.monotonic() > deadline:
                break
        self._count()
        return self.figures

    # ---- Parts

    def _parts(self) -> dict[str, list[int]]:
        """Return the process IDs of what runs, by name."""
        found: dict[str, list[int]] = {}
        if self._is_alive(self.gateway):
            assert self.gateway.process is not None
            found["gateway"] = [self.gateway.process.pid]
            roles: Counter[str] = Counter()
            for pid, role in sorted(self.gateway.children().items()):
                roles[role] += 1
                found[f"{role}-{roles[role]}"] = [pid]
        if self._is_alive(self.research):
            assert self.research.process is not None
            found["research"] = [self.research.process.pid]
        if self._cluster is not None and self._cluster.is_alive():
            assert self._cluster.process is not None
            found["database"] = [self._cluster.process.pid]
        if {"gateway", "research"} <= set(found):
            family = [one.pid for one in descendants(found["gateway"][0])]
            found["all"] = [pid for pids in found.values() for pid in pids] + family
        return found

    @staticmethod
    def _is_alive(orthanc: Orthanc) -> bool:
        return orthanc.process is not None and orthanc.process.poll() is None

    def _wait(self, seconds: float) -> None:
        """Let time pass, and start again what has been away for long enough."""
        deadline = time.monotonic() + seconds
        while True:
            self._start_again()
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(0.1, left))

    def _wait_for_workers(self) -> None:
        """Let time pass until a worker has given a sign of life after its start."""
        deadline = time.monotonic() + AT_WORK_MAX_S
        while time.monotonic() < deadline:
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                assert self._ledger is not None
                alive = {one.pid for one in self._ledger.workers()}
                if any(pids[0] in alive for pids in self._parts().values()):
                    return
            self._wait(0.2)

    def _start_again(self) -> None:
        now = time.monotonic()
        cluster = self._cluster
        if cluster is not None and not cluster.is_alive() and self._is_due("database", now):
            cluster.start()
        for name, orthanc in (("gateway", self.gateway), ("research", self.research)):
            # Orthanc also ends by itself: it does not start while its database is away.
            if self._is_due(name, now) and not self._is_alive(orthanc):
                orthanc.launch()
                self._back_at[name] = now + 1.0

    def _is_due(self, name: str, now: float) -> bool:
        return now >= self._back_at.get(name, 0.0)

    # ---- Looking

    def _unfinished(self) -> int | None:
        """Return how many studies are on their way; None while the ledger can't be asked."""
        assert self._ledger is not None
        try:
            counts = self._ledger.counts().studies
        except sa.exc.SQLAlchemyError:
            return None
        return sum(
            counts.get(one, 0) for one in ("receiving", "waiting", "processing", "delivering")
        )

    def _is_enough(self) -> bool:
        unfinished = self._unfinished()
        return unfinished is not None and unfinished >= UNFINISHED_MAX

    def _has_ended(self) -> bool:
        """Return whether all that was sent is in the ledger, and nothing is on its way."""
        assert self._ledger is not None
        try:
            known = sum(one.instances for one in self._ledger.studies(limit=100_000))
        except sa.exc.SQLAlchemyError:
            return False
        return known >= len(self.clients.sent) and self._unfinished() == 0

    def _look_at_rest(self) -> None:
        """Search what the gateway has on its disk for what identifies, in reception mode."""
        if not self._is_reception:
            return
        storage, home = self.gateway.folder / "storage", self.gateway.home
        # The ledger knows which UID became which: that is what it is for.
        for folder, texts in ((storage, (CANARY, UID_ROOT)), (home, (CANARY,))):
            # In a process of its own: whoever opens a file of SQLite and closes it again drops the
            # locks that this process has on it.
            patterns = [word for text in texts for word in ("-e", text)]
            found = subprocess.run(
                ["grep", "-rlFs", *patterns, "--", str(folder)],
                capture_output=True,
                text=True,
                check=False,
            )
            self.figures.at_rest += len(found.stdout.splitlines())
        self.figures.looks += 1

    def _count(self) -> None:
        self._look_at_rest()
        figures, ledger, sent = self.figures, self._ledger, self.clients.sent
        assert ledger is not None
        figures.studies = self.clients.studies
        figures.instances = len(sent)
        figures.tried_again = self.clients.tried_again
        arrived: dict[Instance, set[str]] = defaultdict(set)
        studies: dict[int, set[str]] = defaultdict(set)
        eventually(lambda: self._is_alive(self.research) and self._answers(self.research))
        for orthanc_id in self.research.get("/instances").json():
            dicom = self.research.get(f"/instances/{orthanc_id}/file").content
            figures.identified += CANARY.encode() in dicom or UID_ROOT.encode() in dicom
            data_set = dcmread(DicomBytesIO(dicom))
            study, number = struct.unpack_from("<II", data_set.PixelData)
            arrived[study, number].add(data_set.SOPInstanceUID)
            studies[study].add(data_set.StudyInstanceUID)
        figures.lost = sent - set(arrived)
        figures.unknown = len(set(arrived) - sent)
        figures.twice = {one for one, uids in arrived.items() if len(uids) > 1}
        figures.split = {one for one, uids in studies.items() if len(uids) > 1}
        figures.states = dict(ledger.counts().studies)
        deliveries = ledger.deliveries(limit=100_000)
        figures.deliveries = dict(Counter(one.state for one in deliveries))
        figures.attempts = sum(one.attempts for one in deliveries)
        for record in ledger.studies(limit=100_000):
            ends: Counter[int] = Counter()
            for step in ledger.history(record.study_id):
                ends[step.generation] += step.state in ("done", "held", "rejected")
            figures.generations += record.generation
            figures.ended_more_than_once += any(count > 1 for count in ends.values())
            figures.ended_more_than_once += ends[record.generation] != 1
        figures.is_audit_intact = ledger.verify_audit().is_intact

    @staticmethod
    def _answers(orthanc: Orthanc) -> bool:
        with contextlib.suppress(requests.RequestException):
            return orthanc.get("/system").status_code == 200
        return False


def soak(
    folder: Path,
    database: str,
    kills: int,
    seed: int,
    workers: int = 1,
    *,
    is_reception: bool = False,
) -> Figures:
    """Run it once, over ``sqlite`` or ``postgresql``."""
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(own_cluster()) if database == "postgresql" else None
        site = stack.enter_context(Soak(folder, seed, cluster, workers, is_reception=is_reception))
        site.kill(kills)
        return site.finish()
