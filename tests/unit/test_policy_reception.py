"""Goal: a pack for reception mode asks only for what is known of an instance when it is received.

Method: packs with one thing wrong are loaded; a whole message is expected for each.
"""

from __future__ import annotations

import pytest

from gatehouse.policy.load import load_pack
from support.policies import pack_files, pack_problems, policy_text


def problems(**sections: str | None) -> list[str]:
    """Return the errors of a policy in a pack for reception mode."""
    pack = {"pack.yaml": "policies: [lung]\nreception: true\n"}
    found = pack_problems(pack_files(policy_text(**sections), **pack))
    return [one for one in found if ": error: " in one]


def test_a_policy_that_asks_for_attributes_and_protocol_fits() -> None:
    text = policy_text(match="{Modality: {is: CT}, protocol: {is: dicom}}")

    pack, found = load_pack(
        pack_files(text, **{"pack.yaml": "policies: [lung]\nreception: true\n"})
    )

    assert found == ()
    assert pack is not None
    assert pack.reception


@pytest.mark.parametrize(
    ("sections", "problem"),
    [
        (
            {"match": "{number-of-series: {is: 1}, Modality: {is: CT}}"},
            'lung/lung.yaml:4: error: "number-of-series" can\'t be known when an instance is '
            'received\nhint: the pack says "reception: true"; ask only for attributes and '
            '"protocol"',
        ),
        *(
            (
                {"match": f"{{{fact}: {{is: {value}}}}}"},
                f'lung/lung.yaml:4: error: "{fact}" is not known when an instance is received\n'
                'hint: Orthanc tells only "protocol" at that moment; ask for attributes, or let '
                "Orthanc's own settings say who may send",
            )
            for fact, value in (
                ("called-aet", "LUNGAI"),
                ("calling-aet", "CT1"),
                ("remote-address", "10.0.0.1"),
                ("user", "anna"),
            )
        ),
        (
            {"complete": "{quiet: 1m}"},
            'lung/lung.yaml:7: error: "complete" has no use when instances are de-identified as '
            "they are received",
        ),
        (
            {"stage": "observe"},
            'lung/lung.yaml:7: error: "stage: observe" can\'t be when instances are de-identified '
            "as they are received: nothing is kept about which it could be decided later\n"
            'hint: write "stage: active" or "stage: off", and try the policy in a pack without '
            "reception",
        ),
        (
            {
                "deidentify": "{profile: none, because: for the clinic}",
                "retain_original": "forever",
            },
            'lung/lung.yaml:5: error: "profile: none" would store instances as they are, which '
            '"reception: true" promises they never are\nhint: write "profile: basic", or take '
            '"reception: true" out of the pack',
        ),
        *(
            (
                {"deidentify": f"{{profile: basic, project: lung-ai, {cleaning}}}"},
                "lung/lung.yaml:5: error: texts can't be cleaned when an instance is received: "
                "that needs all names in its study\nhint: remove clean-descriptors, "
                "clean-structured-content, retain-safe-private and clean-text, or take "
                '"reception: true" out of the pack',
            )
            for cleaning in (
                "options: [clean-descriptors]",
                "options: [clean-structured-content]",
                "options: [retain-safe-private]",
                "attributes: {StudyDescription: {action: clean-text, because: protocols}}",
            )
        ),
        (
            {"retain_original": "30d"},
            'lung/lung.yaml:7: error: "retain-original" has no use: no original is kept when '
            "instances are de-identified as they are received\nhint: remove the line",
        ),
        (
            {"deliver": "[{to: research-pacs, via: dicom, when: {Modality: {is: CT}}}]"},
            "lung/lung.yaml:6: error: a delivery's \"when\" can't be asked: it is about a whole "
            "study, of which only de-identified instances are there when it is complete\n"
            'hint: write one policy for each destination, and ask in its "match"',
        ),
    ],
)
def test_what_needs_the_study_the_sender_or_the_original_is_an_error(
    sections: dict[str, str], problem: str
) -> None:
    assert problems(**sections) == [problem]


def test_the_same_policy_is_right_in_a_pack_without_reception() -> None:
    files = pack_files(policy_text(match="{called-aet: {is: LUNGAI}}", complete="{quiet: 1m}"))

    pack, found = load_pack(files)

    assert found == ()
    assert pack is not None
    assert not pack.reception
