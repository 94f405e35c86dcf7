"""Write a first test file for a policy: what it does now, for a person to read and to correct.

Every case is made by running the policy on an example study and writing down what came of it, so
the file passes as it is written; from then on it notices each change.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gatehouse.errors import PolicyError
from gatehouse.policy.cases import build_cases
from gatehouse.policy.differences import Difference
from gatehouse.policy.examples import ExampleStudy, accepted_study, spoiled_studies
from gatehouse.policy.model import Policy
from gatehouse.policy.report import Report
from gatehouse.policy.run_cases import CaseRunner, Result, groups_of
from gatehouse.policy.write_yaml import block

HEAD: Final = "# yaml-language-server: $schema=../test.schema.json\n"
_OUTCOMES: Final = {
    "accept": "is released",
    "hold": "is held",
    "reject": "is rejected",
    "no-match": "is not for this policy",
}


def scaffold_cases(policy: Policy) -> str:
    """Return the text of a policy's test file, with cases that pass."""
    runner = CaseRunner(policy)
    cases: list[dict[str, Any]] = []
    seen: list[dict[str, Any]] = []
    for name, study in _studies(policy):
        described = study.described()
        if described in seen:
            continue
        seen.append(described)
        case = _case(name, described, policy, runner)
        if case is not None and all(case["name"] != other["name"] for other in cases):
            cases.append(case)
    top = {"policy": policy.name, "cases": cases}
    return HEAD + block(top).replace("\n  - name:", "\n\n  - name:").replace(":\n\n", ":\n", 1)


def _studies(policy: Policy) -> Iterator[tuple[str, ExampleStudy]]:
    yield "a study that is as the policy asks", accepted_study(policy)
    yield from spoiled_studies(policy)


def _case(
    name: str, described: dict[str, Any], policy: Policy, runner: CaseRunner
) -> dict[str, Any] | None:
    """Return a case that says what the policy does to a study; None if that can't be a case."""
    draft = {"name": name, "study": described, "expect": {"decision": "no-match"}}
    text = block({"policy": policy.name, "cases": [draft]})
    cases = build_cases(text.encode(), Report(""), policy.name, {})
    if not cases:
        return None
    try:
        result = runner.result(cases[0])
    except PolicyError:
        return None
    expect: dict[str, Any] = {"decision": result.decision}
    if result.rule:
        expect["rule"] = result.rule
    if result.decision == "accept":
        expect.update(_changes(described, result))
    return {"name": f"{name} {_OUTCOMES[result.decision]}", "study": described, "expect": expect}


def _changes(described: dict[str, Any], result: Result) -> dict[str, Any]:
    """Return what became of the attributes that the study names, and groups for all else."""
    named = {key for instance in described["instances"] for key in instance}
    changes: dict[str, str] = {}
    groups: dict[str, None] = {}
    for difference in (one for instance in result.differences for one in instance):
        is_listed = difference.name in named and "UID" not in difference.name
        if is_listed or difference.change.rule == "policy":
            changes.setdefault(difference.name, difference.fate)
        elif difference.fate != "kept":
            groups.setdefault(_group(difference))
    return {"changes": changes, **({"groups": sorted(groups)} if groups else {})}


def _group(difference: Difference) -> str:
    """Return the widest group that covers a change: uids before the option or the profile."""
    groups = groups_of(difference)
    return "uids" if "uids" in groups else sorted(groups)[0]
