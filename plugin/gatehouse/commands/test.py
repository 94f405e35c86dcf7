"""``gatehouse test``: run the policies' own cases, without Orthanc."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from gatehouse.adapters.policy_files import placed, read_folder
from gatehouse.policy.load import load_cases, load_pack
from gatehouse.policy.report import render
from gatehouse.policy.run_cases import CaseResult, run_cases

HELP = "run the policies' own cases"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "folder",
        metavar="DIR",
        type=Path,
        nargs="?",
        default=Path("policies"),
        help="the folder with pack.yaml; default: policies",
    )
    parser.add_argument(
        "--policy", metavar="NAME", help="run the cases of this policy only; default: of all"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run all cases; 0 if all pass, 1 if one fails, 2 if the policies can't be loaded."""
    folder = arguments.folder
    files = read_folder(folder)
    pack, problems = load_pack(files)
    for problem in placed(folder, problems):
        if problem.severity == "error":
            print(render(problem), file=sys.stderr)
    if pack is None:
        print(f"{folder}: the policies have errors; no case was run", file=sys.stderr)
        return 2
    policies = [one for one in pack.policies if arguments.policy in (None, one.name)]
    if not policies:
        print(f"{folder}: there is no policy {arguments.policy}", file=sys.stderr)
        return 2
    cases, _ = load_cases(files)
    passed = failed = 0
    for policy in policies:
        print(policy.name)
        file = folder / policy.name / f"{policy.name}.test.yaml"
        if not cases[policy.name]:
            print(f"  FAIL  no cases\n        {file}: a policy without cases fails")
            failed += 1
        good, bad = _print_results(file, run_cases(policy, cases[policy.name]))
        passed, failed = passed + good, failed + bad
    print(f"{_count(len(policies), 'policy', 'policies')}: {passed} passed, {failed} failed")
    return 1 if failed else 0


def _print_results(file: Path, results: Iterable[CaseResult]) -> tuple[int, int]:
    """Print each result; return how many passed and how many failed."""
    passed = failed = 0
    for result in results:
        if not result.failures:
            print(f"  ok    {result.case.name}")
            passed += 1
            continue
        print(f"  FAIL  {result.case.name}")
        for failure in result.failures:
            print(f"        {file}:{failure.line}: {failure.message}")
        failed += 1
    return passed, failed


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
