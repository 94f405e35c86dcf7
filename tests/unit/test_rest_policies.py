"""Goal: policies change over REST only as checked, tested, locked texts, and can be taken back.

Method: the real application on a real ledger and a real folder of policies; the work beside the
service is done in real child processes.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatehouse.adapters import policy_folder
from gatehouse.pipeline.packs import PackShelf
from gatehouse.web.limits import BURST, RateLimit
from support.asgi import Reply, call
from support.desk import cases, text, write_folder
from support.dicom_builder import ct, to_bytes
from support.rest import Site, headers

JSON = {"Content-Type": "application/json"}
NAME = "everything"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        assert made.desk.reload("start").state == "active"
        yield made


def get(site: Site, path: str, user: str = "polly") -> Reply:
    return call(site.app, "GET", f"/gatehouse/{path}", headers(user))


def post(site: Site, path: str, about: Any = None, user: str = "polly") -> Reply:
    body = json.dumps({} if about is None else about).encode()
    return call(site.app, "POST", f"/gatehouse/{path}", headers(user, **JSON), body)


def versions(site: Site) -> list[int]:
    return [one["version"] for one in get(site, f"policies/{NAME}").json["versions"]]


def active(site: Site) -> int:
    found: int = get(site, f"policies/{NAME}").json["active_version"]
    return found


def audit(site: Site) -> list[tuple[str, str, str]]:
    rows = get(site, "audit?limit=1000", "petra").json["audit"]
    return [(one["actor"], one["action"], one["detail"]) for one in rows]


# ---- Check and test


def test_a_mistake_is_named_with_its_line_and_a_hint(site: Site) -> None:
    draft = text(version=2).replace("profile: basic", "profile: basik")

    found = post(site, "policies/validate", {"name": NAME, "text": draft}).json

    assert found["is_valid"] is False
    [problem] = [one for one in found["problems"] if one["severity"] == "error"]
    assert (problem["file"], problem["line"]) == (f"{NAME}/{NAME}.yaml", 13)
    assert "basic" in problem["hint"]


def test_a_draft_without_mistakes_is_valid_and_says_nothing_of_the_lock(site: Site) -> None:
    found = post(
        site, "policies/validate", {"name": NAME, "text": text(version=2), "cases": cases()}
    ).json

    assert (found["is_valid"], found["version"], found["problems"]) == (True, 2, [])


def test_a_destination_that_orthanc_does_not_know_is_a_mistake(site: Site) -> None:
    draft = text(version=2).replace("research-pacs", "elsewhere")

    found = post(site, "policies/validate", {"name": NAME, "text": draft}).json

    assert found["is_valid"] is False


@pytest.mark.parametrize("name", ["../evil", "a/b", "", "UPPER", "x" * 65])
def test_a_name_that_is_none_is_refused(site: Site, name: str) -> None:
    assert post(site, "policies/validate", {"name": name, "text": text()}).status == 422


def test_cases_are_run_in_place_and_say_what_is_not_as_they_say(site: Site) -> None:
    right = post(
        site, "policies/test", {"name": NAME, "text": text(version=2), "cases": cases()}
    ).json
    wrong = post(
        site,
        "policies/test",
        {"name": NAME, "text": text(version=2), "cases": cases(fate="kept")},
    ).json

    assert (right["passed"], right["failed"]) == (1, 0)
    assert (wrong["passed"], wrong["failed"]) == (0, 1)
    [failure] = wrong["cases"][0]["failures"]
    assert failure == {"line": 9, "message": "PatientName should be kept, and was replaced"}
    assert right["coverage"]["total"] >= right["coverage"]["tried"] > 0


# ---- Activate, go back


def test_an_activated_text_decides_is_in_the_folder_and_in_the_lock(site: Site) -> None:
    new = text(version=2)

    reply = post(
        site,
        f"policies/{NAME}/activate",
        {"text": new, "cases": cases(), "because": "agreed on Monday"},
    )

    assert (reply.status, reply.json["state"], reply.json["version"]) == (200, "active", 2)
    folder = site.desk.folder
    assert folder is not None
    assert (folder / NAME / f"{NAME}.yaml").read_text() == new
    assert (folder / NAME / f"{NAME}.test.yaml").read_text() == cases()
    assert f"{NAME} 1 " in (folder / "pack.lock").read_text()
    assert f"{NAME} 2 " in (folder / "pack.lock").read_text()
    assert active(site) == 2
    assert site.woken
    assert ("polly", "policy.activated", "agreed on Monday") in audit(site)
    assert get(site, "policies-folder").json["state"] == "active"


def test_a_new_policy_is_asked_before_one_that_takes_every_study(site: Site) -> None:
    new = text("lung", 1, "{Modality: {is: MR}}")

    reply = post(site, "policies/lung/activate", {"text": new})

    assert reply.status == 200
    assert [one["name"] for one in get(site, "policies").json["policies"]] == ["lung", NAME]


@pytest.mark.parametrize(
    ("draft", "own_cases", "said"),
    [
        (text(version=2).replace("basic", "basik"), None, "the policy has errors"),
        (text(version=2), cases(fate="kept"), "cases of the policy fail"),
    ],
)
def test_what_is_wrong_is_not_activated_and_changes_nothing(
    site: Site, draft: str, own_cases: str | None, said: str
) -> None:
    assert site.desk.folder is not None
    before = policy_folder.digest_of(site.desk.files())

    reply = post(site, f"policies/{NAME}/activate", {"text": draft, "cases": own_cases})

    assert (reply.status, reply.json["error"]) == (422, said)
    assert reply.json["about"]
    assert active(site) == 1
    assert policy_folder.digest_of(site.desk.files()) == before


def test_another_text_needs_a_higher_version(site: Site) -> None:
    changed = text().replace("For tests", "Changed")

    reply = post(site, f"policies/{NAME}/activate", {"text": changed})

    assert reply.status == 409
    assert "write version: 2" in reply.json["error"]
    assert active(site) == 1


def test_an_older_version_decides_again_and_a_run_ends_as_it_began(site: Site) -> None:
    pack = site.ledger.active_pack()
    assert pack is not None
    post(site, f"policies/{NAME}/activate", {"text": text(version=2)})

    reply = post(site, f"policies/{NAME}/versions/1/activate", {"because": "2 was wrong"})

    assert (reply.status, reply.json["state"], reply.json["version"]) == (200, "active", 1)
    assert active(site) == 1
    assert versions(site) == [2, 1]
    history = get(site, f"policies/{NAME}").json["versions"]
    assert [len(one["activations"]) for one in history] == [1, 2]
    assert history[1]["activations"][0]["by"] == "polly"
    # What was decided under an earlier pack finds that very policy.
    found = PackShelf(site.ledger).policy(pack.digest, pack.policies[0].digest)
    assert found.version == 1


def test_a_version_that_never_was_active_is_not_found(site: Site) -> None:
    assert post(site, f"policies/{NAME}/versions/7/activate").status == 404


def test_a_folder_that_can_t_be_written_is_said_and_nothing_changes(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write anywhere, so the answer of the system is stood in for.
    monkeypatch.setattr(policy_folder, "is_writable", lambda _folder: False)

    reply = post(site, f"policies/{NAME}/activate", {"text": text(version=2)})

    assert reply.status == 409
    assert "read-only" in reply.json["error"]
    assert "reload" in reply.json["error"]
    assert active(site) == 1


# ---- The folder


def test_a_changed_folder_is_loaded_when_it_is_at_rest(site: Site) -> None:
    assert site.desk.folder is not None
    write_folder(site.desk.folder, text(version=2))

    first = site.desk.take_changes()
    second = site.desk.take_changes()

    assert first is None
    assert second is not None
    assert second.state == "active"
    assert active(site) == 2


def test_an_invalid_folder_is_reported_and_what_runs_stays(site: Site) -> None:
    assert site.desk.folder is not None
    write_folder(site.desk.folder, text(version=2).replace("basic", "basik"))

    assert site.desk.take_changes() is None
    assert site.desk.take_changes() is None
    reply = post(site, "policies/reload")

    assert reply.json["state"] == "invalid"
    assert reply.json["problems"]
    assert get(site, "policies-folder").json["state"] == "invalid"
    assert active(site) == 1


def test_another_text_under_a_version_that_decided_is_an_error_of_the_folder(site: Site) -> None:
    assert site.desk.folder is not None
    write_folder(site.desk.folder, text().replace("For tests", "Changed"))

    reply = post(site, "policies/reload")

    assert reply.json["state"] == "invalid"
    assert reply.json["problems"][0]["hint"] == "write version: 2"


def test_a_folder_in_a_git_checkout_names_its_commit(site: Site) -> None:
    folder = str(site.desk.folder)
    git = [
        "git",
        "-C",
        folder,
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
        "-c",
        "init.defaultBranch=m",
    ]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *words], check=True, capture_output=True)

    clean = get(site, "policies-folder").json["source"]
    write_folder(Path(folder), text(version=2))
    changed = get(site, "policies-folder").json["source"]

    assert " at git commit " in clean
    assert changed == f"{clean} with changes"


# ---- Four eyes


@pytest.fixture
def careful(site: Site) -> Site:
    site.desk.four_eyes = True
    return site


def test_with_four_eyes_a_second_person_activates(careful: Site) -> None:
    proposed = post(careful, f"policies/{NAME}/activate", {"text": text(version=2)}).json

    assert proposed["state"] == "proposed"
    assert active(careful) == 1
    number = proposed["proposal"]
    own = post(careful, f"proposals/{number}/approve")
    assert own.status == 403
    assert active(careful) == 1
    other = post(careful, f"proposals/{number}/approve", user="petra")
    assert (other.status, other.json["state"]) == (200, "active")
    assert active(careful) == 2
    history = get(careful, f"policies/{NAME}").json["versions"]
    assert history[0]["activations"][0]["by"] == "petra, proposed by polly"
    assert post(careful, f"proposals/{number}/approve", user="petra").status == 409


def test_whoever_approves_can_read_what_is_proposed(careful: Site) -> None:
    wanted = text(version=2, more="retain-original: 4711d\n")
    proposed = post(careful, f"policies/{NAME}/activate", {"text": wanted}).json["proposal"]

    listed = get(careful, "ui/policies", "petra").body.decode()
    shown = get(careful, f"ui/policies/{NAME}?proposal={proposed}", "petra").body.decode()
    active_one = get(careful, f"ui/policies/{NAME}", "petra").body.decode()

    assert f"policies/{NAME}?proposal={proposed}" in listed
    assert "retain-original: 4711d" in shown
    assert "The text that polly proposed" in shown
    assert "4711d" not in active_one
    assert get(careful, f"ui/policies/{NAME}?proposal={proposed + 1}", "petra").status == 404
    assert get(careful, f"ui/policies/other?proposal={proposed}", "petra").status == 404


def test_with_four_eyes_going_back_and_the_folder_need_a_second_person_too(careful: Site) -> None:
    post(careful, f"policies/{NAME}/activate", {"text": text(version=2)})
    post(careful, "proposals/1/approve", user="petra")

    back = post(careful, f"policies/{NAME}/versions/1/activate").json
    assert careful.desk.folder is not None
    write_folder(careful.desk.folder, text(version=3))
    careful.desk.take_changes()
    careful.desk.take_changes()

    assert back["state"] == "proposed"
    assert active(careful) == 2
    found = get(careful, "proposals").json["proposals"]
    assert [(one["kind"], one["proposed_by"], one["state"]) for one in found] == [
        ("folder", "folder", "open"),
        ("version", "polly", "open"),
        ("text", "polly", "approved"),
    ]
    assert post(careful, "proposals/3/approve").json["state"] == "active"
    assert active(careful) == 3


def test_a_proposal_that_was_overtaken_can_t_be_approved(careful: Site) -> None:
    number = post(careful, f"policies/{NAME}/activate", {"text": text(version=2)}).json["proposal"]
    careful.desk.four_eyes = False
    post(careful, f"policies/{NAME}/activate", {"text": text(version=3)})
    careful.desk.four_eyes = True

    reply = post(careful, f"proposals/{number}/approve", user="petra")

    assert reply.status == 409
    assert get(careful, f"proposals/{number}").json["state"] == "outdated"


def test_a_declined_proposal_changes_nothing(careful: Site) -> None:
    number = post(careful, f"policies/{NAME}/activate", {"text": text(version=2)}).json["proposal"]

    reply = post(careful, f"proposals/{number}/decline", user="petra")

    assert reply.json["state"] == "declined"
    assert "version: 2" in reply.json["text"]
    assert active(careful) == 1


# ---- Compare


def test_versions_are_compared_in_meaning(site: Site) -> None:
    new = text(version=2, more="").replace(
        "profile: basic", "profile: basic\n  options: [retain-uids]"
    )
    post(site, f"policies/{NAME}/activate", {"text": new})

    found = get(site, f"policies/{NAME}/diff?from=1&to=2").json
    draft = post(site, f"policies/{NAME}/diff", {"text": text(version=3)}).json

    assert {one["part"] for one in found["sections"]} == {"option retain-uids"}
    assert "StudyInstanceUID" in {one["attribute"] for one in found["attributes"]}
    assert (found["from_version"], found["to_version"]) == (1, 2)
    assert (draft["from_version"], draft["to_version"]) == (2, None)


def test_a_policy_says_what_it_does_to_each_attribute(site: Site) -> None:
    found = get(site, f"policies/{NAME}/conformance", "viola").json

    assert "PatientName" in found["markdown"]
    assert [one["letter"] for one in found["safe_harbor"]][:2] == ["A", "B"]


@pytest.mark.parametrize("name", ["policy", "pack", "test"])
def test_schemas_are_served_for_editors(site: Site, name: str) -> None:
    assert get(site, f"schemas/{name}").json["type"] == "object"


# ---- Preview


def upload() -> str:
    return base64.b64encode(to_bytes(ct(PatientName="CANARY^Jane"))).decode()


@pytest.mark.parametrize(("user", "sees"), [("petra", True), ("polly", False), ("viola", False)])
def test_values_are_previewed_to_privacy_officers_only(site: Site, user: str, sees: bool) -> None:
    reply = post(site, "preview", {"dicom": [upload()]}, user)

    assert reply.status == 200
    assert (reply.json["outcome"], reply.json["decision"]["rule"]) == ("accept", "match")
    assert reply.json["deliver"] == [{"to": "research-pacs", "via": "dicom"}]
    [name] = [one for one in reply.json["instances"][0]["elements"] if one["path"] == "PatientName"]
    assert name["fate"] == "replaced"
    assert ("before" in name) is sees
    assert (b"CANARY" in reply.body) is sees


def test_a_draft_is_previewed_whether_or_not_it_matches(site: Site) -> None:
    draft = text("other", 1, "{Modality: {is: MR}}")

    found = post(site, "preview", {"dicom": [upload()], "policy": "other", "text": draft}).json

    assert found["matches"] == "no"
    assert found["decision"]["policy"] == "other"
    assert found["decision"]["asked"][0]["rule"] == "match"
    assert found["instances"][0]["elements"]


@pytest.mark.parametrize(
    ("about", "status"),
    [
        ({}, 422),
        ({"study": "1", "dicom": ["AA=="]}, 422),
        ({"dicom": ["no base64!"]}, 422),
        ({"dicom": ["AAAA"]}, 422),
        ({"study": "999"}, 404),
        ({"dicom": ["AAAA"], "policy": "unknown"}, 404),
        ({"dicom": ["AAAA"], "surprise": 1}, 422),
        ({"study": "1"}, 503),
    ],
)
def test_a_preview_of_what_is_not_there_is_refused(
    site: Site, about: dict[str, Any], status: int
) -> None:
    reply = post(site, "preview", about)

    assert reply.status == status, reply.body


def test_an_expensive_request_is_refused_when_it_comes_too_often(tmp_path: Path) -> None:
    with Site(tmp_path, limit=RateLimit(burst=1, clock=lambda: 0.0)) as site:
        first = post(site, "policies/validate", {"name": NAME, "text": text()})
        second = post(site, "policies/validate", {"name": NAME, "text": text()})
        other = post(site, "policies/validate", {"name": NAME, "text": text()}, "petra")

    assert [first.status, second.status, other.status] == [200, 429, 200]
    assert second.header("retry-after") == "2"


def test_turns_come_back_with_time() -> None:
    now = [0.0]
    limit = RateLimit(rate_per_s=0.5, clock=lambda: now[0])

    taken = [limit.take("polly") for _ in range(BURST)]
    refused = limit.take("polly")
    now[0] = 2.0

    assert set(taken) == {0.0}
    assert refused == 2.0
    assert limit.take("polly") == 0.0


# ---- Shadows


def test_a_shadow_runs_beside_the_active_version_until_it_is_ended(site: Site) -> None:
    begun = post(site, f"policies/{NAME}/shadow", {"text": text(version=2)}).json

    assert (begun["version"], begun["ended_at"], begun["compared"]) == (2, None, 0)
    assert active(site) == 1
    ended = call(site.app, "DELETE", f"/gatehouse/policies/{NAME}/shadow", headers("polly", **JSON))
    assert ended.json["ended_at"] is not None
    again = call(site.app, "DELETE", f"/gatehouse/policies/{NAME}/shadow", headers("polly", **JSON))
    assert again.status == 404
