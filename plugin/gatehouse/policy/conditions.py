"""Answer conditions over all instances of a study: yes, no or unknown.

A condition that says nothing else is asked of every instance. If all instances give the same
answer, that is the study's answer; if they do not, the answer is unknown, and the study is held:
one policy for some of its instances is no policy for the study. ``every-instance`` and
``any-instance`` say how a mixed study is meant.

Within one instance the answers combine as Kleene's logic has it: unknown stays unknown unless the
other answers settle the matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from gatehouse.policy.comparisons import COMPARISONS
from gatehouse.policy.model import Answer, Condition, InstanceFacts
from gatehouse.policy.study_facts import ORIGIN_FACTS, STUDY_FACTS

_OPPOSITE = {Answer.YES: Answer.NO, Answer.NO: Answer.YES, Answer.UNKNOWN: Answer.UNKNOWN}


def all_of(answers: Iterable[Answer]) -> Answer:
    """Return no if one is no, else unknown if one is unknown, else yes."""
    found = set(answers)
    if Answer.NO in found:
        return Answer.NO
    return Answer.UNKNOWN if Answer.UNKNOWN in found else Answer.YES


def any_of(answers: Iterable[Answer]) -> Answer:
    """Return yes if one is yes, else unknown if one is unknown, else no."""
    found = set(answers)
    if Answer.YES in found:
        return Answer.YES
    return Answer.UNKNOWN if Answer.UNKNOWN in found else Answer.NO


def agreed(answers: Iterable[Answer]) -> Answer:
    """Return the answer that all instances give; unknown if they differ."""
    found = set(answers)
    return found.pop() if len(found) == 1 else Answer.UNKNOWN


_OVER_INSTANCES: dict[str, Callable[[Iterable[Answer]], Answer]] = {
    "every-instance": all_of,
    "any-instance": any_of,
}


class Study:
    """All instances of a study, ready to be asked.

    Parameters
    ----------
    instances : sequence of InstanceFacts
        At least one.
    """

    def __init__(self, instances: Sequence[InstanceFacts]) -> None:
        self.instances = instances
        self._answers: dict[int, Answer] = {}

    def answer(self, condition: Condition) -> Answer:
        """Return the answer of a condition for the study."""
        return agreed(self._of_instance(condition, instance) for instance in self.instances)

    def first_without(self, condition: Condition) -> str:
        """Return the first instance that does not answer yes; empty if there is none."""
        if condition.kind in _OVER_INSTANCES:
            condition = condition.children[0]
        answers = [self._of_instance(condition, instance) for instance in self.instances]
        return next(
            (
                instance.instance
                for instance, answer in zip(self.instances, answers, strict=True)
                if answer is not Answer.YES
            ),
            "",
        )

    def leaves(self, condition: Condition, scope: str = "") -> Iterator[tuple[Condition, str]]:
        """Return the comparisons of a condition, each with the instances it is asked of."""
        if condition.kind == "compare":
            yield condition, scope
        for child in condition.children:
            inner = condition.kind if condition.kind in _OVER_INSTANCES else scope
            yield from self.leaves(child, inner)

    def answers_of(self, leaf: Condition) -> set[Answer]:
        """Return all answers that instances give to one comparison."""
        return {self._of_instance(leaf, instance) for instance in self.instances}

    def answer_leaf(self, leaf: Condition, scope: str) -> Answer:
        """Return the answer of one comparison by itself, for the explanation."""
        together = _OVER_INSTANCES.get(scope, agreed)
        return together(self._of_instance(leaf, instance) for instance in self.instances)

    def _of_instance(self, condition: Condition, instance: InstanceFacts) -> Answer:
        kind = condition.kind
        if kind == "compare":
            return self._compare(condition, instance)
        if kind == "every-study":
            return Answer.YES
        if kind == "not":
            return _OPPOSITE[self._of_instance(condition.children[0], instance)]
        if kind == "all":
            return all_of(self._of_instance(child, instance) for child in condition.children)
        if kind == "any":
            return any_of(self._of_instance(child, instance) for child in condition.children)
        return self._once(condition, self._over_instances)

    def _once(self, condition: Condition, ask: Callable[[Condition], Answer]) -> Answer:
        """Ask a question about the whole study once, not again for each of its instances."""
        known = self._answers.get(id(condition))
        if known is None:
            known = self._answers[id(condition)] = ask(condition)
        return known

    def _over_instances(self, condition: Condition) -> Answer:
        together = _OVER_INSTANCES[condition.kind]
        (child,) = condition.children
        return together(self._of_instance(child, instance) for instance in self.instances)

    def _compare(self, condition: Condition, instance: InstanceFacts) -> Answer:
        subject = condition.subject
        if subject in STUDY_FACTS:
            return self._once(condition, self._compare_study)
        if subject in ORIGIN_FACTS:
            value = ORIGIN_FACTS[subject].function(instance.origin)
            return compare(condition, (value,) if value else ())
        return compare(condition, instance.attributes.get(subject, ()))

    def _compare_study(self, condition: Condition) -> Answer:
        return compare(condition, STUDY_FACTS[condition.subject].function(self.instances))


def compare(condition: Condition, values: tuple[str, ...]) -> Answer:
    """Answer one comparison for the values of one attribute or fact."""
    if not values and condition.operator != "exists":
        return condition.if_missing
    function = COMPARISONS[condition.operator].function
    return function(values, condition.expected, condition.compared_as)


def comparisons_in(condition: Condition) -> Iterator[Condition]:
    """Yield the comparisons of a condition, in the order in which they are written."""
    if condition.kind == "compare":
        yield condition
    for child in condition.children:
        yield from comparisons_in(child)


def describe(condition: Condition, scope: str = "") -> str:
    """Return a comparison in words, as the policy has it; holds no value of a study."""
    expected = condition.expected
    if isinstance(expected, tuple):
        expected = f"[{', '.join(str(one) for one in expected)}]"
    elif isinstance(expected, bool):
        expected = str(expected).lower()
    words = f"{condition.subject} {condition.operator} {expected}"
    return f"{scope} {words}" if scope else words
