"""Which parts of a policy its cases have never tried.

Each comparison should have been answered yes, no and unknown by some case, as far as it can be, and
each exception of ``attributes`` should have met an element.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatehouse.policy.attributes import canonical
from gatehouse.policy.conditions import Study, comparisons_in, describe
from gatehouse.policy.decide import conditions_of
from gatehouse.policy.differences import is_named
from gatehouse.policy.model import Answer, Condition, InstanceFacts, Policy

if TYPE_CHECKING:
    from gatehouse.policy.run_cases import Result

# Always known: there is a study to ask.
_NEVER_UNKNOWN = frozenset({"number-of-instances"})


@dataclass(frozen=True, slots=True)
class Gap:
    """Something in a policy that no case has tried."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a policy its cases have tried."""

    tried: int
    total: int
    gaps: tuple[Gap, ...]


def answers_in(
    policy: Policy, facts: Sequence[InstanceFacts]
) -> Iterator[tuple[Condition, Answer]]:
    """Yield the comparisons that a study is asked, with each answer of one of its instances.

    What follows ``match`` is asked only of a study for which the policy is.
    """
    study = Study(facts)
    conditions = conditions_of(policy)
    if study.answer(policy.match) is not Answer.YES:
        conditions = conditions[:1]
    for condition in conditions:
        for leaf, _ in study.leaves(condition):
            for answer in study.answers_of(leaf):
                yield leaf, answer


def coverage(policy: Policy, results: Iterable[Result]) -> Coverage:
    """Return what the cases of a policy have tried of it, and what not."""
    results = tuple(results)
    answered = {pair for result in results for pair in result.answers}
    gaps: list[Gap] = []
    total = 0
    for leaf in _leaves(policy):
        possible = _possible(leaf)
        total += len(possible)
        gaps += [
            Gap(leaf.line, f'no case answers {answer.value} to "{describe(leaf)}"')
            for answer in possible
            if (leaf, answer) not in answered
        ]
    rows = [
        difference.row
        for result in results
        for differences in result.differences
        for difference in differences
    ]
    for rule in policy.recipe.attributes:
        total += 1
        attribute = canonical(rule.path)
        if not any(is_named(row, attribute) for row in rows):
            gaps.append(Gap(rule.line, f"no case has the attribute {rule.path}"))
    return Coverage(total - len(gaps), total, tuple(sorted(gaps, key=lambda gap: gap.line)))


def _leaves(policy: Policy) -> list[Condition]:
    """Return each comparison once, also if it is written twice on one line."""
    return list(
        dict.fromkeys(leaf for one in conditions_of(policy) for leaf in comparisons_in(one))
    )


def _possible(leaf: Condition) -> tuple[Answer, ...]:
    is_known = leaf.operator == "exists" or leaf.if_missing is not Answer.UNKNOWN
    if is_known or leaf.subject in _NEVER_UNKNOWN:
        return Answer.YES, Answer.NO
    return Answer.YES, Answer.NO, Answer.UNKNOWN
