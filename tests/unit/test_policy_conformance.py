"""Goal: what a policy does is written down completely, and as the engine does it.

Method: the command over shipped and made policies; what it says is compared with the plan, and with
an object that went through the engine.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gatehouse.cli import main
from gatehouse.deid.plan import compile_plan
from gatehouse.policy.load import load_single
from gatehouse.standard import table
from support.dicom_builder import ct_bytes
from support.engine_run import run_and_read

ROOT = Path(__file__).parents[2]

POLICY = """\
policy: everything
version: 3
description: For tests.
owner: tests@hospital.example
stage: active
match: every-study
deidentify:
  profile: basic
  project: tests
  options: [retain-safe-private, retain-modified-dates]
  dates: {preserve-weekday: true}
  attributes:
    StationName: {action: replace, with: SCANNER, because: a test}
    KVP: {action: remove, because: a test}
    "(0029,{ACME 1},02)": {action: keep, because: a test}
pixels: {suspicious: accept, because: tests have no pixels}
deliver: [{to: nowhere, via: dicom}]
"""


@pytest.fixture
def statement(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    file = tmp_path / "everything.yaml"
    file.write_text(POLICY, encoding="utf-8")
    assert main(["conformance", str(file)]) == 0
    return capsys.readouterr().out


def row(statement: str, keyword: str) -> list[str]:
    (found,) = re.findall(rf"^\| {keyword} \|.*", statement, re.MULTILINE)
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_every_row_of_the_table_that_is_about_data_sets_is_there(statement: str) -> None:
    tags = {int(a + b, 16) for a, b in re.findall(r"\((\w{4}),(\w{4})\) \|", statement)}

    assert {tag for tag in table.rows() if tag >> 16 >= 8} <= tags


def test_the_options_and_their_codes_are_named(statement: str) -> None:
    assert "# De-identification by everything, version 3" in statement
    assert "Retain Safe Private Option (113111, DCM)" in statement
    assert "(0028,0303): MODIFIED" in statement
    assert "in whole weeks" in statement
    assert "burned-in text: passed on" in statement


@pytest.mark.parametrize(
    ("keyword", "action", "by"),
    [
        ("PatientName", "keyed pseudonym", "profile"),
        ("SOPInstanceUID", "U: keyed UID", "profile"),
        ("StudyDate", "C: moved by the patient's offset", "retain-modified-dates"),
        ("StudyTime", "C: kept, if it is a time", "retain-modified-dates"),
        ("StationName", "D: replaced by the policy's `SCANNER`", "policy"),
        ("KVP", "X: removed", "policy"),
    ],
)
def test_a_row_says_what_is_done_and_by_whom(
    statement: str, keyword: str, action: str, by: str
) -> None:
    cells = row(statement, keyword)

    assert action in cells[3]
    assert cells[4] == by


def test_the_dummies_are_those_that_the_engine_writes(statement: str) -> None:
    policy, _ = load_single(POLICY.encode(), "everything.yaml")
    assert policy is not None
    output = run_and_read(ct_bytes(), compile_plan(policy.recipe))

    assert output.StationName == "SCANNER"
    assert "| LO | `REMOVED` |" in statement
    assert "| DA | `19000101` |" in statement


def test_private_attributes_that_stay_are_listed(statement: str) -> None:
    assert "| (0019,{SIEMENS MR HEADER},0C) | IS | kept |" in statement
    assert row(statement, re.escape("(0029,{ACME 1},02)"))[3:] == ["kept", "policy"]


@pytest.mark.parametrize("name", ["basic", "ct-lung-research"])
def test_the_shipped_policies_have_their_statement(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["conformance", name, "--policies", str(ROOT / "policies")]) == 0

    shown = capsys.readouterr().out
    assert f"# De-identification by {name}, version" in shown
    assert "All are removed" in shown


def test_a_policy_that_forwards_says_just_that(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "forward.yaml"
    begin, _, end = POLICY.partition("deidentify:")
    rest = (
        "deidentify: {profile: none, because: care goes on elsewhere}\n"
        + end[end.index("deliver:") :]
    )
    file.write_text(begin + rest, encoding="utf-8")

    assert main(["conformance", str(file)]) == 0

    assert "Nothing is de-identified: care goes on elsewhere" in capsys.readouterr().out


def test_a_policy_that_is_not_there_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "nothing"]) == 2
    assert "there is no policy nothing in policies" in capsys.readouterr().err


def test_the_page_in_the_documents_is_what_the_command_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["conformance", "basic", "--policies", str(ROOT / "policies")]) == 0

    _, said = (ROOT / "docs/conformance.md").read_text(encoding="utf-8").split("\n\n", 1)
    assert said == capsys.readouterr().out
