"""Where policies are changed while the gateway runs: one place, for files and for REST.

The folder ``Policies`` is where policies are kept; the ledger says which pack decides, and keeps
every version that ever did. A change through REST is written into the folder first, with the lock,
and then loaded from there like any other, so that both never tell two stories (ADR 0014). A pack
with an error is reported and changes nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from gatehouse.adapters import policy_folder
from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.policy_files import read_folder
from gatehouse.adapters.reception_handover import OTHER_RECEPTION
from gatehouse.adapters.side_tasks import Draft, check_draft, run_draft_cases
from gatehouse.adapters.side_work import SideWork
from gatehouse.errors import HoldError, PolicyError, StateError
from gatehouse.pipeline.packs import PackShelf
from gatehouse.policy.build_deliver import DestinationNames
from gatehouse.policy.load import PACK_FILE, load_pack, load_single
from gatehouse.policy.lock import FILE as LOCK_FILE
from gatehouse.policy.lock import read_lock, render_lock
from gatehouse.policy.model import Pack, Policy, Problem
from gatehouse.policy.report import Report

FOLDER = "folder"
"""Who proposes a change that was found in the folder."""

log = structlog.get_logger()


class DraftError(PolicyError):
    """A draft can't be activated: it has errors, or its cases fail.

    Parameters
    ----------
    about : Mapping
        What check or cases said, as REST answers it.
    """

    def __init__(self, message: str, about: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.about = about


class FourEyesError(PolicyError):
    """A person may not approve what the same person proposed."""


@dataclass(frozen=True, slots=True)
class FolderState:
    """What was seen of the folder at the last look."""

    state: str = "unseen"
    """``unseen`` before the first look; ``active``, ``changed``, ``invalid`` or ``unreadable``."""
    digest: str = ""
    problems: tuple[Problem, ...] = ()
    looked_at: float | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What came of a change of the policies."""

    state: str
    """``active``, ``proposed``, ``unchanged`` or ``invalid``."""
    pack_digest: str
    proposal: int | None = None
    problems: tuple[Problem, ...] = ()
    policy: Policy | None = None


