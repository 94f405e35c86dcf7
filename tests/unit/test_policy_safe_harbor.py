"""Which identifiers A to R a policy covers.

Goal: the report never says that something is covered which leaves as it came. Method: policies that
keep one thing each; the letters that this concerns have to say so, and the others not.
"""

from __future__ import annotations

import pytest

from gatehouse.adapters.policy_files import LIBRARY, load_policy
from gatehouse.cli import main
from gatehouse.policy.safe_harbor import LETTERS, safe_harbor
from support.policies import a_policy

KEEP = (
    "{{profile: basic, project: p, attributes: {{RetrieveURL: {{action: remove, because: x}}, "
    "RetrieveURI: {{action: remove, because: x}}, {}: {{action: keep, because: x}}}}}}"
)


def verdicts(**sections: str) -> dict[str, str]:
    return {one.letter: one.verdict for one in safe_harbor(a_policy(**sections))}


def test_the_basic_profile_covers_what_its_table_lists() -> None:
    found = {one.letter: one for one in safe_harbor(a_policy())}

    assert "".join(found) == "ABCDEFGHIJKLMNOPQR"
    assert "".join(one.letter for one in found.values() if one.verdict != "covered") == "PQ"


@pytest.mark.parametrize(
    ("name", "not_covered"),
    [
        ("basic-profile", ""),
        ("dates-and-characteristics", ""),
        ("research-ct-mr", "M"),
        ("ultrasound", ""),
        ("teaching-files", ""),
        ("public-sharing", "M"),
        ("allow-list", ""),
    ],
)
def test_the_policies_of_the_library_cover_all_but_the_devices_that_they_keep(
    name: str, not_covered: str
) -> None:
    found = safe_harbor(load_policy(LIBRARY / name / f"{name}.yaml"))

    assert "".join(one.letter for one in found if one.verdict == "not covered") == not_covered


@pytest.mark.parametrize(
    ("attribute", "letters"),
    [
        ("PatientName", "A"),
        ("InstitutionName", "B"),
        ("StudyDate", "C"),
        ("PatientID", "GH"),
        ("DeviceSerialNumber", "M"),
        ("StudyInstanceUID", "R"),
        ("PatientComments", "DEFGIJKLNO"),
    ],
)
def test_what_is_kept_is_not_covered(attribute: str, letters: str) -> None:
    found = safe_harbor(a_policy(deidentify=KEEP.format(attribute)))

    wrong = [one for one in found if one.verdict == "not covered"]
    assert "".join(one.letter for one in wrong) == letters
    assert all(attribute in one.why for one in wrong)


@pytest.mark.parametrize(
    ("option", "letter", "verdict"),
    [
        ("retain-modified-dates", "C", "needs a person"),
        ("retain-full-dates", "C", "not covered"),
        ("retain-patient-characteristics", "C", "needs a person"),
        ("retain-uids", "R", "not covered"),
        ("retain-device-identity", "M", "not covered"),
        ("retain-institution-identity", "B", "not covered"),
        ("clean-descriptors", "D", "covered"),
    ],
)
def test_an_option_shows_in_its_letter(option: str, letter: str, verdict: str) -> None:
    found = verdicts(deidentify=f"{{profile: basic, project: p, options: [{option}]}}")

    assert found[letter] == verdict


def test_a_kept_age_is_covered_if_a_check_bounds_it() -> None:
    found = verdicts(
        deidentify="{profile: basic, project: p, options: [retain-patient-characteristics]}",
        check="[{id: old, PatientAge: {at-most: 89Y}}]",
    )

    assert found["C"] == "covered"


def test_images_with_text_that_pass_are_not_covered() -> None:
    assert verdicts(pixels="{suspicious: accept, because: x}")["Q"] == "not covered"


def test_a_policy_that_forwards_covers_nothing() -> None:
    found = safe_harbor(load_policy(LIBRARY / "trusted-peer/trusted-peer.yaml"))

    assert {one.verdict for one in found} == {"not covered"}
    assert len(found) == len(LETTERS) == 18


def test_validate_prints_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(LIBRARY), "--report"]) == 0

    out = capsys.readouterr().out
    assert "    A names: covered\n" in out
    assert "    R any other unique number or code: not covered (nothing is de-identified)\n" in out
