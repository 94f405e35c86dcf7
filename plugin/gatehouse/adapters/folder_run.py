"""A run from folder to folder: forked processes read, de-identify, verify and write the files.

First a look at all of them (duplicates, the policy's checks), then the work. What an earlier run
made of a file is not done again if file, policy, key and output are what they were.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gatehouse.adapters.files import Entry, Reader, Staging, measure, walk
from gatehouse.adapters.folder_maps import FolderMaps, Record
from gatehouse.adapters.folder_work import DEIDENTIFY, FAILURES, LOOK, Answer, FolderWork
from gatehouse.adapters.fork_pool import ForkPool, Lost
from gatehouse.deid.known_values import NOTHING, KnownValues
from gatehouse.deid.model import ProjectKeys
from gatehouse.deid.plan import Plan
from gatehouse.pipeline.folder import Surveyed, refuse
from gatehouse.policy.model import Policy

FILE_S: Final = 600.0
"""Longest time for one file. The largest that exist take seconds."""

STAGING: Final = ".gatehouse"
"""Folder in the output folder while a run is at it."""

_LOOKS_AHEAD: Final = 512
"""Looks that a process has at hand at first: one takes a fiftieth of a millisecond."""

_DIGEST_BYTES: Final = 1 << 20

_NO_FILES: Final[dict[str, Answer]] = {
    "link": ("held", "files.link", "it is a symbolic link, and links are not followed", ""),
    "other": ("held", "files.not-a-file", "it is no plain file", ""),
    "unreadable": ("held", "files.unreadable", "the folder can't be read", ""),
}
_LOST: Final[dict[str, Answer]] = {
    "died": ("held", "worker.died", "the process that worked on this file died", ""),
    "too-long": ("held", "worker.timeout", f"the work took more than {FILE_S:g} s", ""),
}


class Totals:
    """What came out of a run."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.reasons: Counter[tuple[str, str, str]] = Counter()
        """Outcome, rule and reason of the files that were not de-identified."""
        self.failed = 0
        self.done_before = 0

    def add(self, record: Record) -> None:
        """Count a file."""
        outcome, rule = record["outcome"], record["rule"]
        self.outcomes[outcome] += 1
        if outcome != "deidentified":
            self.reasons[outcome, rule, record["reason"]] += 1
            self.failed += rule in FAILURES or rule.startswith("worker.")