@dataclass
class PolicyDesk:
    """Loads, proposes and activates policies. May be used from several threads.

    Parameters
    ----------
    folder : Path or None
        The setting ``Policies``.
    four_eyes : bool
        Whether a second person must approve each change.
    reception : bool
        Whether this Orthanc was started in reception mode; only a start changes that.
    activated : callable
        Told when other policies decide.
    """

    ledger: Ledger
    folder: Path | None
    destinations: DestinationNames | None
    side: SideWork
    four_eyes: bool = False
    reception: bool = False
    activated: Callable[[], object] = lambda: None
    clock: Callable[[], float] = time.time
    seen: FolderState = field(default_factory=FolderState)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _last_look: str = ""
    _taken: str = ""
    _loaded: tuple[str, Pack | None, tuple[Problem, ...]] | None = None

    def __post_init__(self) -> None:
        """Get the shelf of loaded packs."""
        self.shelf = PackShelf(self.ledger)

    # ---- Looking

    def active(self) -> Pack:
        """Return the pack that decides now. Raises ``PolicyError`` if there is none."""
        try:
            return self.shelf.active()
        except HoldError as error:
            raise PolicyError(error.reason) from None

    def version(self, name: str, version: int | None) -> Policy:
        """Return a version that was ever active, by default the one that decides now.

        Raises
        ------
        LookupError
            If there is none.
        PolicyError
            If this version of Gatehouse can't load it.
        """
        if version is None:
            for policy in self.active().policies:
                if policy.name == name:
                    return policy
            raise LookupError(name)
        for record in self.ledger.policy_versions(name):
            if record.version == version:
                loaded, _ = load_single(record.text.encode(), name)
                if loaded is None:
                    raise PolicyError(
                        f"version {version} of {name} can't be loaded by this version of Gatehouse"
                    )
                return loaded
        raise LookupError(name)

    def files(self) -> dict[str, bytes]:
        """Return the files of the folder. Raises ``PolicyError`` if it can't be read."""
        if self.folder is None:
            raise PolicyError("this gateway has no folder of policies")
        return read_folder(self.folder)

    def draft(self, name: str, text: str, cases: str | None) -> Draft:
        """Return a text as a draft of this folder."""
        return Draft(name, text, cases, self.files(), self.destinations)

    def look(self) -> FolderState:
        """Compare the folder with what decides; cheap while nothing changes."""
        with self._lock:
            self.seen, _ = self._look()
            return self.seen

    def take_changes(self) -> Change | None:
        """Load the folder if it has changed and is at rest: the same at two looks.

        What was refused or proposed once is not tried again until the folder changes.
        """
        with self._lock:
            state = self.look()
            is_at_rest = state.digest == self._last_look
            self._last_look = state.digest
            if state.state != "changed" or not is_at_rest or state.digest == self._taken:
                return None
            self._taken = state.digest
            change = self.reload(FOLDER)
            log.info("changed folder of policies", outcome=change.state)
            return change

    # ---- Changing

    def reload(self, by: str) -> Change:
        """Load the folder, and let it decide from now on; with four eyes, propose it."""
        with self._lock:
            self.seen, pack = self._look()
            active = self.ledger.active_pack()
            digest = active.digest if active else ""
            if pack is None:
                return Change("invalid", digest, problems=self.seen.problems)
            if pack.digest == digest:
                return Change("unchanged", digest, problems=self.seen.problems)
            if self.four_eyes and active is not None:
                texts = {
                    f"{one.name}/{one.name}.yaml": one.text
                    for one in pack.policies
                    if one.digest not in {other.digest for other in active.policies}
                }
                number = self.ledger.propose(
                    "folder",
                    "",
                    0,
                    texts,
                    by,
                    self.clock(),
                    base_digest=digest,
                    folder_digest=self.seen.digest,
                )
                return Change("proposed", digest, number, self.seen.problems)
            return self._activate(pack, by)

    def activate_text(
        self, name: str, text: str, cases: str | None, by: str, because: str
    ) -> Change:
        """Let a draft decide from now on; with four eyes, propose it.

        Raises
        ------
        DraftError
            If it has errors, or its cases fail.
        PolicyError
            If the folder can't be written.
        """
        draft = self.draft(name, text, cases)
        checked = self.side.run(check_draft, draft)
        if not checked["is_valid"]:
            raise DraftError("the policy has errors", checked)
        tested = self.side.run(run_draft_cases, draft)
        if tested["failed"]:
            raise DraftError("cases of the policy fail", tested)
        wanted = {f"{name}/{name}.yaml": text}
        if cases is not None:
            wanted[f"{name}/{name}.test.yaml"] = cases
        return self._change("text", name, wanted, by, because)

    def activate_version(self, name: str, version: int, by: str, because: str) -> Change:
        """Let a version decide again that was active once; with four eyes, propose it.

        Raises
        ------
        LookupError
            If there is none.
        PolicyError
            If it can't be loaded, or the folder can't be written.
        """
        policy = self.version(name, version)
        wanted = {f"{name}/{name}.yaml": policy.text}
        return self._change("version", name, wanted, by, because)

    def approve(self, number: int, by: str) -> Change:
        """Let a proposal decide; its author can't.

        Raises
        ------
        LookupError
            If there is none.
        StateError
            If it is not open, or was made when other policies decided.
        FourEyesError
            If the same person made it.
        """
        with self._lock:
            found = self.ledger.proposal(number)
            if found is None:
                raise LookupError(number)
            if found.state != "open":
                raise StateError("this proposal is not open any more")
            if found.proposed_by == by:
                raise FourEyesError("a second person must approve it: you proposed it yourself")
            active = self.ledger.active_pack()
            if active is None or active.digest != found.base_digest:
                self.ledger.decide_proposal(number, "outdated", by, self.clock())
                raise StateError("other policies decide since it was proposed; propose it again")
            if found.kind == "folder":
                self.seen, pack = self._look()
                if pack is None or self.seen.digest != found.folder_digest:
                    self.ledger.decide_proposal(number, "outdated", by, self.clock())
                    raise StateError("the folder has changed since; it is proposed again")
                change = self._activate(pack, f"{by}, proposed by {found.proposed_by}")
            else:
                people = f"{by}, proposed by {found.proposed_by}"
                change = self._write(found.name, found.files, people)
            self.ledger.decide_proposal(number, "approved", by, self.clock())
            return change

    def decline(self, number: int, by: str) -> None:
        """Close a proposal without effect; also its author may.

        Raises
        ------
        LookupError
            If there is none.
        StateError
            If it is not open any more.
        """
        if self.ledger.proposal(number) is None:
            raise LookupError(number)
        self.ledger.decide_proposal(number, "declined", by, self.clock())

    def _change(
        self, kind: str, name: str, wanted: Mapping[str, str], by: str, because: str
    ) -> Change:
        with self._lock:
            placed, pack = self._placed(name, wanted)
            policy = next(one for one in pack.policies if one.name == name)
            for conflict in self._conflicts(pack):
                raise PolicyError(f"{conflict.message}; {conflict.hint}")
            active = self.ledger.active_pack()
            digest = active.digest if active else ""
            if pack.digest == digest and all(
                self.files().get(file) == text.encode() for file, text in wanted.items()
            ):
                return Change("unchanged", digest, policy=policy)
            if not policy_folder.is_writable(self._folder()):
                policy_folder.write_files(self._folder(), {})
            if self.four_eyes and active is not None:
                number = self.ledger.propose(
                    kind,
                    name,
                    policy.version,
                    wanted,
                    by,
                    self.clock(),
                    base_digest=digest,
                    because=because,
                    policy_digest=policy.digest,
                )
                return Change("proposed", digest, number, policy=policy)
            change = self._write(name, wanted, by, placed)
            self.ledger.record_audit(
                by,
                "policy.activated",
                f"policy {name} version {policy.version}",
                kind,
                self.clock(),
                policy_digest=policy.digest,
                detail=because,
            )
            return change

    def _write(
        self,
        name: str,
        wanted: Mapping[str, str],
        by: str,
        placed: Mapping[str, bytes] | None = None,
    ) -> Change:
        """Put files into the folder and load it."""
        if placed is None:
            placed, _ = self._placed(name, wanted)
        before = self.files()
        changed = {
            file: content.decode()
            for file, content in placed.items()
            if before.get(file) != content
        }
        policy_folder.write_files(self._folder(), changed)
        self.seen, pack = self._look()
        if pack is None:
            first = next(one for one in self.seen.problems if one.severity == "error")
            raise PolicyError(f"{first.file}:{first.line}: {first.message}")
        change = self._activate(pack, by)
        policy = next(one for one in pack.policies if one.name == name)
        return Change(change.state, change.pack_digest, problems=change.problems, policy=policy)

    def _placed(self, name: str, wanted: Mapping[str, str]) -> tuple[dict[str, bytes], Pack]:
        """Return the folder with these files and their lock in it, loaded."""
        text = wanted[f"{name}/{name}.yaml"]
        draft = self.draft(name, text, wanted.get(f"{name}/{name}.test.yaml"))
        placed = draft.placed()
        lock = read_lock(placed.get(LOCK_FILE, b""), Report(LOCK_FILE))
        active = self.ledger.active_pack()
        now_active = [one for one in (active.policies if active else ()) if one.name == name]
        for record in (*now_active, *self.ledger.policy_versions(name)):
            lock.setdefault((record.name, record.version), record.digest)
        placed[LOCK_FILE] = render_lock(lock).encode()
        pack, problems = load_pack(placed, self.destinations)
        if pack is None:
            first = next(one for one in problems if one.severity == "error")
            hint = f" ({first.hint})" if first.hint else ""
            raise PolicyError(f"{first.file}:{first.line}: {first.message}{hint}")
        placed[LOCK_FILE] = policy_folder.locked(placed, pack).encode()
        return placed, pack

    def _conflicts(self, pack: Pack) -> tuple[Problem, ...]:
        """Return what the running gateway says against a pack that is right in itself.

        That is an error for each other text under a version that has decided already, and for a
        pack that needs another start of Orthanc.
        """
        known: dict[tuple[str, int], set[str]] = {}
        highest: dict[str, int] = {}
        for record in self.ledger.policy_versions():
            known.setdefault((record.name, record.version), set()).add(record.digest)
            highest[record.name] = max(record.version, highest.get(record.name, 0))
        other = Problem(PACK_FILE, 1, OTHER_RECEPTION, "restart Orthanc to let them decide")
        return (
            *((other,) if pack.reception is not self.reception else ()),
            *(
                Problem(
                    f"{one.name}/{one.name}.yaml",
                    1,
                    f"version {one.version} of {one.name} was active with another text",
                    f"write version: {highest[one.name] + 1}",
                )
                for one in pack.policies
                if one.digest not in known.get((one.name, one.version), {one.digest})
            ),
        )

    def _activate(self, pack: Pack, by: str) -> Change:
        source = policy_folder.source_of(self._folder())
        is_new = self.ledger.activate_pack(pack, by, source, self.clock())
        self.activated()
        self.seen, _ = self._look()
        log.info("policies activated", new=is_new)
        return Change("active" if is_new else "unchanged", pack.digest, problems=self.seen.problems)

    def _folder(self) -> Path:
        if self.folder is None:
            raise PolicyError("this gateway has no folder of policies")
        return self.folder

    def _look(self) -> tuple[FolderState, Pack | None]:
        now = self.clock()
        try:
            files = self.files()
        except PolicyError as error:
            problem = Problem(str(self.folder or ""), 1, str(error))
            return FolderState("unreadable", "", (problem,), now), None
        digest = policy_folder.digest_of(files)
        active = self.ledger.active_pack()
        pack, problems = self._load(digest, files)
        if pack is None:
            return FolderState("invalid", digest, problems, now), None
        conflicts = self._conflicts(pack)
        if conflicts:
            return FolderState("invalid", digest, (*conflicts, *problems), now), None
        state = "active" if active is not None and active.digest == pack.digest else "changed"
        return FolderState(state, digest, problems, now), pack

    def _load(
        self, digest: str, files: Mapping[str, bytes]
    ) -> tuple[Pack | None, tuple[Problem, ...]]:
        """Load the folder, once for the same contents."""
        if self._loaded is None or self._loaded[0] != digest:
            self._loaded = (digest, *load_pack(files, self.destinations))
        return self._loaded[1], self._loaded[2]
