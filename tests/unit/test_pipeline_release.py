"""Goal: a release skips a policy's match and nothing else, and what is observed never leaves.

Method: whole runs over ports in this process; what was delivered and kept is looked at itself.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gatehouse.errors import StateError
from gatehouse.pipeline.ports import InstanceReceipt
from gatehouse.pipeline.records import StudyKey
from gatehouse.pipeline.study import StudySteps
from support.dicom_builder import series, to_bytes
from support.faults import POLICY, Line
from support.studies import KEY

MR_ONLY = POLICY.replace("match: every-study", "match: {Modality: {is: MR}}")
ADULTS = POLICY.replace(
    "deidentify:",
    "check:\n  - id: adults\n    every-instance: {PatientAge: {at-least: 18Y}}\n"
    "    otherwise: hold\n    because: the approval covers adults\ndeidentify:",
)
OBSERVED = POLICY.replace("stage: active", "stage: observe")


def state(line: Line) -> tuple[str, str]:
    study = line.ledger.study(1)
    assert study is not None
    return study.state, study.rule


def let_go(line: Line, *accept: str) -> StudyKey:
    """Release the held study under its policy, and run it."""
    [policy] = line.tools.packs.active().policies
    key = line.ledger.release_study(
        1, "everything", accept, "agreed", "oscar", line.now, policy_digest=policy.digest
    )
    line.run(key)
    return key


def delivered(line: Line) -> list[bytes]:
    return [content for _, content in (*line.research.got, *line.peer.got)]


def test_a_released_study_is_de_identified_verified_and_delivered(tmp_path: Path) -> None:
    line = Line(tmp_path, policy=MR_ONLY)
    line.run(KEY)
    assert state(line) == ("held", "no-policy")

    key = let_go(line)

    assert state(line) == ("done", "")
    assert len(delivered(line)) == 6
    assert not any(b"CANARY" in one for one in delivered(line))
    decision = line.ledger.decision(key)
    assert decision is not None
    assert (decision.rule, decision.policy) == ("released", "everything")
    rows = [one for one in line.ledger.audit_rows() if one.action == "study.released"]
    assert [(one.actor, one.detail) for one in rows] == [("oscar", "agreed")]


def test_the_checks_of_the_policy_are_asked_of_a_released_study(tmp_path: Path) -> None:
    line = Line(tmp_path, policy=ADULTS, PatientAge="012Y")
    line.run(KEY)
    assert state(line) == ("held", "adults")

    let_go(line)

    assert state(line) == ("held", "adults")
    assert delivered(line) == []


def test_a_check_that_is_accepted_by_name_is_not_asked(tmp_path: Path) -> None:
    line = Line(tmp_path, policy=ADULTS, PatientAge="012Y")
    line.run(KEY)

    let_go(line, "check adults")

    assert state(line) == ("done", "")


def test_suspicious_images_are_accepted_for_one_run_only(tmp_path: Path) -> None:
    line = Line(tmp_path, BurnedInAnnotation="YES")
    line.run(KEY)
    assert state(line) == ("held", "pixels.suspicious")

    let_go(line)
    assert state(line) == ("held", "pixels.suspicious")
    let_go(line, "suspicious-pixels")
    assert state(line) == ("done", "")
    line.archive.originals["instance-9"] = line.archive.originals["instance-1"]
    again = line.ledger.process_again(1, "oscar", line.now)

    assert line.ledger.release_of(again) is None


def late(line: Line, **attributes: str) -> None:
    """Have one more instance come to a study that was released, and process it."""
    [*_, fourth] = series(4, PatientName="CANARY^NAME", PatientID="CANARY-ID", **attributes)
    line.archive.originals["instance-4"] = to_bytes(fourth)
    line.run(line.receive("instance-4"))


def test_a_late_instance_without_doubts_joins_a_study_whose_images_were_accepted(
    tmp_path: Path,
) -> None:
    line = Line(tmp_path, BurnedInAnnotation="YES")
    line.run(KEY)
    let_go(line, "suspicious-pixels")
    accepted = {uid for uid, _ in line.research.got}

    late(line, BurnedInAnnotation="NO")

    # What a person looked at has arrived, and is asked about no more; nothing of it is sent again.
    assert state(line) == ("done", "")
    assert len(line.research.got) == 4
    assert len({uid for uid, _ in line.research.got} - accepted) == 1


def test_a_late_instance_with_doubts_is_held_because_nobody_has_looked_at_it(
    tmp_path: Path,
) -> None:
    line = Line(tmp_path, BurnedInAnnotation="YES")
    line.run(KEY)
    let_go(line, "suspicious-pixels")
    sent = list(line.research.got)

    late(line, BurnedInAnnotation="YES")

    assert state(line) == ("held", "pixels.suspicious")
    assert [one.instance for one in line.ledger.holds()] == ["instance-4"]
    assert line.research.got == sent


def test_what_was_accepted_and_has_not_arrived_everywhere_is_asked_about_again(
    tmp_path: Path,
) -> None:
    line = Line(tmp_path, BurnedInAnnotation="YES")
    line.run(KEY)
    line.peer.answer = lambda one: InstanceReceipt(one.sop_instance_uid, "0xA700", is_stored=False)
    let_go(line, "suspicious-pixels")
    assert state(line) == ("held", "delivery.failed")

    late(line, BurnedInAnnotation="NO")

    assert state(line) == ("held", "pixels.suspicious")
    named = {one.instance for one in line.ledger.holds() if one.resolved_at is None}
    assert named == {"instance-1", "instance-2", "instance-3"}


def test_a_check_that_was_accepted_is_asked_again_when_more_comes(tmp_path: Path) -> None:
    line = Line(tmp_path, policy=ADULTS, PatientAge="012Y")
    line.run(KEY)
    let_go(line, "check adults")

    late(line, PatientAge="012Y")

    assert state(line) == ("held", "adults")
    assert len(line.research.got) == 3


def test_a_release_survives_power_cuts(tmp_path: Path) -> None:
    line = Line(tmp_path, BurnedInAnnotation="YES")
    line.run(KEY)
    key = line.ledger.release_study(
        1, "everything", ["suspicious-pixels"], "agreed", "petra", line.now, policy_digest=""
    )
    steps = StudySteps(line.tools)
    accepted = steps.decide(key)
    assert accepted is not None
    made = steps.make(key, accepted)
    assert made is not None
    for file in [*tmp_path.rglob("*.dcm")]:
        file.unlink()  # lost after it was made: it is made again, as it was released

    line.run(key)

    assert state(line) == ("done", "")


def test_only_a_held_study_can_be_released(tmp_path: Path) -> None:
    line = Line(tmp_path)
    line.run(KEY)

    with pytest.raises(StateError, match="not held any more"):
        let_go(line)


def test_a_policy_that_does_not_decide_any_more_releases_nothing(tmp_path: Path) -> None:
    line = Line(tmp_path, policy=MR_ONLY)
    line.run(KEY)

    key = line.ledger.release_study(1, "another", [], "agreed", "oscar", line.now, policy_digest="")
    line.run(key)

    assert state(line) == ("held", "release.policy")
    assert delivered(line) == []


def test_an_observed_policy_makes_and_verifies_and_releases_nothing(tmp_path: Path) -> None:
    line = Line(tmp_path, policy=OBSERVED)

    line.run(KEY)

    assert state(line) == ("held", "observe")
    assert [what for what, _ in line.workshop.done].count("make") == 3
    assert line.ledger.action_counts(KEY)["X"] > 0
    assert delivered(line) == []
    assert line.archive.kept == {}
    assert [*tmp_path.rglob("*.dcm")] == []


def test_an_observed_policy_says_what_it_would_hold(tmp_path: Path) -> None:
    line = Line(tmp_path, policy=OBSERVED, BurnedInAnnotation="YES")

    line.run(KEY)

    assert state(line) == ("held", "pixels.suspicious")


def test_an_observed_policy_can_t_release_either(tmp_path: Path) -> None:
    line = Line(tmp_path, policy=OBSERVED)
    line.run(KEY)

    let_go(line)

    assert state(line) == ("held", "release.policy")
    assert delivered(line) == []


def test_an_observed_policy_that_would_reject_makes_nothing(tmp_path: Path) -> None:
    policy = ADULTS.replace("otherwise: hold", "otherwise: reject").replace(
        "stage: active", "stage: observe"
    )
    line = Line(tmp_path, policy=policy, PatientAge="012Y")

    line.run(KEY)

    assert state(line) == ("held", "observe")
    assert "make" not in [what for what, _ in line.workshop.done]
