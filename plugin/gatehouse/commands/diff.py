"""``gatehouse diff A B``: what changes between two versions of a policy, in meaning, not text.

With ``--study`` also which studies among files would be decided otherwise.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from gatehouse.adapters.policy_files import load_policy, read_pack
from gatehouse.commands.studies import add_origin_arguments, origin_of, read_studies
from gatehouse.errors import PolicyError
from gatehouse.policy.decide import attributes_of
from gatehouse.policy.diff import PolicyDiff, decided_otherwise, diff
from gatehouse.policy.model import Pack
from gatehouse.policy.report import render


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "old", metavar="A", type=Path, help="a policy file, or a folder of policies"
    )
    parser.add_argument("new", metavar="B", type=Path, help="another version of it")
    parser.add_argument(
        "--study",
        metavar="FILE",
        type=Path,
        nargs="+",
        default=[],
        help="DICOM files or folders of them: name the studies that would be decided otherwise",
    )
    add_origin_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the differences; 1 if there are any, 0 if there are none."""
    old, new = _pack(arguments.old), _pack(arguments.new)
    differs = _print_order(old, new)
    before = {policy.name: policy for policy in old.policies}
    after = {policy.name: policy for policy in new.policies}
    single = arguments.old.is_file() and arguments.new.is_file()
    if single:  # also a policy that was copied under another name
        (one,), (other,) = old.policies, new.policies
        differs |= _print_diff(
            f"{one.name} {one.version} -> {other.name} {other.version}", diff(one, other)
        )
    for name in [] if single else [name for name in after if name in before]:
        one, other = before[name], after[name]
        title = f"{name} {one.version} -> {other.version}"
        differs |= _print_diff(title, diff(one, other))
    if arguments.study:
        differs |= _print_studies(old, new, arguments)
    if not differs:
        print("no difference in meaning")
    return 1 if differs else 0


def _pack(path: Path) -> Pack:
    """Return the pack of a folder, or one of just the policy of a file."""
    if not path.is_dir():
        policy = load_policy(path)
        return Pack((policy,), policy.digest)
    pack, problems = read_pack(path)
    if pack is None:
        errors = [render(problem) for problem in problems if problem.severity == "error"]
        raise PolicyError(f"the policies of {path} can't be used\n" + "\n".join(errors))
    return pack


def _print_order(old: Pack, new: Pack) -> bool:
    before = [policy.name for policy in old.policies]
    after = [policy.name for policy in new.policies]
    if before == after or (len(before) == len(after) == 1):
        return False
    for name in before:
        if name not in after:
            print(f"{name}: only in A")
    for name in after:
        if name not in before:
            print(f"{name}: only in B")
    common = [name for name in before if name in after]
    if common != [name for name in after if name in before]:
        print(f"order: {', '.join(before)} -> {', '.join(after)}")
    return True


def _print_diff(title: str, found: PolicyDiff) -> bool:
    if not found and not found.warnings:
        return False
    print(title)
    for section in found.sections:
        print(f"  {section.part}: {section.before or '-'} -> {section.after or '-'}")
    for one in found.attributes:
        print(f"  {one.attribute}: {one.before} -> {one.after}")
    for warning in found.warnings:
        print(f"  mind: {warning}")
    return bool(found)


def _print_studies(old: Pack, new: Pack, arguments: argparse.Namespace) -> bool:
    names = attributes_of(old) | attributes_of(new)
    studies, _ = read_studies(arguments.study, names, origin_of(arguments))
    named = [(str(files[0].path), [file.facts for file in files]) for files in studies]
    found = list(decided_otherwise(old, new, named))
    count = "1 study" if len(named) == 1 else f"{len(named)} studies"
    print(f"{len(found)} of {count} would be decided otherwise")
    for one in found:
        print(f"  {one.study}: {one.before} -> {one.after}")
    return bool(found)
