"""Two versions of a policy compared in meaning.

Goal: whatever decides, de-identifies or delivers otherwise is named, and nothing else. Method: one
change each to a policy, and what is said of it is compared whole.
"""

from __future__ import annotations

import pytest

from gatehouse.policy.diff import OtherDecision, Treatment, as_json, decided_otherwise, diff
from support.policies import a_pack, a_policy, facts

ATTRIBUTES = "{{profile: basic, project: lung-ai, attributes: {{{}}}}}"


@pytest.mark.parametrize(
    ("old", "new", "section"),
    [
        ({}, {"stage": "observe"}, ("stage", "active", "observe")),
        (
            {"match": "{Modality: {is: CT}}"},
            {"match": "{Modality: {is: CT, if-missing: no-match}}"},
            ("match", "Modality is CT", "Modality is CT, missing: no match"),
        ),
        (
            {},
            {"check": "[{id: few, number-of-instances: {at-most: 9}, otherwise: reject}]"},
            ("check few", "", "number-of-instances at-most 9, otherwise reject"),
        ),
        ({}, {"keep_local": "{label: a}"}, ("keep-local", "no", "a")),
        ({}, {"retain_original": "30d"}, ("retain-original", "forever", "30d")),
        (
            {},
            {"pixels": "{suspicious: accept, because: phantoms}"},
            ("suspicious pixels", "hold", "accept"),
        ),
        (
            {},
            {"deliver": "[{to: research-pacs, via: dicom, retry: {for: 2w, backoff: 45s..90s}}]"},
            (
                "deliver to research-pacs via dicom",
                "tried for 3d, with pauses of 30s..1h",
                "tried for 2w, with pauses of 45s..90s",
            ),
        ),
    ],
)
def test_a_section_that_means_something_else_is_named(
    old: dict[str, str], new: dict[str, str], section: tuple[str, str, str]
) -> None:
    found = diff(a_policy(**old), a_policy(version="2", **new))

    assert [(one.part, one.before, one.after) for one in found.sections] == [section]
    assert found.attributes == ()
    assert found.warnings == ()


def test_words_and_order_without_meaning_are_no_difference() -> None:
    old = a_policy(match="{all: [{Modality: {is: CT}}, {PatientSex: {is: F}}]}")
    new = a_policy(
        version="2",
        description="Something else.",
        owner="somebody",
        match="{PatientSex: {is: F}, Modality: {is: CT}}",
    )

    assert not diff(old, new)


def test_an_option_is_shown_by_the_attributes_that_it_treats_otherwise() -> None:
    new = a_policy(
        version="2", deidentify="{profile: basic, project: lung-ai, options: [retain-uids]}"
    )

    found = diff(a_policy(), new)

    assert [(one.part, one.after) for one in found.sections] == [
        ("option retain-uids", "asked for")
    ]
    assert Treatment("StudyInstanceUID", "new-uid (U, profile)", "keep (K, retain-uids)") in (
        found.attributes
    )
    assert all("retain-uids" in one.after for one in found.attributes)
    assert found.warnings == ("a study that is processed again gets other UIDs than it had",)


def test_an_exception_is_shown_wherever_it_is_meant() -> None:
    old = a_policy(
        deidentify=ATTRIBUTES.format("PatientComments: {action: replace, with: a, because: x}")
    )
    new = a_policy(
        version="2",
        deidentify=ATTRIBUTES.format(
            "PatientComments: {action: replace, with: b, because: x}, "
            '"(0019,{MAKER},0C)": {action: keep, because: x}, '
            "AnatomicRegionSequence/SliceThickness: {action: remove, because: x}"
        ),
    )

    assert diff(old, new).attributes == (
        Treatment(
            "AnatomicRegionSequence/SliceThickness", "keep (K, profile)", "remove (X, policy)"
        ),
        Treatment("PatientComments", "replace (D, policy) with a", "replace (D, policy) with b"),
        Treatment("(0019,{MAKER},0C)", "remove (X, private)", "keep (K, policy)"),
    )


def test_another_project_and_a_version_that_is_not_higher_are_warned_of() -> None:
    old = a_policy(version="2")
    new = a_policy(version="1", deidentify="{profile: basic, project: other}")

    warnings = diff(old, new).warnings

    assert warnings[0].startswith("another project: pseudonyms, UIDs and date offsets will not fit")
    assert warnings[1:] == ("version 1 is lower than version 2",)
    assert diff(old, a_policy(version="2", stage="off")).warnings == (
        "both are version 2, and the texts differ",
    )


def test_studies_that_would_be_decided_otherwise_are_named_with_both_rules() -> None:
    old = a_pack(a_policy(match="{Modality: {in: [CT, MR]}}"))
    new = a_pack(
        a_policy(
            match="{Modality: {in: [CT]}}",
            check="[{id: adults, PatientAge: {at-least: 18Y}}]",
        )
    )
    studies = [
        ("same", [facts(PatientAge="054Y")]),
        ("young", [facts(PatientAge="004Y")]),
        ("other", [facts(Modality="MR")]),
    ]

    assert list(decided_otherwise(old, new, studies)) == [
        OtherDecision("young", "accept by lung", "hold by lung/adults"),
        OtherDecision("other", "accept by lung", "hold by no-policy"),
    ]


def test_a_difference_can_be_sent_as_json() -> None:
    found = as_json(diff(a_policy(), a_policy(version="2", stage="off")))

    assert found == {
        "sections": [{"part": "stage", "before": "active", "after": "off"}],
        "attributes": [],
        "warnings": [],
    }
