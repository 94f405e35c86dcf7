"""Goal: what README.md says is what the code does.

Method: take commands, flags, links and examples out of the text and look them up.
"""

from __future__ import annotations

import argparse
import importlib
import re
import subprocess
from pathlib import Path

import pytest

from gatehouse.cli import COMMANDS
from gatehouse.policy.load import load_pack

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def flags_of(command: str) -> set[str]:
    parser = argparse.ArgumentParser()
    importlib.import_module(f"gatehouse.commands.{command}").add_arguments(parser)
    return {flag for action in parser._actions for flag in action.option_strings}


def test_a_newcomer_needs_exactly_two_commands() -> None:
    assert re.findall(r"^make .*$", "\n".join(blocks("sh")), re.MULTILINE) == [
        "make run",
        "make test",
    ]


def test_make_knows_every_target_that_is_mentioned() -> None:
    targets = set(re.findall(r"make ([a-z]+)", README)) - {"they"}

    outcome = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )

    assert targets <= set(re.findall(r"^make ([a-z]+)", outcome.stdout, re.MULTILINE))


def test_continuous_integration_calls_only_make_test() -> None:
    lines = (ROOT / ".ci/run").read_text().splitlines()

    assert [line for line in lines if "make" in line] == ["exec make test"]


def test_every_command_that_is_mentioned_exists() -> None:
    mentioned = set(re.findall(r"gatehouse ([a-z]+)\b", "\n".join(blocks("sh"))))

    assert mentioned
    assert mentioned <= {*COMMANDS}


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        ("up", {"--gateway-http", "--home"}),
        ("deidentify", {"--policies", "--policy", "--key-file", "--maps"}),
    ],
)
def test_every_flag_that_is_mentioned_exists(command: str, flags: set[str]) -> None:
    mentioned = set(re.findall(r"--[a-z-]+", README)) & flags

    assert mentioned == flags
    assert flags <= flags_of(command)


def test_the_example_policy_is_one() -> None:
    (policy,) = blocks("yaml")
    files = {
        "pack.yaml": b"policies: [chest-ct]\n",
        "chest-ct/chest-ct.yaml": policy.encode(),
    }

    pack, problems = load_pack(files, {"dicom": {"research-pacs"}, "peer": set()})

    assert [problem for problem in problems if problem.severity == "error"] == []
    assert pack is not None
    assert [policy.name for policy in pack.policies] == ["chest-ct"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]

    assert [target for target in local if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_links_to_headings_lead_to_one(document: Path) -> None:
    links = re.findall(r"\]\(([^):#]*)#([^)]+)\)", document.read_text(encoding="utf-8"))

    assert [
        (target, anchor)
        for target, anchor in links
        if anchor not in headings(document.parent / target if target else document)
    ] == []


def headings(document: Path) -> set[str]:
    """Return the headings of a document, as links name them."""
    lines = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_no_document_promises_what_nobody_can(document: Path) -> None:
    text = document.read_text(encoding="utf-8").lower()

    assert "hipaa compliant" not in text
    assert "gdpr compliant" not in text
    assert not re.search(r"\b(is|are|becomes?|fully|makes? (it|them)) anonymous\b", text)


def test_what_leaves_the_building_comes_first_in_each_release() -> None:
    releases = (ROOT / "CHANGELOG.md").read_text().split("\n## ")[1:]
    first_headings = [re.findall(r"^### (.*)$", one, re.MULTILINE)[0] for one in releases]

    assert first_headings
    assert set(first_headings) == {"Changes to what leaves the building"}


def test_the_licence_is_the_whole_affero_licence() -> None:
    text = (ROOT / "LICENSE").read_text()

    assert "GNU AFFERO GENERAL PUBLIC LICENSE" in text.splitlines()[0]
    assert "13. Remote Network Interaction" in text
    assert "END OF TERMS AND CONDITIONS" in text
