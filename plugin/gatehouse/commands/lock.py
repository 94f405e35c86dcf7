"""``gatehouse lock``: write ``pack.lock``, the digests of all policy versions."""

from __future__ import annotations

import argparse
import sys

from gatehouse.adapters.policy_files import placed, read_folder, write_whole
from gatehouse.commands.folder import add_folder_argument
from gatehouse.policy.load import load_pack
from gatehouse.policy.lock import FILE, read_lock, render_lock, updated
from gatehouse.policy.report import Report, render


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_folder_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Add the present versions to the lock; 1 if the policies have errors, and nothing written."""
    folder = arguments.folder
    files = read_folder(folder)
    pack, problems = load_pack(files)
    errors = [problem for problem in problems if problem.severity == "error"]
    for problem in placed(folder, errors):
        print(render(problem), file=sys.stderr)
    if pack is None:
        print(f"{folder / FILE}: not written, because of the errors above")
        return 1
    lock = read_lock(files.get(FILE, b""), Report(FILE))
    new = updated(lock, pack.policies)
    for name, version in sorted(new.keys() - lock.keys()):
        print(f"{name}, version {version}: locked")
    text = render_lock(new)
    if files.get(FILE) == text.encode():
        print(f"{folder / FILE}: nothing to change")
        return 0
    write_whole(folder / FILE, text)
    print(f"{folder / FILE}: written")
    return 0
