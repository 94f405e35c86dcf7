"""What other programs say of a DICOM file: dicom3tools, DCMTK, GDCM and pydicom."""

from __future__ import annotations

import re
import subprocess
import warnings
from collections import Counter
from pathlib import Path

import pydicom

SECONDS_MAX = 120
_VALUES = re.compile(
    r'"[^"]*"|= <[^>]*>|(?<=value )<[^>]*>|(?<=UID )[\w.]+$|[0-9A-Za-z_^-]*\d[\w.\\]{3,}'
)


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        check=False,
        encoding="latin-1",
        timeout=SECONDS_MAX,
    )


def _kinds(lines: list[str], beginnings: tuple[str, ...]) -> set[str]:
    return {_VALUES.sub("#", line) for line in lines if line.startswith(beginnings)}


def complaints(file: Path) -> dict[str, set[str]]:
    """Return for each program the kinds of complaints it has, without values and numbers."""
    found = {
        "dciodvfy": _kinds(_run("dciodvfy", file).stderr.splitlines(), ("Error",)),
        "pydicom": _read_by_pydicom(file),
    }
    for program, arguments in (
        ("dcmdump", ("-q", "+L")),
        ("gdcmdump", ("-i",)),
        ("gdcminfo", ("-i",)),
    ):
        result = _run(program, *arguments, file)
        lines = _kinds(result.stderr.splitlines(), ("E:", "F:", "Error", "error", "Failed"))
        found[program] = lines | ({f"exit {result.returncode}"} if result.returncode else set())
    return found


def _read_by_pydicom(file: Path) -> set[str]:
    """Read every element of every item."""
    kinds: Counter[str] = Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data_set = pydicom.dcmread(file, force=True)
        for tag in list(data_set.keys()):
            try:
                str(data_set[tag])
            except Exception as error:  # noqa: BLE001 whatever it is, it is a complaint
                kinds[type(error).__name__] += 1
    return set(kinds)


def new_complaints(before: Path, after: Path) -> dict[str, list[str]]:
    """Return what the programs say of the second file that they did not say of the first."""
    old, new = complaints(before), complaints(after)
    added = {program: sorted(new[program] - old[program]) for program in new}
    return {program: kinds for program, kinds in added.items() if kinds}