class FolderRun:
    """One run.

    Parameters
    ----------
    source, target : pathlib.Path
        The folders, resolved; ``target`` is there.
    policy : Policy
    plan : Plan
        The policy's recipe, compiled.
    keys : ProjectKeys
    maps : FolderMaps
    jobs : int
        How many processes.
    """

    def __init__(
        self,
        source: Path,
        target: Path,
        policy: Policy,
        plan: Plan,
        keys: ProjectKeys,
        maps: FolderMaps,
        jobs: int,
    ) -> None:
        self._source = source
        self._target = target
        self._policy = policy
        self._plan = plan
        self._maps = maps
        self._jobs = jobs
        self._staging = Staging(target, STAGING)
        self._same = {"key_id": keys.key_id, "project": plan.recipe.project}
        self._work = FolderWork(source, target, policy, plan, keys, maps, self._staging)
        self._entries: list[Entry] = []
        self._surveyed: dict[str, Surveyed] = {}
        self._known: dict[str, KnownValues] = {}
        """By path: what the file says of persons, for a plan that cleans texts."""
        self._done: set[str] = set()
        self._answers: dict[str, Answer] = {}
        """Of files that need no work: held after the first look."""

    def run(self, begin: Callable[[int], None], step: Callable[[], None]) -> Totals:
        """Do all files.

        Parameters
        ----------
        begin : function
            Called once with the number of files.
        step : function
            Called after each file.
        """
        self._maps.open(self._same)
        self._entries = walk(self._source)
        begin(len(self._entries))
        self._staging.open()
        try:
            jobs = max(1, min(self._jobs, len(self._entries)))
            with ForkPool(jobs, self._do, FILE_S) as pool:
                self._look(pool)
                if not self._plan.cleans_texts:
                    return self._deidentify(pool, step)
            # What a study says of persons is there in processes that are forked from now on.
            self._share_known()
            with ForkPool(jobs, self._do, FILE_S) as pool:
                return self._deidentify(pool, step)
        finally:
            self._staging.close()

    def _do(self, phase: int, number: int) -> Answer:
        """Do a task, in a child."""
        return self._work.do(phase, number, self._entries[number].path)

    def _look(self, pool: ForkPool) -> None:
        """Look at all files; note those that are held already, and those that are done."""
        numbers = []
        for number, (path, kind) in enumerate(self._entries):
            if kind == "file":
                numbers.append(number)
            else:
                self._answers[path] = _NO_FILES[kind]
        for number, answer in pool.run(LOOK, numbers, ahead=_LOOKS_AHEAD):
            path = self._entries[number].path
            if isinstance(answer, Lost):
                self._answers[path] = _LOST[answer.why]
            elif answer[0] == "seen":
                _, sop_instance_uid, attributes, is_done, known = answer
                self._surveyed[path] = Surveyed(sop_instance_uid, attributes)
                self._known[path] = KnownValues(*map(frozenset, known))
                if is_done:
                    self._done.add(path)
            else:
                self._answers[path] = answer
        refusals = refuse(self._surveyed, self._policy, self._digest)
        for path, refusal in refusals.items():
            self._answers[path] = (*refusal, "")
        self._done -= refusals.keys()

    def _share_known(self) -> None:
        """Put together what the files of each study say of persons, for the work on each."""
        by_study: dict[str, KnownValues] = {}
        for path, surveyed in self._surveyed.items():
            study = surveyed.study_instance_uid
            by_study[study] = by_study.get(study, NOTHING) | self._known[path]
        self._work.known = {
            path: by_study[surveyed.study_instance_uid] for path, surveyed in self._surveyed.items()
        }
        self._done = {
            path
            for path in self._done
            if self._maps.before(path).get("known") == self._work.known_digest(path)
        }

    def _digest(self, path: str) -> str:
        digest = hashlib.sha256()
        try:
            with Reader().open(self._source / path) as (view, release):
                for start in range(0, len(view), _DIGEST_BYTES):
                    digest.update(view[start : start + _DIGEST_BYTES])
                    release()
        except OSError:
            return path  # like no other file
        return digest.hexdigest()

    def _deidentify(self, pool: ForkPool, step: Callable[[], None]) -> Totals:
        """De-identify the files that are left; write the report as they are done, in order."""
        numbers = [
            number
            for number, (path, _) in enumerate(self._entries)
            if path not in self._answers and path not in self._done
        ]
        totals = Totals()
        outputs: set[str] = set()
        # They are at work while the report is begun.
        answers = pool.run(DEIDENTIFY, numbers, before_wait=lambda: report.flush())
        with self._maps.report() as report:
            for path, _ in self._entries:
                answer = self._answers.get(path)
                if answer is None and path not in self._done:
                    answer = next(answers)[1]
                if answer is not None and answer[0] == "made":
                    _, line, output, uids, patients = answer
                    report.add(line, uids, patients)
                    totals.outcomes["deidentified"] += 1
                else:
                    record = self._record(path, answer)
                    report.add(json.dumps(record))
                    totals.add(record)
                    output = record["output"]
                outputs.add(output)
                step()
            totals.done_before = len(self._done)
            self._take_back(outputs)
        return totals

    def _record(self, path: str, answer: Answer | Lost | None) -> Record:
        """Return what the report says of a file that was not made, or was made before."""
        if answer is None:
            return self._maps.before(path)
        record = self._work.record(path)
        surveyed = self._surveyed.get(path)
        record["sop_instance_uid_old"] = surveyed.sop_instance_uid if surveyed else ""
        if isinstance(answer, Lost):
            answer = _LOST[answer.why]
        record["outcome"], record["rule"], record["reason"], record["place"] = answer
        return record

    def _take_back(self, outputs: set[str]) -> None:
        """Remove what earlier runs made of these files, and this one holds or makes otherwise."""
        for path, _ in self._entries:
            before = self._maps.before(path)
            output = before.get("output")
            if output and output not in outputs:
                there = measure(self._target / output)
                if there == (before.get("output_bytes"), before.get("output_crc32")):
                    (self._target / output).unlink()
