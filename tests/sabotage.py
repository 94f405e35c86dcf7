"""Break the code on purpose, as ``sabotage.md`` says, and see that a test notices each time."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

SECTION = re.compile(
    r"^## (?P<title>.+?)\n\n"
    r"noticed by: (?P<tests>.+?)\n\n"
    r"```diff\n(?P<file>\S+)\n(?P<diff>.*?)^```",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Sabotage:
    """One way to break the code."""

    title: str
    tests: list[str]
    file: str
    old: str
    new: str


def read_sabotages() -> list[Sabotage]:
    """Return what the document describes."""
    text = (Path(__file__).parent / "sabotage.md").read_text(encoding="utf-8")
    return [
        Sabotage(
            found["title"],
            shlex.split(found["tests"]),
            found["file"],
            _lines(found["diff"], "-"),
            _lines(found["diff"], "+"),
        )
        for found in SECTION.finditer(text)
    ]


def _lines(diff: str, sign: str) -> str:
    lines = diff.splitlines(keepends=True)
    return "".join(line[1:] for line in lines if line.startswith(sign))


def copy_of_the_checkout(folder: Path) -> None:
    """Copy what git knows, and what it does not know yet; the virtual environment stays there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    for name in listed.decode().split("\0"):
        if name and (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    (folder / ".venv").symlink_to(ROOT / ".venv")


def run_tests(folder: Path, tests: list[str]) -> tuple[int, str]:
    """Run tests in the copy; return pytest's exit code and its last line."""
    outcome = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return outcome.returncode, (outcome.stdout.strip().splitlines() or [""])[-1]


def try_one(sabotage: Sabotage, folder: Path) -> str:
    """Return how a sabotage ended: ``noticed``, or what is wrong."""
    file = folder / sabotage.file
    whole = file.read_text(encoding="utf-8")
    if whole.count(sabotage.old) != 1:
        return f"NOT TRIED: what it replaces is {whole.count(sabotage.old)} times in the file"
    control, last = run_tests(folder, sabotage.tests)
    if control != 0:
        return f"NOT TRIED: its tests fail anyway: {last}"
    file.write_text(whole.replace(sabotage.old, sabotage.new), encoding="utf-8")
    try:
        code, last = run_tests(folder, sabotage.tests)
    finally:
        file.write_text(whole, encoding="utf-8")
    if code == 0:
        return "NOT NOTICED"
    # 1: tests failed. Anything else (nothing collected, interrupted) is no notice.
    return "noticed" if code == 1 else f"NOT TRIED: pytest ended with {code}: {last}"


def main() -> int:
    """Try all, or those with a word in their title."""
    word = " ".join(sys.argv[1:])
    sabotages = [one for one in read_sabotages() if word in one.title]
    bad = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        copy_of_the_checkout(folder)
        for sabotage in sabotages:
            begin = time.monotonic()
            outcome = try_one(sabotage, folder)
            bad += outcome != "noticed"
            print(f"{outcome:<12} {time.monotonic() - begin:5.1f} s  {sabotage.title}", flush=True)
    print(f"{len(sabotages) - bad} of {len(sabotages)} noticed")
    return 1 if bad or not sabotages else 0


if __name__ == "__main__":
    raise SystemExit(main())
