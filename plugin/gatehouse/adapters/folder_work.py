"""What a process of a folder-to-folder run does with one file: look at it, or de-identify it.

Values stay in this process but for those that the maps are for.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from gatehouse import __version__
from gatehouse.adapters.files import Reader, Staging, measure
from gatehouse.adapters.folder_maps import FolderMaps, Pair
from gatehouse.deid.known_values import NOTHING, KnownValues, collect
from gatehouse.deid.model import ProjectKeys
from gatehouse.deid.plan import Plan
from gatehouse.errors import HoldError, PolicyError
from gatehouse.pipeline.folder import Surveyed, make, survey
from gatehouse.policy.model import Policy

LOOK: Final = 0
"""Phase: answer ``("seen", sop_instance_uid, attributes, is_done, known)``; the last are the fields
of `KnownValues`, if the plan cleans texts."""
DEIDENTIFY: Final = 1
"""Phase: answer ``("made", line, output, uids, patient)``; the first is the file's line of the
report, the last two have what these processes have not answered before. Both phases: or ``("held",
rule, reason, place)``."""

FAILURES: Final = frozenset({"files.unreadable", "files.unwritable", "internal.error"})
"""Rules that are no decision: something went wrong."""

_BEGINNING_BYTES: Final = 1 << 16

_ANSWERED_MAX: Final = 10_000
"""Identifiers that are remembered; what files share comes again soon, or costs a little."""

Answer = tuple[Any, ...]


class FolderWork:
    """The work on single files.

    Parameters
    ----------
    source, target : pathlib.Path
        The folder to read and the one to write.
    policy : Policy
    plan : Plan
        The policy's recipe, compiled.
    keys : ProjectKeys
    maps : FolderMaps
        Read for what earlier runs made.
    staging : Staging
        Where outputs are written before they get their place.
    """

    def __init__(
        self,
        source: Path,
        target: Path,
        policy: Policy,
        plan: Plan,
        keys: ProjectKeys,
        maps: FolderMaps,
        staging: Staging,
    ) -> None:
        self._source = source
        self._target = target
        self._policy = policy
        self._plan = plan
        self._keys = keys
        self._maps = maps
        self._staging = staging
        self._reader = Reader()
        self.known: Mapping[str, KnownValues] = {}
        """What the study of a file says of persons, by path; for a plan that cleans texts."""
        self.provenance: Mapping[str, Any] = {
            "policy": policy.name,
            "version": policy.version,
            "policy_digest": policy.digest,
            "project": plan.recipe.project,
            "key_id": keys.key_id,
            "software": __version__,
        }
        """By what a file is made: if any of it changes, it has to be made again."""
        self._answered = Answered()

    def record(self, path: str) -> dict[str, Any]:
        """Return what the report says of each file, as of one that is held."""
        return {
            "source": path,
            "outcome": "held",
            "reason": "",
            "output": "",
            "sop_instance_uid_old": "",
            "sop_instance_uid_new": "",
            "rule": "",
            "place": "",
            **self.provenance,
        }

    def do(self, phase: int, number: int, path: str) -> Answer:
        """Do one phase for one file.

        Parameters
        ----------
        number : int
            Of the file; the report has them in this order.
        """
        try:
            return self._look(path) if phase == LOOK else self._deidentify(number, path)
        except HoldError as error:
            return "held", error.rule, error.reason, error.path
        except PolicyError as error:
            return "held", "policy.unusable", str(error), ""
        except OSError as error:
            return "held", "files.unreadable", f"it can't be read: {_words(error)}", ""
        except MemoryError:
            return "held", "worker.memory", "there was not enough memory for this file", ""
        except Exception as error:  # noqa: BLE001 - whatever it is, the file is held
            # Only the type: texts of foreign exceptions quote values.
            kind = type(error).__name__
            return "held", "internal.error", f"an unexpected error ({kind}) was met", ""

    def _look(self, path: str) -> Answer:
        beginning, status = self._reader.head(self._path(path), _BEGINNING_BYTES)
        surveyed = self._survey(path, beginning, is_whole=len(beginning) == status.st_size)
        attributes = dict(surveyed.attributes)
        is_done = self._is_done(path, status)
        return "seen", surveyed.sop_instance_uid, attributes, is_done, self._collect(path)

    def _path(self, path: str) -> str:
        return f"{self._source}/{path}"

    def _collect(self, path: str) -> tuple[list[str], ...]:
        """Return what a file says of persons, as plain values."""
        if not self._plan.cleans_texts:
            return ()
        with self._reader.open(self._path(path)) as (view, _):
            return tuple(sorted(kind) for kind in collect(view))

    def known_digest(self, path: str) -> str:
        """Return by what its texts are cleaned: with other names in its study, it is made again."""
        known = self.known.get(path)
        if known is None:
            return ""
        text = repr([sorted(kind) for kind in known])
        return hmac.digest(self._keys.pseudonym, text.encode(), "sha256").hex()

    def _survey(self, path: str, beginning: memoryview, *, is_whole: bool) -> Surveyed:
        """Survey a file by its beginning, or by all of it where that does not suffice."""
        if is_whole or not self._policy.checks:
            try:
                return survey(beginning, self._policy, is_whole=is_whole)
            except HoldError:
                if is_whole:
                    raise
        with self._reader.open(self._path(path)) as (view, _):
            return survey(view, self._policy, is_whole=True)

    def _is_done(self, path: str, status: os.stat_result) -> bool:
        """Tell if an earlier run made just what this one would make, and it is still there."""
        record = self._maps.before(path)
        now = {
            **self.provenance,
            "outcome": "deidentified",
            "source_bytes": status.st_size,
            "source_modified_ns": status.st_mtime_ns,
        }
        if any(record.get(name) != value for name, value in now.items()):
            return False
        output = self._target / str(record["output"])
        if measure(output) != (record.get("output_bytes"), record.get("output_crc32")):
            return False
        return self._maps.is_on_disk(output.stat().st_mtime)

    def _deidentify(self, number: int, path: str) -> Answer:
        source = self._path(path)
        status = os.stat(source, follow_symlinks=False)  # noqa: PTH116 - a Path costs more than it
        with self._reader.open(source) as (view, release):
            made = make(view, self._plan, self._keys, self.known.get(path, NOTHING))
            deidentified = made.verified.deidentified
            is_ours = self._maps.before(path).get("output") == made.output
            try:
                written = self._staging.write(
                    made.output, deidentified.chunks, release, may_replace=is_ours
                )
            except OSError as error:
                reason = f"the output can't be written: {_words(error)}"
                return "held", "files.unwritable", reason, ""
        if written is None:
            reason = "the output folder has another object with the same SOP Instance UID"
            return "held", "files.conflict", reason, ""
        record = self.record(path) | {
            "outcome": "deidentified",
            "output": made.output,
            "sop_instance_uid_old": deidentified.sop_instance_uid_old,
            "sop_instance_uid_new": deidentified.sop_instance_uid_new,
            "source_bytes": status.st_size,
            "source_modified_ns": status.st_mtime_ns,
            "output_bytes": written.size,
            "output_crc32": written.crc32,
        }
        if path in self.known:
            record["known"] = self.known_digest(path)
        patients = [] if made.patient[0] == made.patient[1] else [made.patient]
        # Written here, because everything that the parent does is done by one process only.
        return (
            *("made", json.dumps(record), made.output),
            *(self._answered.fresh(number, pairs) for pairs in (made.uids, patients)),
        )


class Answered:
    """Which identifiers a process has answered already."""

    def __init__(self) -> None:
        self._first: dict[Pair, int] = {}

    def fresh(self, number: int, pairs: Sequence[Pair]) -> list[Pair]:
        """Return those that no earlier file of the report had, as far as is known here.

        A file that another process left behind comes late: it has to bring all of its own again,
        because the report may have it before the one that brought them first.

        Parameters
        ----------
        number : int
            Of the file, in the report's order.
        """
        if len(self._first) > _ANSWERED_MAX:
            self._first.clear()
        return [pair for pair in pairs if self._first.setdefault(pair, number) >= number]


def _words(error: OSError) -> str:
    """Return the system's words for an error; its own text may name a file."""
    return os.strerror(error.errno) if error.errno else type(error).__name__
