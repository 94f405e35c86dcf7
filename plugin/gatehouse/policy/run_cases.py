"""Run the cases of a policy: with the same engine and verification as a real study.

Strict both ways: what is expected must have happened, and what happened must be expected. Values
with the word CANARY in them must be in no byte of the output. A case with a golden file says with
it what becomes of every element.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gatehouse.deid.engine import deidentify
from gatehouse.deid.plan import compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.deid.verify import verify
from gatehouse.errors import HoldError, PolicyError
from gatehouse.policy.cases import Case, ExpectedChange
from gatehouse.policy.coverage import answers_in
from gatehouse.policy.decide import attributes_of, decide
from gatehouse.policy.differences import Difference, compare, is_named
from gatehouse.policy.explain import known_values
from gatehouse.policy.facts import extract
from gatehouse.policy.golden import golden_difference, render_golden
from gatehouse.policy.model import Answer, Condition, InstanceFacts, Outcome, Pack, Policy
from gatehouse.policy.synthetic import make_instance

TEST_MASTER_KEY: Final = b"Gatehouse's cases use this key, which is no secret"
CANARY: Final = b"canary"


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that is not as a case says."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a policy did to the study of a case."""

    decision: str
    """``"accept"``, ``"hold"``, ``"reject"`` or ``"no-match"``."""
    rule: str
    differences: tuple[tuple[Difference, ...], ...] = ()
    """Per instance."""
    outputs: tuple[bytes, ...] = ()
    answers: frozenset[tuple[Condition, Answer]] = frozenset()
    """The comparisons that were asked, with what they answered for some instance."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What came of a case; it passed if there are no failures."""

    case: Case
    failures: tuple[Failure, ...]
    result: Result | None = None
    """None if the case describes no study."""


class CaseRunner:
    """Runs studies of cases through one policy."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._plan = compile_plan(policy.recipe)
        self._keys = derive_project_keys(TEST_MASTER_KEY, policy.recipe.project)
        self._names = attributes_of(policy)

    def run(self, case: Case) -> CaseResult:
        """Run a case and check what it expects."""
        try:
            result = self.result(case)
        except PolicyError as error:
            return CaseResult(case, (Failure(case.line, str(error)),))
        return CaseResult(case, tuple(_check(case, result)), result)

    def result(self, case: Case) -> Result:
        """Return what the policy does to the study of a case.

        Raises
        ------
        PolicyError
            If the case describes no study.
        """
        originals = [make_instance(one, number) for number, one in enumerate(case.instances, 1)]
        answers: frozenset[tuple[Condition, Answer]] = frozenset()
        try:
            facts = [
                InstanceFacts(f"instance {number}", instance.origin, extract(original, self._names))
                for number, (instance, original) in enumerate(
                    zip(case.instances, originals, strict=True), 1
                )
            ]
            answers = frozenset(answers_in(self.policy, facts))
            decision = decide(Pack((self.policy,), self.policy.digest), facts)
            if decision.rule == "no-policy":
                return Result("no-match", "", answers=answers)
            if decision.outcome is not Outcome.ACCEPT:
                return Result(decision.outcome.value, decision.rule, answers=answers)
            outputs, differences = self._outputs(originals)
        except HoldError as error:
            return Result("hold", error.rule, answers=answers)
        return Result("accept", "", differences, outputs, answers)

    def _outputs(
        self, originals: Sequence[bytes]
    ) -> tuple[tuple[bytes, ...], tuple[tuple[Difference, ...], ...]]:
        outputs, differences = [], []
        known = known_values(self._plan, originals)
        for original in originals:
            deidentified = deidentify(original, self._plan, self._keys, known)
            verify(original, deidentified, self._plan, self._keys)
            output = deidentified.to_bytes()
            outputs.append(output)
            differences.append(tuple(compare(original, output, deidentified.changes)))
        return tuple(outputs), tuple(differences)


def run_cases(policy: Policy, cases: Sequence[Case]) -> Iterator[CaseResult]:
    """Run the cases of a policy, one after the other."""
    runner = CaseRunner(policy)
    return (runner.run(case) for case in cases)


def _check(case: Case, result: Result) -> Iterator[Failure]:
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
    if case.golden is None:
        yield from _check_unnamed(case, result)
    else:
        message = golden_difference(case.golden, render_golden(result.differences))
        if message:
            yield Failure(case.golden.line, message)


def _check_change(expected: ExpectedChange, result: Result) -> Iterator[Failure]:
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


def _check_unnamed(case: Case, result: Result) -> Iterator[Failure]:
    """Check that each change is named, and that each group has a change."""
    used: set[str] = set()
    seen: set[str] = set()
    for differences in result.differences:
        for difference in differences:
            if difference.fate == "kept":
                continue
            if any(is_named(difference.row, change.attribute) for change in case.changes):
                continue
            groups = groups_of(difference) & case.groups.keys()
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


def groups_of(difference: Difference) -> set[str]:
    """Return the groups of a case that cover a change; none for the policy's own rules."""
    change = difference.change
    if change.rule == "policy":
        return set()
    return {change.rule, "uids"} if change.code == "U" else {change.rule}


def _reason(difference: Difference) -> str:
    change = difference.change
    if change.rule == "unrecorded":
        return "and the engine did not record it"
    return f"{change.code} by {change.rule}"
