"""Where policies are changed while the gateway runs: one place, for files and for REST.

The folder ``Policies`` is where policies are kept; the ledger says which pack decides, and keeps
every version that ever did. A change through REST is written into the folder first, with the lock,
and then loaded from there like any other, so that both never tell two stories (ADR 0014). A pack
with an error is reported and changes nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from gatehouse.adapters import policy_folder
from gatehouse.adapters.policy_view import FolderState, PolicyView
from gatehouse.adapters.side_tasks import check_draft, run_draft_cases
from gatehouse.adapters.side_work import SideWork
from gatehouse.errors import PolicyError, StateError
from gatehouse.policy.model import Pack, Policy, Problem

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
class Change:
    """What came of a change of the policies."""

    state: str
    """``active``, ``proposed``, ``unchanged`` or ``invalid``."""
    pack_digest: str
    proposal: int | None = None
    problems: tuple[Problem, ...] = ()
    policy: Policy | None = None


@dataclass
class PolicyDesk(PolicyView):
    """Loads, proposes and activates policies. May be used from several threads.

    Parameters
    ----------
    side : SideWork
        Where drafts are checked and their cases are run.
    four_eyes : bool
        Whether a second person must approve each change.
    activated : callable
        Told when other policies decide.
    """

    side: SideWork
    four_eyes: bool = False
    activated: Callable[[], object] = lambda: None
    seen: FolderState = field(default_factory=FolderState)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _last_look: str = ""
    _taken: str = ""

    def look(self) -> FolderState:
        """Compare the folder with what decides; cheap while nothing changes."""
        with self._lock:
            self.seen, _ = self.look_at_folder()
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

    def reload(self, by: str) -> Change:
        """Load the folder, and let it decide from now on; with four eyes, propose it."""
        with self._lock:
            self.seen, pack = self.look_at_folder()
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
                self.seen, pack = self.look_at_folder()
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
            placed, pack = self.placed(name, wanted)
            policy = next(one for one in pack.policies if one.name == name)
            for conflict in self.conflicts(pack):
                raise PolicyError(f"{conflict.message}; {conflict.hint}")
            active = self.ledger.active_pack()
            digest = active.digest if active else ""
            if pack.digest == digest and all(
                self.files().get(file) == text.encode() for file, text in wanted.items()
            ):
                return Change("unchanged", digest, policy=policy)
            if not policy_folder.is_writable(self.written_folder()):
                policy_folder.write_files(self.written_folder(), {})
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
            placed, _ = self.placed(name, wanted)
        before = self.files()
        changed = {
            file: content.decode()
            for file, content in placed.items()
            if before.get(file) != content
        }
        policy_folder.write_files(self.written_folder(), changed)
        self.seen, pack = self.look_at_folder()
        if pack is None:
            first = next(one for one in self.seen.problems if one.severity == "error")
            raise PolicyError(f"{first.file}:{first.line}: {first.message}")
        change = self._activate(pack, by)
        policy = next(one for one in pack.policies if one.name == name)
        return Change(change.state, change.pack_digest, problems=change.problems, policy=policy)

    def _activate(self, pack: Pack, by: str) -> Change:
        source = policy_folder.source_of(self.written_folder())
        is_new = self.ledger.activate_pack(pack, by, source, self.clock())
        self.activated()
        self.seen, _ = self.look_at_folder()
        log.info("policies activated", new=is_new)
        return Change("active" if is_new else "unchanged", pack.digest, problems=self.seen.problems)
