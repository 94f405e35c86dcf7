"""Packs: order, places of files, and the lock that makes a version mean one text.

Goal: a folder of policies means one thing, and nothing in it is passed over in silence. Method: a
folder as a dictionary, one mistake each, and the whole text of what is printed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gatehouse import __version__
from gatehouse.adapters.policy_files import load_policy, read_folder
from gatehouse.errors import PolicyError
from gatehouse.policy.load import load_pack
from gatehouse.policy.lock import read_lock, render_lock, updated
from gatehouse.policy.report import Report, render
from support.policies import a_policy, lock_line, pack_files, pack_problems, policy_text

LUNG = policy_text(policy="lung", match="{Modality: {is: CT}}")
REST = policy_text(policy="rest")


def test_a_pack_has_its_policies_in_the_order_of_its_file() -> None:
    pack, problems = load_pack(pack_files(LUNG, REST))

    assert problems == ()
    assert pack is not None
    assert [policy.name for policy in pack.policies] == ["lung", "rest"]


def test_the_digest_of_a_pack_changes_with_its_order_and_with_each_policy() -> None:
    one, _ = load_pack(pack_files(LUNG, REST.replace("every-study", "{Modality: {is: MR}}")))
    other, _ = load_pack(pack_files(REST.replace("every-study", "{Modality: {is: MR}}"), LUNG))
    changed, _ = load_pack(pack_files(LUNG, REST))
    again, _ = load_pack(pack_files(LUNG, REST))

    assert one is not None
    assert other is not None
    assert changed is not None
    assert again is not None
    assert len({one.digest, other.digest, changed.digest}) == 3
    assert changed.digest == again.digest


@pytest.mark.parametrize(
    ("files", "messages"),
    [
        (
            {"pack.yaml": "policies: [lung, rest, gone]\n"},
            [
                'pack.yaml:1: error: there is no file gone/gone.yaml for the policy "gone"',
            ],
        ),
        (
            {"pack.yaml": "policies: [rest]\n"},
            [
                'lung/lung.yaml:1: error: the policy "lung" is not listed in pack.yaml\n'
                'hint: add it to "policies"'
            ],
        ),
        (
            {"pack.yaml": "policies:\n  - rest\n  - lung\n"},
            [
                'pack.yaml:3: error: "lung" is never asked: "rest" stands before it and takes '
                'every study\nhint: put "rest" last'
            ],
        ),
        (
            {"pack.yaml": "policies: [lung, rest]\nedition: 2025a\n"},
            ['pack.yaml:2: error: "edition" can\'t be "2025a"\nhint: known here: 2026d'],
        ),
        (
            {"pack.yaml": "policies: [lung, rest]\nminimum-plugin-version: 99.1\n"},
            [
                f"pack.yaml:2: error: these policies need Gatehouse 99.1; this is {__version__}\n"
                "hint: update Gatehouse before these policies"
            ],
        ),
        (
            {"pack.yaml": "policies: [lung, rest, rest]\n"},
            ['pack.yaml:1: error: "rest" is in "policies" twice'],
        ),
        (
            {"notes.txt": "x"},
            [
                "notes.txt:1: error: nobody knows what this file is for\n"
                "hint: a policy is NAME/NAME.yaml, its cases are NAME/NAME.test.yaml and "
                "NAME/cases/; move other files out of this folder"
            ],
        ),
        (
            {"lung/old.yaml": LUNG},
            [
                "lung/old.yaml:1: error: the file is old.yaml in the folder lung\n"
                "hint: give both one name"
            ],
        ),
        (
            {"lung/lung.yml": LUNG},
            [
                "lung/lung.yml:1: error: nobody knows what this file is for\n"
                "hint: a policy is NAME/NAME.yaml, its cases are NAME/NAME.test.yaml and "
                "NAME/cases/; move other files out of this folder"
            ],
        ),
        (
            {"lung/lung.test.yaml": "policy: lung\ncases: []\n"},
            ['lung/lung.test.yaml:2: error: "cases" is an empty list'],
        ),
        ({"README.md": "x", "lung/README.md": "x", "lung/cases/a.json": "{}"}, []),
    ],
)
def test_what_is_out_of_place_is_named(files: dict[str, str], messages: list[str]) -> None:
    assert pack_problems(pack_files(LUNG, REST, **files)) == messages


def test_a_policy_that_is_called_otherwise_than_its_folder_is_refused() -> None:
    files = pack_files(LUNG, **{"lung/lung.yaml": policy_text(policy="chest")})

    assert pack_problems(files) == [
        'lung/lung.yaml:1: error: the policy is called "chest", and its folder and file "lung"\n'
        "hint: write policy: lung"
    ]


def test_of_a_folder_without_a_pack_file_nothing_else_is_said() -> None:
    files = pack_files(LUNG)
    del files["pack.yaml"]

    assert pack_problems(files) == [
        'pack.yaml:1: error: there is no pack.yaml\nhint: write one: "policies: [NAME, ...]"',
    ]


def test_a_policy_that_is_off_shadows_nothing() -> None:
    off = policy_text(policy="rest", stage="off")

    pack, problems = load_pack(pack_files(off, LUNG))

    assert problems == ()
    assert pack is not None


def test_one_wrong_policy_makes_the_whole_pack_unusable() -> None:
    pack, _ = load_pack(pack_files(LUNG.replace("basic", "basik"), REST))

    assert pack is None


def test_the_pack_s_defaults_are_for_deliveries_that_say_nothing_themselves() -> None:
    own = policy_text(
        policy="lung",
        match="{Modality: {is: CT}}",
        deliver="[{to: a, via: dicom, retry: {for: 1h}, window: 01:00-02:00}]",
    )
    defaults = (
        "policies: [lung, rest]\n"
        'defaults: {retry: {for: 5d, backoff: 1m..2m}, window: "20:00-06:00"}\n'
    )

    pack, _ = load_pack(pack_files(own, REST, **{"pack.yaml": defaults}))

    assert pack is not None
    (lung,), (rest,) = (policy.deliver for policy in pack.policies)
    assert (rest.retry.longest_s, rest.window) == (5 * 86400.0, ("20:00", "06:00"))
    assert (lung.retry.longest_s, lung.retry.backoff_max_s) == (3600.0, 120.0)
    assert lung.window == ("01:00", "02:00")


def test_without_a_lock_there_is_a_warning_and_a_pack() -> None:
    files = pack_files(LUNG)
    del files["pack.lock"]

    pack, problems = load_pack(files)

    assert pack is not None
    assert [render(problem) for problem in problems] == [
        "pack.lock:1: warning: there is no pack.lock\nhint: write it with `gatehouse lock`"
    ]


@pytest.mark.parametrize(
    ("lock", "message"),
    [
        (
            lock_line(LUNG.replace("For tests", "Changed")),
            "lung/lung.yaml:2: error: the file differs from version 1, which is in pack.lock\n"
            "hint: write version: 2",
        ),
        (
            lock_line(LUNG, version=3),
            "lung/lung.yaml:2: error: version 1 is lower than version 3, which is in pack.lock\n"
            "hint: write version: 4",
        ),
        (
            "",
            "lung/lung.yaml:2: warning: version 1 is not in pack.lock yet\n"
            "hint: run `gatehouse lock` when the change is finished",
        ),
        (
            f"{lock_line(LUNG)}\nlung one {'0' * 64}",
            "pack.lock:2: error: this is no line of a lock: name, version and digest\n"
            "hint: do not edit this file; take it back from its history, or run `gatehouse lock`",
        ),
        (
            f"{lock_line(LUNG)}\n{lock_line(LUNG)}",
            "pack.lock:2: error: version 1 of lung is locked twice",
        ),
    ],
)
def test_a_policy_must_be_what_the_lock_says_of_its_version(lock: str, message: str) -> None:
    assert pack_problems(pack_files(LUNG, **{"pack.lock": lock})) == [message]


def test_a_lock_keeps_the_versions_that_were() -> None:
    first, second = a_policy(), a_policy(version="2")
    lock = updated(updated({}, [first]), [second])

    text = render_lock(lock)

    assert text.splitlines()[1:] == [f"lung 1 {first.digest}", f"lung 2 {second.digest}"]
    assert read_lock(text.encode(), Report("pack.lock")) == lock


def test_a_folder_is_read_without_hidden_files(tmp_path: Path) -> None:
    for name in ("pack.yaml", "a/a.yaml", ".git/config", "a/.a.yaml.swp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")

    assert read_folder(tmp_path) == {"pack.yaml": b"x", "a/a.yaml": b"x"}


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "secret.yaml").write_text("x")
    (tmp_path / "policies/pack.yaml").symlink_to(tmp_path / "secret.yaml")

    with pytest.raises(PolicyError, match="is a link that leads out of the folder"):
        read_folder(tmp_path / "policies")


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="is not a folder of policies"):
        read_folder(tmp_path / "nowhere")


def test_a_single_policy_needs_no_pack_and_no_lock(tmp_path: Path) -> None:
    file = tmp_path / "anything.yaml"
    file.write_text(LUNG)

    assert load_policy(file).name == "lung"


def test_a_single_policy_with_errors_is_refused_with_all_of_them(tmp_path: Path) -> None:
    file = tmp_path / "lung.yaml"
    file.write_text(policy_text(version="x", stage="live"))

    with pytest.raises(PolicyError) as caught:
        load_policy(file)

    assert str(caught.value) == (
        "the policy can't be used\n"
        f'{file}:2: error: "version" must be a whole number, and not the text "x"\n'
        f'{file}:7: error: "stage" can\'t be "live"\nhint: known here: active, observe, off'
    )


def test_a_single_policy_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="can't be read: No such file or directory"):
        load_policy(tmp_path / "lung.yaml")
