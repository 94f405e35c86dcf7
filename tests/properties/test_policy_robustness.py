"""Whatever is in a file of a policy, or of a study, ends in a problem or a hold, never in a crash.

Goal: a broken file can't stop a worker. Method: Hypothesis edits valid policies, cases and DICOM
files; only the documented errors may come out.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.errors import HoldError
from gatehouse.policy.cases import build_cases
from gatehouse.policy.decide import attributes_of, decide
from gatehouse.policy.facts import extract
from gatehouse.policy.load import load_pack, load_single
from gatehouse.policy.model import InstanceFacts, Origin, Outcome
from gatehouse.policy.report import Report
from support.dicom_builder import add_private, ct, to_bytes
from support.policies import a_pack, a_policy

POLICIES = Path(__file__).parents[2] / "policies"
POLICY = (POLICIES / "ct-lung-research/ct-lung-research.yaml").read_bytes()
CASES = (POLICIES / "ct-lung-research/ct-lung-research.test.yaml").read_bytes()
PACK = (POLICIES / "pack.yaml").read_bytes()
WORDS = [
    b"&a ",
    b"*a",
    b"!!x ",
    b"[",
    b"]",
    b"{",
    b"}",
    b": ",
    b"- ",
    b"\n",
    b"  ",
    b"'",
    b'"',
    b"|",
]
WORDS += [
    b"null",
    b"true",
    b"18Y",
    b"PatientAge",
    b"every-instance",
    b"(0019,{A},01)",
    b"\xff",
    b"\0",
]

DATA_SET = add_private(
    ct(RequestAttributesSequence=[{"RequestedProcedureID": "A"}, {"RequestedProcedureID": "B"}]),
    0x0019,
    "MAKER",
    [(0x0C, "IS", "1000")],
)
DICOM = to_bytes(DATA_SET)
POLICY_OF_ALL = a_policy(
    match="{any: [{PatientAge: {at-least: 18Y}}, {StudyDate: {before: 2026-01-01}}, "
    "{RequestAttributesSequence/RequestedProcedureID: {matches: '^A+$'}}, "
    '{"(0019,{MAKER},0C)": {at-most: 1000}}, {Rows: {at-least: 16}}]}'
)


@st.composite
def edited(draw: st.DrawFn, content: bytes) -> bytes:
    result = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(result)))
        length = draw(st.sampled_from([0, 0, 1, 2, 8, 40]))
        new = draw(st.one_of(st.sampled_from(WORDS), st.binary(max_size=4)))
        result[place : place + length] = new
    return bytes(result)


def decided_or_held(content: bytes) -> tuple[Outcome, str]:
    pack = a_pack(POLICY_OF_ALL)
    try:
        found = extract(content, attributes_of(pack))
    except HoldError as held:
        return Outcome.HOLD, held.rule
    decision = decide(pack, [InstanceFacts("1", Origin(), found)])
    return decision.outcome, decision.rule


@settings(max_examples=300, deadline=None, derandomize=True)
@given(edited(POLICY))
def test_an_edited_policy_loads_or_has_problems(content: bytes) -> None:
    policy, problems = load_single(content, "x.yaml")

    errors = [problem for problem in problems if problem.severity == "error"]
    assert (policy is None) == bool(errors)
    assert all(1 <= problem.line <= content.count(b"\n") + 2 for problem in problems)
    assert all(problem.message.isprintable() and problem.hint.isprintable() for problem in problems)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(edited(CASES))
def test_an_edited_test_file_has_cases_or_problems(content: bytes) -> None:
    report = Report("x.test.yaml")

    cases = build_cases(content, report, "ct-lung-research", {})

    assert bool(cases) != report.has_errors


@settings(max_examples=100, deadline=None, derandomize=True)
@given(edited(PACK), st.binary(max_size=40))
def test_an_edited_pack_loads_or_has_problems(content: bytes, lock: bytes) -> None:
    files = {"pack.yaml": content, "ct-lung-research/ct-lung-research.yaml": POLICY}

    pack, problems = load_pack({**files, "pack.lock": lock})

    assert (pack is None) == any(problem.severity == "error" for problem in problems)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(edited(DICOM[:4000]))
def test_an_edited_dicom_file_has_facts_or_is_held(content: bytes) -> None:
    outcome, rule = decided_or_held(content)

    assert outcome in (Outcome.ACCEPT, Outcome.HOLD)
    assert rule in ("match", "match-unknown", "no-policy") or rule.startswith(("dicom.", "facts."))


@pytest.mark.parametrize("size", range(0, len(DICOM), 97))
def test_a_file_that_is_cut_anywhere_has_facts_or_is_held(size: int) -> None:
    outcome, rule = decided_or_held(DICOM[:size])

    assert (outcome, rule) == (Outcome.ACCEPT, "match") or rule.startswith("dicom.")
