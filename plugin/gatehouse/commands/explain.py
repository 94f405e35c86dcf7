"""``gatehouse explain``: which policy applies to files, why, and what it does to each element.

Nothing is written, and no value is shown unless ``--show-values`` asks for it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from gatehouse.adapters.policy_files import load_named, read_pack
from gatehouse.commands.folder import add_policies_option
from gatehouse.commands.studies import File, add_origin_arguments, origin_of, read_studies
from gatehouse.deid.known_values import NOTHING
from gatehouse.deid.model import ProjectKeys
from gatehouse.deid.plan import compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.errors import HoldError, PolicyError
from gatehouse.policy.decide import attributes_of, decide
from gatehouse.policy.explain import ElementExplanation, known_values
from gatehouse.policy.model import Decision, Outcome, Pack, Policy
from gatehouse.policy.preview import preview_instance, without_values
from gatehouse.policy.report import render

SHOWN_LENGTH_MAX = 80

# New values depend on the project's key. Without a key file they are examples.
_EXAMPLE_KEY = b"gatehouse explain makes example values with this key"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "files", metavar="FILE", type=Path, nargs="+", help="DICOM files, or folders of them"
    )
    add_policies_option(parser)
    parser.add_argument(
        "--policy",
        metavar="P",
        help="ask this policy only: a name in DIR, or a file that belongs to no pack",
    )
    parser.add_argument(
        "--show-values",
        action="store_true",
        help="show the values before and after; they identify the patient",
    )
    parser.add_argument(
        "--key-file",
        metavar="FILE",
        type=Path,
        help="the master key; without it, new values that depend on the key are examples",
    )
    add_origin_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Explain each study among the files; 1 if a file can't be read, else 0."""
    pack = _pack(arguments)
    studies, unreadable = read_studies(arguments.files, attributes_of(pack), origin_of(arguments))
    for number, study in enumerate(studies, 1):
        _explain_study(number, study, pack, arguments)
    return 1 if unreadable or not studies else 0


def _pack(arguments: argparse.Namespace) -> Pack:
    """Return the pack, or a pack of just the policy that was named."""
    name = arguments.policy
    if name is not None:
        policy = load_named(arguments.policies, name)
        return Pack((policy,), policy.digest)
    pack, problems = read_pack(arguments.policies)
    if pack is None:
        errors = [render(problem) for problem in problems if problem.severity == "error"]
        raise PolicyError("the policies can't be used\n" + "\n".join(errors))
    return pack


def _explain_study(
    number: int, files: list[File], pack: Pack, arguments: argparse.Namespace
) -> None:
    decision = decide(pack, [file.facts for file in files])
    _print_decision(number, len(files), decision)
    policy = decision.policy
    if policy is None:
        print("No policy, so nothing is done to its elements.\n")
        return
    if decision.outcome is not Outcome.ACCEPT:
        print(f"What {policy.name} would do if the study were accepted:")
    plan = compile_plan(policy.recipe)
    keys = _keys(policy, arguments.key_file)
    if arguments.show_values and arguments.key_file is None:
        print("(no key file: new values that depend on the key are examples)")
    try:
        known = known_values(plan, (file.path.read_bytes() for file in files))
    except HoldError:
        known = NOTHING  # the file that can't be read is shown as held below
    seen: dict[tuple[ElementExplanation, ...], Path] = {}  # a study's slices are mostly alike
    for file in files:
        print(f"\n{file.path}")
        explained = preview_instance(
            str(file.path), file.path.read_bytes(), policy, plan, keys, known
        )
        if explained.hold is not None:
            hold = explained.hold
            place = f", at {hold.path}" if hold.path else ""
            print(f"  would be held by {hold.rule}: {hold.reason}{place}")
            continue
        shown = explained if arguments.show_values else without_values(explained)
        elements = shown.elements
        first = seen.setdefault(elements, file.path)
        if first != file.path:
            print(f"  as {first}")
            continue
        _print_elements(elements, policy, show_values=arguments.show_values)
    if decision.outcome is Outcome.ACCEPT:
        _print_destinations(policy)
    print()


def _print_destinations(policy: Policy) -> None:
    for delivery in policy.deliver:
        print(f"\nto {delivery.to} via {delivery.via}")
    if policy.keep_local_label is not None:
        print(f"\nkept in this Orthanc with the label {policy.keep_local_label}")


def _keys(policy: Policy, key_file: Path | None) -> ProjectKeys:
    master = _EXAMPLE_KEY
    if key_file is not None:
        from gatehouse.adapters.keys import read_key_file

        master = read_key_file(key_file)
    return derive_project_keys(master, policy.recipe.project)


def _print_decision(number: int, count: int, decision: Decision) -> None:
    instances = "1 instance" if count == 1 else f"{count} instances"
    print(f"Study {number}, {instances}: {decision.outcome.value} by {decision.rule}")
    print(f"  {decision.reason}")
    if decision.instance:
        print(f"  first seen in {decision.instance}")
    for asked in decision.asked:
        print(f"  {asked.answer.value:8}{asked.policy}:{asked.line}: {asked.rule}")


def _print_elements(
    elements: tuple[ElementExplanation, ...], policy: Policy, *, show_values: bool
) -> None:
    width = min(60, max(len(element.path) for element in elements))
    for element in elements:
        line = f" {policy.name}.yaml:{element.line}" if element.line else ""
        clause = f" ({element.clause})" if element.clause else ""
        done = f"{element.fate:9} {element.action:12} {element.code or '-':2}"
        print(f"  {element.path:{width}}  {done} {element.rule}{line}{clause}")
        if show_values:
            print(f"  {'':{width}}    before: {_shown(element.before)}")
            print(f"  {'':{width}}    after:  {_shown(element.after)}")


def _shown(text: str) -> str:
    """Return a value so that it can't play tricks with a terminal."""
    if not text:
        return "-"
    safe = "".join(char if char.isprintable() else "?" for char in text)
    return safe if len(safe) <= SHOWN_LENGTH_MAX else safe[:SHOWN_LENGTH_MAX] + "..."
