"""Rules of other de-identifiers as policies: what is carried over, and what is said of the rest.

Goal: nothing is lost silently, and what is written is a policy that loads and passes its own cases.
Method: samples written from the documented formats are imported whole; then one rule at a time.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gatehouse.adapters.policy_files import load_policy
from gatehouse.cli import main
from gatehouse.errors import PolicyError
from gatehouse.policy.importing.ctp import read_ctp
from gatehouse.policy.importing.ctp_filter import add_filter
from gatehouse.policy.importing.karnak import read_karnak
from gatehouse.policy.importing.microsoft import read_microsoft
from gatehouse.policy.importing.model import Imported

SAMPLES = Path(__file__).parents[1] / "imports"


def left(imported: Imported) -> list[tuple[int, str, str]]:
    return [(one.line, one.severity, one.why) for one in imported.left]


def actions(imported: Imported) -> dict[str, dict[str, Any]]:
    return {
        name: {key: value for key, value in rule.items() if key != "because"}
        for name, rule in imported.attributes.items()
    }


@pytest.mark.parametrize(
    ("words", "attributes", "lines"),
    [
        (
            ["ctp", str(SAMPLES / "ctp.script"), "new", "--filter", str(SAMPLES / "ctp.filter")],
            [
                "StudyDate",
                "AccessionNumber",
                "StudyDescription",
                "PatientComments",
                "FrameAcquisitionDateTime",
            ],
            [2, 3, 6, 7, 11, 12, 15, 16, 17, 19, 20],
        ),
        (
            ["karnak", str(SAMPLES / "karnak.yaml"), "new"],
            ["StudyDate", "StudyTime", "PatientBirthDate", "StudyDescription", "ScanOptions"],
            [5, 26, 28, 33, 36, 41, 43, 51],
        ),
        (
            ["microsoft", str(SAMPLES / "microsoft.json"), "new"],
            [
                "PatientName",
                "AccessionNumber",
                "StudyDescription",
                "PatientComments",
                "ScanOptions",
            ],
            [4, 5, 8, 9, 11, 14, 15, 16, 19, 22],
        ),
    ],
    ids=["ctp", "karnak", "microsoft"],
)
def test_a_sample_becomes_a_policy_that_passes_its_cases_and_a_list_of_the_rest(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    attributes: list[str],
    lines: list[int],
) -> None:
    code = main(["import", *words, "--policies", str(tmp_path), "--to", "research-pacs"])

    out = capsys.readouterr().out.splitlines()
    policy = load_policy(tmp_path / "new/new.yaml")
    assert code == 1
    assert [rule.path for rule in policy.recipe.attributes] == attributes
    assert all(rule.because.startswith("taken over from line") for rule in policy.recipe.attributes)
    printed = [line for line in out if line.startswith(f"{words[1]}:")]
    assert [int(line.split(":")[1]) for line in printed] == lines
    report = (tmp_path / "new/import.md").read_text()
    assert report.count("\n| ") == len(lines) + 2
    assert main(["validate", str(tmp_path)]) == 0
    assert main(["test", str(tmp_path)]) == 0
    assert "accept" in (tmp_path / "new/new.test.yaml").read_text()


def test_the_filter_becomes_the_match_and_the_rest_an_allow_list(tmp_path: Path) -> None:
    words = ["ctp", str(SAMPLES / "ctp.script"), "new", "--filter", str(SAMPLES / "ctp.filter")]
    main(["import", *words, "--policies", str(tmp_path)])

    policy = load_policy(tmp_path / "new/new.yaml")
    assert policy.match.kind == "all"
    assert [child.kind for child in policy.match.children] == ["compare", "not", "any"]
    assert policy.recipe.unlisted == "remove"


def ctp(rule: str) -> Imported:
    return read_ctp(f"<script>\n{rule}\n</script>".encode())


@pytest.mark.parametrize(
    ("rule", "attribute", "expected"),
    [
        ('<e en="T" t="00180022">@remove()</e>', "ScanOptions", {"action": "remove"}),
        ('<e en="T" t="00180022">@empty()</e>', "ScanOptions", {"action": "empty"}),
        ('<e en="T" t="00180022"/>', "ScanOptions", {"action": "empty"}),
        ('<e en="T" t="00081090">@keep()</e>', None, {}),  # the profile keeps it as well
        ('<e en="T" t="00081010">@keep()</e>', "StationName", {"action": "keep"}),
        ('<e en="T" t="00081010">X&amp;Y</e>', "StationName", {"action": "replace", "with": "X&Y"}),
        ('<e en="T" t="00081010">@hash(this)</e>', "StationName", {"action": "pseudonym"}),
        ('<e en="T" t="00080020">@hashdate(this)</e>', "StudyDate", {"action": "shift-date"}),
        ('<e en="T" t="0020000D">@hashuid(@ROOT,this)</e>', None, {}),
        ('<e en="T" t="00100020">@remove()</e>', "PatientID", {"action": "remove"}),
    ],
)
def test_a_rule_of_ctp_is_carried_over(
    rule: str, attribute: str | None, expected: dict[str, str]
) -> None:
    found = actions(ctp(rule))

    assert found == ({attribute: expected} if attribute else {})


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ('<e en="T" t="00180022">@hashuid(@R,this)</e>', "can't take the action"),
        ('<e en="T" t="0020000D">@remove()</e>', "an object needs it"),
        ('<e en="T" t="00080060">TOOLONGFORACODESTRING</e>', "no valid value of CS"),
        ('<e en="T" t="00190010">@keep()</e>', "names no attribute"),
        ('<e en="T" t="bad">@keep()</e>', "names no attribute"),
        ('<e en="T" t="00180022">@lookup2(this)</e>', "has no action in a policy"),
        ('<e en="T" t="00180022">@require()</e>', "is not added"),
        ('<k en="T" t="0018"/>', "whole groups are not kept"),
        ('<r en="T" t="somethingelse"/>', "no such general rule"),
        ('<p t="X">1</p>\n<e en="T" t="00180022">@keep()</e>', "has no parameters"),
    ],
)
def test_a_rule_of_ctp_that_can_not_be_carried_over_is_listed_with_its_line(
    rule: str, why: str
) -> None:
    imported = ctp(rule)

    ((line, severity, reason),) = left(imported)
    assert (line, severity) == (2, "not carried over")
    assert why in reason
    assert imported.attributes == {}


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        (b"<script></script>", "it has no rule"),
        (b"<script>\n<e", "line 2: this is no XML"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><script><e en="T" t="00180022">&a;</e></script>', "entit"),
    ],
)
def test_what_is_no_script_of_ctp_is_refused(script: bytes, problem: str) -> None:
    with pytest.raises(PolicyError, match=problem):
        read_ctp(script)


def filtered(text: str) -> Imported:
    imported = Imported()
    add_filter(imported, text)
    return imported


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ('Modality.equals("CT")', {"Modality": {"is": "CT", "if-missing": "no-match"}}),
        (
            '[0008,0060].matches("C[TR]")',
            {"Modality": {"matches": "^(?:C[TR])$", "if-missing": "no-match"}},
        ),
        ('!Modality.equals("")', {"not": {"Modality": {"exists": False}}}),
        (
            'true. * (Modality.equals("CT") + Modality.equals("MR"))',
            {
                "any": [
                    {"Modality": {"is": "CT", "if-missing": "no-match"}},
                    {"Modality": {"is": "MR", "if-missing": "no-match"}},
                ]
            },
        ),
    ],
)
def test_a_filter_is_carried_over(text: str, condition: dict[str, Any]) -> None:
    imported = filtered(f"// a comment\n{text}")

    assert imported.conditions == [condition]
    assert imported.left == []


@pytest.mark.parametrize("text", ["", "// nothing", "true.", 'true. + Modality.equals("CT")'])
def test_a_filter_that_takes_everything_is_no_condition(text: str) -> None:
    assert filtered(text).conditions == []
    assert not filtered(text).is_filter_lost


@pytest.mark.parametrize(
    "text",
    [
        'Modality.equals("CT") *',
        '(Modality.equals("CT")',
        'Modality.equals("CT") Modality.equals("MR")',
        'Modality.sounds("CT")',
        'Nonsense.equals("CT")',
        "false.",
        "!" * 100 + 'Modality.equals("CT")',
        "import os",
    ],
)
def test_a_filter_that_is_not_understood_turns_the_policy_off(tmp_path: Path, text: str) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "filter").write_text(text)
    words = ["ctp", str(SAMPLES / "ctp.script"), "new", "--filter", str(tmp_path / "filter")]

    main(["import", *words, "--policies", str(tmp_path / "policies")])

    assert filtered(text).is_filter_lost
    assert load_policy(tmp_path / "policies/new/new.yaml").stage == "off"
    assert "`stage: off`" in (tmp_path / "policies/new/import.md").read_text()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a: &x 1", "anchors are not allowed"),
        (b"name: x", "no profileElements"),
        (b"profileElements: []", "no profileElements"),
    ],
)
def test_what_is_no_profile_of_karnak_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(PolicyError, match=problem):
        read_karnak(content)


@pytest.mark.parametrize(
    ("element", "options", "expected"),
    [
        ("codename: action.on.dates, option: shift", {"retain-modified-dates"}, {}),
        (
            "codename: replace.uid, tags: ['(0008,1150)']",
            set(),
            {"ReferencedSOPClassUID": {"action": "new-uid"}},
        ),
        ("codename: basic.dicom.profile", set(), {}),
        (
            "codename: action.on.specific.tags, action: Z, tags: ['(0018,0022)']",
            set(),
            {"ScanOptions": {"action": "empty"}},
        ),
    ],
)
def test_an_element_of_karnak_is_carried_over(
    element: str, options: set[str], expected: dict[str, Any]
) -> None:
    imported = read_karnak(f"profileElements: [{{name: x, {element}}}]".encode())

    assert imported.options == options
    assert actions(imported) == expected


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b"{}", b'{"rules": []}', b"\xff\xfe", b"[" * 100_000]
)
def test_what_is_no_configuration_of_microsoft_is_refused(content: bytes) -> None:
    with pytest.raises(PolicyError, match="this is no"):
        read_microsoft(content)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"tag": "(0018,0022)", "method": "redact"}, {"ScanOptions": {"action": "empty"}}),
        ({"tag": "ScanOptions", "method": "REMOVE"}, {"ScanOptions": {"action": "remove"}}),
        ({"tag": "UI", "method": "refreshUID"}, {}),
        (
            {"tag": "StationName", "method": "substitute", "params": {"replaceWith": "A"}},
            {"StationName": {"action": "replace", "with": "A"}},
        ),
    ],
)
def test_a_rule_of_microsoft_is_carried_over(
    rule: dict[str, Any], expected: dict[str, Any]
) -> None:
    imported = read_microsoft(json.dumps({"rules": [rule]}).encode())

    assert actions(imported) == expected
    assert imported.left == []


def test_an_import_never_overwrites_and_a_missing_file_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["import", "karnak", str(SAMPLES / "karnak.yaml"), "new", "--policies", str(tmp_path)]

    assert main(words) == 1
    assert main(words) == 2
    assert main(["import", "karnak", str(tmp_path / "no"), "x", "--policies", str(tmp_path)]) == 2
    assert main([*words[:3], "y", *words[4:], "--filter", str(SAMPLES / "ctp.filter")]) == 2

    assert capsys.readouterr().err.splitlines() == [
        f"gatehouse: error: {tmp_path}/new: there is such a policy already",
        f"gatehouse: error: {tmp_path}/no can't be read: No such file or directory",
        "gatehouse: error: only CTP has filters",
    ]


def test_an_element_of_a_karnak_profile_without_tags_is_listed() -> None:
    imported = read_karnak(
        b"profileElements: [{name: x, codename: action.on.specific.tags, action: X}]"
    )

    assert left(imported) == [(1, "not carried over", "it names no tags")]
