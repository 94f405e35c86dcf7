"""``gatehouse test``: run the policies' own cases, without Orthanc."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gatehouse.adapters.policy_files import placed, read_folder, write_whole
from gatehouse.commands.folder import add_folder_argument
from gatehouse.policy.coverage import coverage
from gatehouse.policy.golden import render_golden
from gatehouse.policy.junit import render_junit
from gatehouse.policy.load import load_cases, load_pack
from gatehouse.policy.model import Policy
from gatehouse.policy.report import render
from gatehouse.policy.run_cases import CaseResult, run_cases


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_folder_argument(parser)
    parser.add_argument(
        "--policy", metavar="NAME", help="run the cases of this policy only; default: of all"
    )
    parser.add_argument(
        "--coverage",
        action="store_true",
        help="fail also if a condition was not answered yes, no and unknown by some case, or if "
        "an exception met no attribute",
    )
    parser.add_argument("--junit", metavar="FILE", type=Path, help="write the results as JUnit XML")
    parser.add_argument(
        "--update",
        action="store_true",
        help="write the golden files of accepted cases anew; read what changed before you keep it",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run all cases; 0 if all pass, 1 if one fails or misses something, 2 if nothing loads."""
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
    if arguments.update:
        _update(folder, policies, files)
        files = read_folder(folder)
    cases, _ = load_cases(files)
    every: dict[str, list[CaseResult]] = {}
    passed = failed = gaps = 0
    for policy in policies:
        print(policy.name)
        file = folder / policy.name / f"{policy.name}.test.yaml"
        results = every[policy.name] = list(run_cases(policy, cases[policy.name]))
        if not results:
            print(f"  FAIL  no cases\n        {file}: a policy without cases fails")
            failed += 1
        good, bad = _print_results(file, results)
        passed, failed = passed + good, failed + bad
        if arguments.coverage:
            gaps += _print_coverage(folder, policy, results)
    if arguments.junit is not None:
        write_whole(arguments.junit, render_junit(every))
    print(f"{_count(len(policies), 'policy', 'policies')}: {passed} passed, {failed} failed")
    return 1 if failed or gaps else 0


def _update(folder: Path, policies: Sequence[Policy], files: dict[str, bytes]) -> None:
    """Write the golden files that are not as they should be."""
    cases, _ = load_cases(files)
    for policy in policies:
        for one in run_cases(policy, cases[policy.name]):
            golden = one.case.golden
            if golden is None or one.result is None or one.result.decision != "accept":
                continue
            text = render_golden(one.result.differences)
            if golden.content != text.encode():
                file = folder / policy.name / golden.file
                file.parent.mkdir(exist_ok=True)
                write_whole(file, text)
                print(f"{file}: written")


def _print_coverage(folder: Path, policy: Policy, results: Sequence[CaseResult]) -> int:
    """Print what the cases have not tried; return how much that is."""
    found = coverage(policy, [one.result for one in results if one.result is not None])
    file = folder / policy.name / f"{policy.name}.yaml"
    print(f"  coverage: {found.tried} of {found.total}")
    for gap in found.gaps:
        print(f"        {file}:{gap.line}: {gap.message}")
    return len(found.gaps)


def _print_results(file: Path, results: Sequence[CaseResult]) -> tuple[int, int]:
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
