"""Policies that forward, and policies that are allow-lists: loader, engine and verification.

Goal: forwarding is possible only on purpose and changes nothing; an allow-list lets nothing pass
that nobody named. Method: small policies, instances through the engine, outputs read by pydicom.
"""

from __future__ import annotations

import io
from pathlib import Path

import pydicom
import pytest

from gatehouse.cli import main
from gatehouse.deid.engine import deidentify
from gatehouse.deid.plan import compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.deid.recipe import Recipe
from gatehouse.deid.verify import verify
from gatehouse.errors import PolicyError, ScanError, VerificationError
from gatehouse.policy.decide import decide
from gatehouse.policy.diff import diff
from gatehouse.policy.explain import explain_instance
from support.dicom_builder import ct, to_bytes
from support.policies import a_pack, a_policy, facts, policy_text, problems_of

KEYS = derive_project_keys(b"a key that only this test uses, really", "p")
FORWARD = "{profile: none, because: the treaty with the other hospital}"
ALLOW = "{profile: basic, project: p, unlisted: remove%s}"


def read(dicom: bytes) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(dicom))


def forwarding_problems(**sections: str | None) -> list[str]:
    return problems_of(**{"deidentify": FORWARD, **sections})


def test_a_policy_that_forwards_is_listed_as_such() -> None:
    assert forwarding_problems() == [
        "lung.yaml:5: warning: this policy forwards studies as they are, with the patient's "
        "identity\nhint: have a privacy officer confirm this"
    ]


@pytest.mark.parametrize(
    ("sections", "problem"),
    [
        (
            {"deidentify": "{profile: none}"},
            "5: error: a policy that does not de-identify says why\n"
            'hint: add "because", with who is trusted and by what agreement',
        ),
        (
            {"deidentify": "{profile: none, because: x, options: [retain-uids]}"},
            '5: error: "options" has no use beside "profile: none"',
        ),
        (
            {"pixels": "{suspicious: hold}"},
            '7: error: "pixels" has no use if studies are forwarded as they are',
        ),
        (
            {"keep_local": "{label: x}"},
            '7: error: "keep-local" has no use if studies are forwarded as they are',
        ),
        (
            {"deidentify": "{profile: basic, project: p, because: x}"},
            '5: error: "because" has no use beside "profile: basic"',
        ),
    ],
)
def test_what_does_not_go_together_with_forwarding_is_an_error(
    sections: dict[str, str], problem: str
) -> None:
    errors = [one for one in forwarding_problems(**sections) if " error: " in one]

    assert errors == [f"lung.yaml:{problem}"]


def test_a_forwarded_instance_is_the_same_bytes_and_the_decision_says_so() -> None:
    policy = a_policy(deidentify=FORWARD)
    plan = compile_plan(policy.recipe)
    original = to_bytes(ct(PatientName="CANARY^Jane", BurnedInAnnotation="YES"))

    verified = verify(original, deidentify(original, plan, KEYS), plan, KEYS)

    assert verified.deidentified.to_bytes() == original
    assert verified.needles == 0
    assert decide(a_pack(policy), [facts()]).reason == (
        "the policy lung, version 1, is for this study and forwards it without de-identification"
    )


def test_a_forwarded_instance_that_was_changed_or_is_broken_does_not_leave() -> None:
    plan = compile_plan(a_policy(deidentify=FORWARD).recipe)
    original = to_bytes(ct())
    made = deidentify(original, plan, KEYS)
    changed = made._replace(chunks=[original[:-1] + b"x"])

    with pytest.raises(VerificationError, match=r"verify\.forwarded"):
        verify(original, changed, plan, KEYS)
    with pytest.raises(ScanError):
        deidentify(original[:-3], plan, KEYS)
    without = ct()
    del without.SeriesInstanceUID
    with pytest.raises(ScanError, match="no Series Instance UID"):
        deidentify(to_bytes(without), plan, KEYS)


