"""What a gateway knows of its policies: the folder, what decides now, and what ever did.

Nothing here changes anything; that is ``policy_desk``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gatehouse.adapters import policy_folder
from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.policy_files import read_folder
from gatehouse.adapters.reception_handover import OTHER_RECEPTION
from gatehouse.adapters.side_tasks import Draft
from gatehouse.errors import HoldError, PolicyError
from gatehouse.pipeline.packs import PackShelf
from gatehouse.policy.build_deliver import DestinationNames
from gatehouse.policy.load import PACK_FILE, load_pack, load_single
from gatehouse.policy.lock import FILE as LOCK_FILE
from gatehouse.policy.lock import read_lock, render_lock
from gatehouse.policy.model import Pack, Policy, Problem
from gatehouse.policy.report import Report


@dataclass(frozen=True, slots=True)
class FolderState:
    """What was seen of the folder at the last look."""

    state: str = "unseen"
    """``unseen`` before the first look; ``active``, ``changed``, ``invalid`` or ``unreadable``."""
    digest: str = ""
    problems: tuple[Problem, ...] = ()
    looked_at: float | None = None


@dataclass
class PolicyView:
    """The folder of policies beside the ledger's.

    Parameters
    ----------
    folder : Path or None
        The setting ``Policies``.
    reception : bool
        Whether this Orthanc was started in reception mode; only a start changes that.
    """

    ledger: Ledger
    folder: Path | None
    destinations: DestinationNames | None
    reception: bool = field(default=False, kw_only=True)
    clock: Callable[[], float] = field(default=time.time, kw_only=True)
    _loaded: tuple[str, Pack | None, tuple[Problem, ...]] | None = field(
        default=None, init=False, repr=False
    )

    def __post_init__(self) -> None:
        """Get the shelf of loaded packs."""
        self.shelf = PackShelf(self.ledger)

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

    def written_folder(self) -> Path:
        """Return the folder. Raises ``PolicyError`` if there is none."""
        if self.folder is None:
            raise PolicyError("this gateway has no folder of policies")
        return self.folder

    def look_at_folder(self) -> tuple[FolderState, Pack | None]:
        """Compare the folder with what decides; return what it holds if that may decide."""
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
        conflicts = self.conflicts(pack)
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

    def placed(self, name: str, wanted: Mapping[str, str]) -> tuple[dict[str, bytes], Pack]:
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

    def conflicts(self, pack: Pack) -> tuple[Problem, ...]:
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
