"""The folder in which policies are kept: its state, its source, and writing into it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from gatehouse.adapters.policy_files import write_whole
from gatehouse.errors import PolicyError
from gatehouse.policy.lock import FILE as LOCK_FILE
from gatehouse.policy.lock import read_lock, render_lock, updated
from gatehouse.policy.model import Pack
from gatehouse.policy.report import Report

GIT_TIMEOUT_S = 10.0


def digest_of(files: Mapping[str, bytes]) -> str:
    """Return a digest over names and contents of a folder."""
    whole = hashlib.sha256()
    for name in sorted(files):
        whole.update(hashlib.sha256(name.encode()).digest())
        whole.update(hashlib.sha256(files[name]).digest())
    return whole.hexdigest()


def is_writable(folder: Path) -> bool:
    """Return whether this process may put policies into the folder."""
    return os.access(folder, os.W_OK | os.X_OK)


def locked(files: Mapping[str, bytes], pack: Pack) -> str:
    """Return the text of the lock with the versions of a pack added."""
    lock = read_lock(files.get(LOCK_FILE, b""), Report(LOCK_FILE))
    return render_lock(updated(lock, pack.policies))


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write files of policies, each whole or not at all, the lock last.

    Raises
    ------
    PolicyError
        If the folder is not writable, with what to do.
    """
    if not is_writable(folder):
        raise PolicyError(
            "the folder of policies is read-only here: put the files there the way that this site "
            "uses (a git checkout, a mounted volume), and then ask for POST "
            "/gatehouse/policies/reload"
        )
    for name in sorted(files, key=lambda one: (one == LOCK_FILE, one)):
        file = folder / name
        try:
            file.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise PolicyError(f"{file.parent} can't be made: {error.strerror}") from None
        write_whole(file, files[name])


def source_of(folder: Path) -> str:
    """Return where the policies come from: the folder, and its git commit if it has one."""
    git = shutil.which("git")
    if git is None:
        return str(folder)
    commit = _git(git, folder, "rev-parse", "--short=12", "HEAD")
    if not commit:
        return str(folder)
    changed = _git(git, folder, "status", "--porcelain", "--", ".")
    return f"{folder} at git commit {commit}{' with changes' if changed else ''}"


def _git(git: str, folder: Path, *words: str) -> str:
    """Ask git; empty if there is no answer. Nothing that the repository configures is run."""
    safe = [
        "-c",
        f"safe.directory={folder}",
        "-c",
        "safe.directory=*",
        "-c",
        "core.fsmonitor=false",
    ]
    try:
        outcome = subprocess.run(  # noqa: S603  our own words
            [git, "-C", str(folder), *safe, *words],
            capture_output=True,
            timeout=GIT_TIMEOUT_S,
            check=False,
            env={
                "PATH": os.environ.get("PATH", ""),
                "GIT_OPTIONAL_LOCKS": "0",
                "HOME": "/nonexistent",
            },
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return outcome.stdout.decode("utf-8", "replace").strip() if outcome.returncode == 0 else ""
