"""A preview: what would happen to a study, without anything happening.

Goal: it says what a real run would do, and shows values only if asked to. Method: small studies go
through it, accepted, held by a check and held by an instance.
"""

from __future__ import annotations

from gatehouse.deid.model import ProjectKeys
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.policy.decide import attributes_of
from gatehouse.policy.facts import extract
from gatehouse.policy.model import InstanceFacts, Origin, Outcome, Pack, Policy
from gatehouse.policy.preview import Hold, Preview, as_json, preview
from support.dicom_builder import INSTANCE_UID, ct, to_bytes
from support.policies import a_pack, a_policy


def keys_of(project: str) -> ProjectKeys:
    return derive_project_keys(b"a key that only this test uses, really", project)


def previewed(policies: Pack | Policy, *values: dict[str, str], instances_max: int = 50) -> Preview:
    files = {
        str(number): to_bytes(ct(SOPInstanceUID=f"{INSTANCE_UID}.{number}", **attributes))
        for number, attributes in enumerate(values, 1)
    }
    names = attributes_of(policies)
    facts = [InstanceFacts(name, Origin(), extract(file, names)) for name, file in files.items()]
    return preview(policies, facts, files.__getitem__, keys_of, instances_max=instances_max)


def test_an_accepted_study_is_shown_element_by_element_with_its_destinations() -> None:
    found = previewed(a_pack(a_policy(keep_local="{label: x}")), {"PatientName": "CANARY^Jane"})

    assert found.outcome is Outcome.ACCEPT
    assert [one.to for one in found.deliver] == ["research-pacs"]
    assert found.keep_local_label == "x"
    (instance,) = found.instances
    name = next(one for one in instance.elements if one.path == "PatientName")
    assert (name.fate, name.action, name.before) == ("replaced", "pseudonym", "CANARY^Jane")
    assert name.after not in ("", "CANARY^Jane")


def test_a_study_that_a_check_holds_is_explained_and_goes_nowhere() -> None:
    policy = a_policy(check="[{id: adults, PatientAge: {at-least: 18Y}}]")

    found = previewed(a_pack(policy), {"PatientAge": "004Y"})

    assert (found.outcome, found.decision.rule) == (Outcome.HOLD, "adults")
    assert found.instances[0].elements
    assert found.deliver == ()


def test_a_study_of_which_an_instance_would_be_held_is_held() -> None:
    found = previewed(a_pack(a_policy()), {}, {"BurnedInAnnotation": "YES"})

    assert found.decision.outcome is Outcome.ACCEPT
    assert found.outcome is Outcome.HOLD
    assert found.instances[0].hold is None
    assert isinstance(found.instances[1].hold, Hold)
    assert found.instances[1].hold.rule == "pixels.suspicious"
    assert (found.deliver, found.keep_local_label) == ((), None)


def test_a_study_that_no_policy_is_for_has_no_elements() -> None:
    found = previewed(a_pack(a_policy(match="{Modality: {is: MR}}")), {})

    assert (found.decision.rule, found.instances, found.instances_left_out) == ("no-policy", (), 1)


def test_a_single_policy_is_asked_for_its_checks_only() -> None:
    found = previewed(a_policy(match="{Modality: {is: MR}}"), {})

    assert found.outcome is Outcome.ACCEPT


def test_only_so_many_instances_are_explained_and_the_rest_is_counted() -> None:
    found = previewed(a_pack(a_policy()), {}, {}, {}, instances_max=2)

    assert (len(found.instances), found.instances_left_out) == (2, 1)


def test_values_are_in_the_json_only_if_they_are_asked_for() -> None:
    found = previewed(a_pack(a_policy()), {"PatientName": "CANARY^Jane"})

    assert "CANARY" in str(as_json(found, show_values=True))
    assert "CANARY" not in str(as_json(found, show_values=False))
    answer = as_json(found, show_values=False)
    assert answer["outcome"] == "accept"
    assert answer["decision"]["policy"] == "lung"
    assert answer["deliver"] == [{"to": "research-pacs", "via": "dicom"}]
    assert {"path", "fate", "action", "code", "rule", "line", "clause"} == set(
        answer["instances"][0]["elements"][0]
    )


def test_what_one_instance_says_of_a_person_is_cleaned_from_all_of_its_study() -> None:
    policy = a_policy(deidentify="{profile: basic, project: p, options: [clean-descriptors]}")

    found = previewed(
        a_pack(policy),
        {"OperatorsName": "Zwiebelfisch^Olga"},
        {"SeriesDescription": "axial for Zwiebelfisch", "OperatorsName": ""},
    )

    (series,) = [one for one in found.instances[1].elements if one.path == "SeriesDescription"]
    assert series.fate == "replaced"
    assert "Zwiebelfisch" not in series.after
