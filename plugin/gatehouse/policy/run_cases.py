"""Run the cases of a policy: with the same engine and verification as a real study.

Strict both ways: what is expected must have happened, and what happened must be expected. Values
with the word CANARY in them must be in no byte of the output.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gatehouse.deid.engine import deidentify
from gatehouse.deid.model import ProjectKeys
from gatehouse.deid.plan import Plan, compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.deid.verify import verify
from gatehouse.errors import HoldError, PolicyError
from gatehouse.policy.cases import Case, ExpectedChange
from gatehouse.policy.decide import attributes_of, decide
from gatehouse.policy.differences import Difference, compare, is_named
from gatehouse.policy.facts import extract
from gatehouse.policy.model import InstanceFacts, Outcome, Pack, Policy
from gatehouse.policy.synthetic import make_instance

TEST_MASTER_KEY: Final = b"Gatehouse's cases use this key, which is no secret"
CANARY: Final = b"canary"


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that is not as a case says."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What came of a case; it passed if there are no failures."""

    case: Case
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class _Result:
    decision: str
    rule: str
    differences: tuple[tuple[Difference, ...], ...] = ()
    """Per instance."""
    outputs: tuple[bytes, ...] = ()


def run_cases(policy: Policy, cases: Sequence[Case]) -> Iterator[CaseResult]:
    """Run the cases of a policy, one after the other."""
    plan = compile_plan(policy.recipe)
    keys = derive_project_keys(TEST_MASTER_KEY, policy.recipe.project)
    for case in cases:
        try:
            result = _run(policy, case, plan, keys)
            failures = tuple(_check(case, result))
        except PolicyError as error:
            failures = (Failure(case.line, str(error)),)
        yield CaseResult(case, failures)


def _run(policy: Policy, case: Case, plan: Plan, keys: ProjectKeys) -> _Result:
    originals = [make_instance(one, number) for number, one in enumerate(case.instances, 1)]
    names = attributes_of(policy)
    try:
        facts = [
            InstanceFacts(f"instance {number}", instance.origin, extract(original, names))
            for number, (instance, original) in enumerate(
                zip(case.instances, originals, strict=True), 1
            )
        ]
        decision = decide(Pack((policy,), policy.digest), facts)
        if decision.rule == "no-policy":
            return _Result("no-match", "")
        if decision.outcome is not Outcome.ACCEPT:
            return _Result(decision.outcome.value, decision.rule)
        outputs, differences = [], []
        for original in originals:
            deidentified = deidentify(original, plan, keys)
            verify(original, deidentified, plan, keys)
            output = deidentified.to_bytes()
            outputs.append(output)
            differences.append(tuple(compare(original, output, deidentified.changes)))
    except HoldError as error:
        return _Result("hold", error.rule)
    return _Result("accept", "", tuple(differences), tuple(outputs))


def _check(case: Case, result: _Result) -> Iterator[Failure]:
    expected = f"{case.decision} by {case.rule}" if case.rule else case.decision
    actual = f"{result.decision} by {result.rule}" if result.rule else result.decision
    if expected != actual:
        yield Failure(case.line, f"expected {expected}, and it was {actual}")
        return
    for number, output in enumerate(result.outputs, 1):
        if CANARY in output.lower():
            yield Failure(case.line, f"a canary is in the output of instance {number}")
    for expected_change in case.changes:
        yield from _check_change(expected_change, result)
    yield from _check_unnamed(case, result)


def _check_change(expected: ExpectedChange, result: _Result) -> Iterator[Failure]:
    """Check an expectation in each place that has the attribute; there must be one."""
    found = [
        difference
        for differences in result.differences
        for difference in differences
        if is_named(difference.row, expected.attribute)
    ]
    if not found:
        yield Failure(expected.line, f"{expected.attribute} is in no instance")
    for difference in found:
        if expected.word == "becomes":
            if difference.after != expected.value:
                yield Failure(
                    expected.line,
                    f'{difference.path} should become "{expected.value}", and is '
                    f'"{difference.after}"',
                )
        elif difference.fate != expected.word:
            yield Failure(
                expected.line,
                f"{difference.path} should be {expected.word}, and was {difference.fate}",
            )


def _check_unnamed(case: Case, result: _Result) -> Iterator[Failure]:
    """Check that each change is named, and that each group has a change."""
    used: set[str] = set()
    seen: set[str] = set()
    for differences in result.differences:
        for difference in differences:
            if difference.fate == "kept":
                continue
            if any(is_named(difference.row, change.attribute) for change in case.changes):
                continue
            groups = _groups(difference) & case.groups.keys()
            used |= groups
            if not groups and difference.path not in seen:
                seen.add(difference.path)
                yield Failure(
                    case.line,
                    f"{difference.path} was {difference.fate} ({_reason(difference)}), and the "
                    f"case does not say so; if it is right, write {difference.name}: "
                    f"{difference.fate}",
                )
    for group in case.groups.keys() - used:
        yield Failure(case.groups[group], f'no change needs the group "{group}"')


def _groups(difference: Difference) -> set[str]:
    change = difference.change
    if change.rule == "policy":
        return set()
    return {change.rule, "uids"} if change.code == "U" else {change.rule}


def _reason(difference: Difference) -> str:
    change = difference.change
    if change.rule == "unrecorded":
        return "and the engine did not record it"
    return f"{change.code} by {change.rule}"
