"""The folder in which policies are kept: its state, its source, and writing into it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from gatehouse.adapters.policy_files import read_folder, write_whole
from gatehouse.errors import PolicyError
from gatehouse.policy.lock import FILE as LOCK_FILE
from gatehouse.policy.lock import read_lock, render_lock, updated
from gatehouse.policy.model import Pack
from gatehouse.policy.report import Report

GIT_TIMEOUT_S = 10.0
SHA1_DIGITS = 40


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
    commit = _git(git, folder, "rev-parse", "--short=12", "HEAD").decode().strip() if git else ""
    if git is None or not commit:
        return str(folder)
    committed = dict(_blobs(_git(git, folder, "ls-tree", "-r", "-z", "HEAD", ".")))
    is_same = bool(committed) and _is_committed(read_folder(folder), committed)
    return f"{folder} at git commit {commit}{'' if is_same else ' with changes'}"


def _blobs(listed: bytes) -> Iterator[tuple[str, str]]:
    """Yield path and object name of what ``git ls-tree -z`` lists."""
    for entry in listed.decode("utf-8", "replace").split("\0"):
        about, _, path = entry.partition("\t")
        if path and not any(part.startswith(".") for part in path.split("/")):
            yield path, about.split()[-1]


def _is_committed(files: Mapping[str, bytes], committed: Mapping[str, str]) -> bool:
    """Return whether the files are those of the commit.

    Compared here: ``git status`` would run whatever the repository's configuration names.
    """
    if files.keys() != committed.keys():
        return False
    for path, content in files.items():
        kind = hashlib.sha256 if len(committed[path]) > SHA1_DIGITS else hashlib.sha1
        if kind(b"blob %d\0" % len(content) + content).hexdigest() != committed[path]:
            return False
    return True


def _git(git: str, folder: Path, *words: str) -> bytes:
    """Ask git for what it only reads; empty if there is no answer."""
    # The folder may be somebody else's checkout, which git refuses to read otherwise.
    safe = ["-c", "safe.directory=*", "-c", "core.fsmonitor=false"]
    try:
        outcome = subprocess.run(  # noqa: S603  our own words
            [git, "-C", str(folder), *safe, *words],
            capture_output=True,
            timeout=GIT_TIMEOUT_S,
            check=False,
            env={"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return outcome.stdout if outcome.returncode == 0 else b""