def test_a_forwarded_instance_is_explained_as_kept_with_the_policy_s_reason() -> None:
    policy = a_policy(deidentify=FORWARD)

    found = explain_instance(to_bytes(ct()), policy, compile_plan(policy.recipe), KEYS)

    assert {(one.fate, one.rule, one.clause) for one in found} == {
        ("kept", "forwarded", "the treaty with the other hospital")
    }


def test_that_a_new_version_forwards_is_a_difference() -> None:
    found = diff(a_policy(), a_policy(version="2", deidentify=FORWARD))

    assert ("profile", "basic", "none") in [
        (one.part, one.before, one.after) for one in found.sections
    ]


def test_without_a_profile_a_plan_has_no_options() -> None:
    recipe = Recipe("p", profile="none", options=frozenset({"retain-uids"}))

    with pytest.raises(PolicyError, match="no options"):
        compile_plan(recipe)


def test_an_allow_list_removes_what_the_profile_would_keep_and_nobody_named() -> None:
    policy = a_policy(
        deidentify=ALLOW % ", attributes: {SliceThickness: {action: keep, because: geometry}, "
        "AnatomicRegionSequence: {action: keep, because: where it is}}"
    )
    plan = compile_plan(policy.recipe)
    original = to_bytes(
        ct(
            SliceThickness="1.5",
            KVP="120",
            BodyPartExamined="CHEST",
            PatientName="CANARY^Jane",
            AnatomicRegionSequence=[{"CodeValue": "51185008", "OperatorsName": "CANARY"}],
            AcquisitionContextSequence=[{"CodeValue": "1"}],
        )
    )

    made = deidentify(original, plan, KEYS)
    verify(original, made, plan, KEYS)

    output = read(made.to_bytes())
    assert output.SliceThickness == 1.5
    assert "KVP" not in output
    assert "BodyPartExamined" not in output
    assert "AcquisitionContextSequence" not in output
    assert "OperatorsName" not in output.AnatomicRegionSequence[0]
    assert output.AnatomicRegionSequence[0].CodeValue == "51185008"
    assert {"Modality", "SOPClassUID", "PatientID", "Rows", "PixelData"} <= set(output.dir())
    assert {one.rule for one in made.changes if one.path == "KVP"} == {"unlisted"}


def test_an_allow_list_keeps_what_an_option_names() -> None:
    policy = a_policy(deidentify=ALLOW % ", options: [retain-patient-characteristics]")

    made = deidentify(to_bytes(ct(PatientAge="054Y", KVP="120")), compile_plan(policy.recipe), KEYS)

    assert read(made.to_bytes()).PatientAge == "054Y"


def test_an_image_that_says_that_it_carries_text_is_held_under_an_allow_list_too() -> None:
    policy = a_policy(deidentify=ALLOW % "")

    with pytest.raises(Exception, match=r"pixels\.suspicious"):
        deidentify(to_bytes(ct(BurnedInAnnotation="YES")), compile_plan(policy.recipe), KEYS)


def test_that_a_new_version_is_an_allow_list_is_shown_attribute_by_attribute() -> None:
    old = a_policy(deidentify="{profile: basic, project: p}")

    found = diff(old, a_policy(version="2", deidentify=ALLOW % ""))

    treated = {one.attribute: one.after for one in found.attributes}
    assert treated["KVP"] == "remove (X, unlisted)"
    assert "Rows" not in treated
    assert "PatientName" not in treated


def test_a_folder_is_not_deidentified_by_a_policy_that_forwards(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/1.dcm").write_bytes(to_bytes(ct()))
    (tmp_path / "key").write_bytes(b"x" * 32)
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "lung.yaml").write_text(policy_text(deidentify=FORWARD))
    words = ["--policies", str(tmp_path), "--policy", "lung", "--key-file", str(tmp_path / "key")]
    folders = ["--maps", str(tmp_path / "maps"), str(tmp_path / "in"), str(tmp_path / "out")]

    assert main(["deidentify", *words, *folders]) == 2

    assert capsys.readouterr().err == (
        "gatehouse: error: the policy lung forwards studies as they are\n"
    )
    assert not (tmp_path / "out").exists()
