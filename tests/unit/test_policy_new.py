"""``gatehouse new``: a policy, its cases and its place in the pack, all of which work at once.

Goal: what is written is valid and passes its own cases, and nothing that was there is lost. Method:
the command writes into folders of all kinds; they are validated and tested by the other commands.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gatehouse.adapters.policy_files import LIBRARY, load_policy
from gatehouse.cli import main
from gatehouse.policy.destinations import DESTINATIONS
from gatehouse.policy.draft import Draft, render_draft, with_policy
from support.policies import policy_text

NAMES = sorted(path.name for path in LIBRARY.iterdir() if path.is_dir())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rest").mkdir()
    (tmp_path / "rest/rest.yaml").write_text(policy_text(policy="rest"))
    (tmp_path / "pack.yaml").write_text("# ours\npolicies: [rest]  # last\nedition: 2026d\n")
    return tmp_path


def test_a_new_policy_is_valid_and_passes_its_cases(folder: Path) -> None:
    words = ["--called-aet", "KNEE", "--modality", "MR", "--to", "research-pacs"]
    words += ["--option", "retain-modified-dates", "--option", "clean-descriptors"]
    words += ["--owner", "me: I, myself", "--description", "MR of the knee."]

    code = main(["new", "knee-mr", "--policies", str(folder), *words])

    assert code == 0
    policy = load_policy(folder / "knee-mr/knee-mr.yaml")
    assert (policy.name, policy.owner, policy.recipe.project) == (
        "knee-mr",
        "me: I, myself",
        "knee-mr",
    )
    assert policy.recipe.options == {"retain-modified-dates", "clean-descriptors"}
    assert policy.deliver[0].to == "research-pacs"
    assert (folder / "pack.yaml").read_text() == (
        "# ours\npolicies: [knee-mr, rest]  # last\nedition: 2026d\n"
    )
    assert main(["validate", str(folder)]) == 0
    assert main(["test", str(folder), "--policy", "knee-mr", "--coverage"]) == 0


def test_a_new_policy_without_a_destination_stays_here(folder: Path) -> None:
    assert main(["new", "knee", "--policies", str(folder), "--called-aet", "KNEE"]) == 0

    assert load_policy(folder / "knee/knee.yaml").keep_local_label == "deid-knee"


@pytest.mark.parametrize("via", DESTINATIONS.names())
def test_a_new_policy_is_valid_whatever_the_way_of_its_delivery(folder: Path, via: str) -> None:
    words = ["--called-aet", "KNEE", "--to", "research", "--via", via]

    assert main(["new", "knee", "--policies", str(folder), *words]) == 0

    assert load_policy(folder / "knee/knee.yaml").deliver[0].via == via
    assert main(["validate", str(folder)]) == 0
    assert main(["test", str(folder), "--policy", "knee", "--coverage"]) == 0


def test_the_first_policy_of_an_empty_folder_gets_a_pack(tmp_path: Path) -> None:
    assert main(["new", "all", "--policies", str(tmp_path), "--to", "research-pacs"]) == 0

    assert main(["validate", str(tmp_path)]) == 0
    assert main(["test", str(tmp_path)]) == 0


def test_a_policy_that_is_there_is_not_overwritten(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "rest/rest.yaml").read_text()

    assert main(["new", "rest", "--policies", str(folder)]) == 1

    assert capsys.readouterr().err == f"{folder}/rest: there is such a policy already\n"
    assert (folder / "rest/rest.yaml").read_text() == before


@pytest.mark.parametrize(
    "words", [["new", "Knee MR"], ["new"], ["new", "knee", "--from", "publik-sharing"]]
)
def test_what_can_not_be_written_writes_nothing(folder: Path, words: list[str]) -> None:
    assert main([*words, "--policies", str(folder)]) == 2

    assert sorted(path.name for path in folder.iterdir()) == ["pack.yaml", "rest"]


@pytest.mark.parametrize("name", NAMES)
def test_each_policy_of_the_library_can_be_begun_with(folder: Path, name: str) -> None:
    assert main(["new", "ours", "--from", name, "--policies", str(folder)]) == 0

    assert load_policy(folder / "ours/ours.yaml").version == 1
    assert main(["validate", str(folder)]) == 0
    assert main(["test", str(folder), "--policy", "ours", "--coverage"]) == 0


def test_the_library_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "--list"]) == 0

    assert sorted(line.split()[0] for line in capsys.readouterr().out.splitlines()) == NAMES


def test_on_a_terminal_what_no_flag_says_is_asked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["MR of the knee.", "", "cartilage", "KNEE, KNEE2", "MR", "", "research-pacs"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _question: next(answers))

    assert main(["new", "knee", "--policies", str(folder)]) == 0

    policy = load_policy(folder / "knee/knee.yaml")
    assert (policy.owner, policy.recipe.project) == ("nobody yet", "cartilage")
    assert policy.match.children[0].expected == ("KNEE", "KNEE2")


@pytest.mark.parametrize(
    ("pack", "after"),
    [
        ("policies: [a, z]\n", "policies: [a, new, z]\n"),
        ("policies: [a]\n", "policies: [a, new]\n"),
        ("policies: []\n", "policies: [new]\n"),
        (
            "# x\npolicies:\n  - a  # first\n  - z\nedition: 2026d\n",
            "# x\npolicies:\n  - a  # first\n  - new\n  - z\nedition: 2026d\n",
        ),
        ("policies:\n- a\n", "policies:\n- a\n- new\n"),
        ("policies:\n  [a,\n   z]\n", None),
        ("edition: 2026d\n", None),
    ],
)
def test_a_policy_is_put_before_those_that_take_every_study(pack: str, after: str | None) -> None:
    assert with_policy(pack, "new", ["z"]) == after


def test_a_draft_says_all_that_was_asked() -> None:
    text = render_draft(
        Draft("a", "What: it is #1", "me", "p", ("A",), ("CT", "MR"), ("retain-uids",), "x", "peer")
    )

    assert (
        text
        == """\
# yaml-language-server: $schema=../policy.schema.json
policy: a
version: 1
description: "What: it is #1"
owner: me
stage: active

match:
  all:
    - called-aet: {in: [A]}
    - Modality: {in: [CT, MR]}

deidentify:
  profile: basic
  options: [retain-uids]
  project: p

pixels:
  suspicious: hold

deliver:
  - {to: x, via: peer}
"""
    )
