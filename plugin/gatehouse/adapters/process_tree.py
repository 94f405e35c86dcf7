"""Which processes descend from one, from ``/proc``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """A process that runs, or a zombie that nobody has waited for."""

    pid: int
    parent: int
    arguments: tuple[str, ...]
    is_zombie: bool


def descendants(pid: int) -> list[Process]:
    """Return the children of a process, their children and so on; the oldest first."""
    by_parent: dict[int, list[Process]] = {}
    for process in _all():
        by_parent.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    level = [pid]
    while level:
        children = [child for parent in level for child in by_parent.get(parent, ())]
        found += sorted(children, key=lambda process: process.pid)
        level = [child.pid for child in children]
    return found


def role_of(process: Process) -> str:
    """Return ``"service"`` or ``"worker"`` for a process of Gatehouse that was asked to be one.

    Their own children, the pool's, have other arguments, and no role.
    """
    words = process.arguments
    for position, word in enumerate(words[:-1]):
        if word == "gatehouse.cli" or word.endswith("/gatehouse"):
            role = words[position + 1]
            return role if role in ("service", "worker") else ""
    return ""


def _all() -> Iterator[Process]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (process := _read(folder)) is not None:
            yield process


def _read(folder: Path) -> Process | None:
    try:
        # The name, in parentheses, may hold blanks and parentheses: what counts comes after.
        state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        line = (folder / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None  # it has ended in the meantime
    arguments = tuple(word.decode(errors="replace") for word in line.split(b"\0") if word)
    return Process(int(folder.name), int(parent), arguments, is_zombie=state == "Z")
