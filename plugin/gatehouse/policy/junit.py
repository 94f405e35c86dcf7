"""Results of cases as JUnit XML, which continuous integration shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from gatehouse.policy.run_cases import CaseResult


def render_junit(results: Mapping[str, Sequence[CaseResult]]) -> str:
    """Return the XML of all results, by the name of the policy.

    A policy without cases is a suite with one failure, because it fails.
    """
    suites = [_suite(policy, cases) for policy, cases in results.items()]
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n{"".join(suites)}</testsuites>\n'


def _suite(policy: str, results: Sequence[CaseResult]) -> str:
    tests = max(1, len(results))
    failures = sum(bool(result.failures) for result in results) if results else 1
    cases = "".join(_case(policy, result) for result in results) or _no_cases(policy)
    head = f'name={quoteattr(policy)} tests="{tests}" failures="{failures}" errors="0"'
    return f"  <testsuite {head}>\n{cases}  </testsuite>\n"


def _case(policy: str, result: CaseResult) -> str:
    head = f"    <testcase classname={quoteattr(policy)} name={quoteattr(_clean(result.case.name))}"
    if not result.failures:
        return f"{head}/>\n"
    file = f"{policy}/{policy}.test.yaml"
    failures = "".join(
        f"      <failure message={quoteattr(_clean(failure.message))}>"
        f"{escape(f'{file}:{failure.line}')}</failure>\n"
        for failure in result.failures
    )
    return f"{head}>\n{failures}    </testcase>\n"


def _no_cases(policy: str) -> str:
    head = f'    <testcase classname={quoteattr(policy)} name="has cases">'
    message = "a policy without cases fails"
    return f'{head}\n      <failure message="{message}"></failure>\n    </testcase>\n'


def _clean(text: str) -> str:
    """Return text without what XML 1.0 has no place for."""
    return "".join(char if char.isprintable() else " " for char in text)
