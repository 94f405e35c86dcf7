"""docs/policies.md, docs/recipes.md: every YAML example loads, and what is said of commands is so.

Goal: an administrator who copies from a page has something that works. Method: the pages are taken
apart; whole policies, packs and cases are loaded as they are, parts of a policy within a small one;
the tutorial's files are put into a folder, validated and tested.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gatehouse.adapters.policy_files import LIBRARY, load_policy
from gatehouse.cli import COMMANDS, main
from gatehouse.policy.build import build_policy
from gatehouse.policy.cases import build_cases
from gatehouse.policy.load import load_pack, load_single
from gatehouse.policy.report import Report, render
from gatehouse.policy.run_cases import run_cases
from gatehouse.policy.safe_harbor import safe_harbor
from gatehouse.policy.yaml_subset import parse
from support.policies import pack_files, policy_text

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
RECIPES = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE + RECIPES, re.DOTALL)


def keys(example: str) -> list[str]:
    top = parse(example.encode(), Report("example"))
    assert top is not None
    return list(top.value)


POLICIES = [one for one in EXAMPLES if "policy" in keys(one) and "cases" not in keys(one)]
CASES = [one for one in EXAMPLES if "cases" in keys(one)]
PACKS = [one for one in EXAMPLES if "policies" in keys(one)]
PARTS = [one for one in EXAMPLES if not {"policy", "policies"} & set(keys(one))]


def test_the_pages_have_examples_of_each_kind() -> None:
    assert all([POLICIES, CASES, PACKS, PARTS])
    assert len(EXAMPLES) == len(POLICIES) + len(CASES) + len(PACKS) + len(PARTS)


@pytest.mark.parametrize("example", POLICIES)
def test_a_whole_policy_loads(example: str) -> None:
    _, problems = load_single(example.encode(), "example")

    assert [render(problem) for problem in problems] == []


@pytest.mark.parametrize("example", PARTS, ids=lambda part: keys(part)[0])
def test_a_part_of_a_policy_loads_within_a_small_one(example: str) -> None:
    without = {key.replace("-", "_"): None for key in keys(example)}
    report = Report("example")

    policy = build_policy((policy_text(**without) + example).encode(), report)

    problems = [problem.message for problem in report.problems]
    assert problems == (
        ["this policy forwards studies as they are, with the patient's identity"]
        if "profile: none" in example
        else []
    )
    assert policy is not None


@pytest.mark.parametrize("example", PACKS)
def test_a_pack_file_loads(example: str) -> None:
    names = re.search(r"policies: \[(.*?)\]", example)
    assert names is not None
    texts = [
        policy_text(policy=name, match=f"{{StationName: {{is: {name}}}}}")
        for name in names[1].split(", ")
    ]

    pack, problems = load_pack(pack_files(*texts, **{"pack.yaml": example}))

    assert [render(problem) for problem in problems] == []
    assert pack is not None


@pytest.mark.parametrize("example", CASES)
def test_documented_cases_pass_with_the_policy_that_they_name(example: str) -> None:
    report = Report("example")
    name = example.split("policy: ")[1].split("\n")[0]
    shipped = ROOT / "policies" / name / f"{name}.yaml"
    documented = {one.split("policy: ")[1].split("\n")[0]: one for one in POLICIES}
    text = documented[name] if name in documented else shipped.read_text()
    policy, _ = load_single(text.encode(), "example")
    assert policy is not None
    assert policy.name == name

    results = list(run_cases(policy, build_cases(example.encode(), report, name, {})))

    assert report.problems == []
    assert [result.failures for result in results if result.failures] == []
    assert results


@pytest.fixture
def tutorial(tmp_path: Path) -> Path:
    """Return the folder that the tutorial makes."""
    for file in (ROOT / "policies").rglob("*"):
        target = tmp_path / file.relative_to(ROOT / "policies")
        if file.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    folder = tmp_path / "knee-mr"
    folder.mkdir()
    (folder / "knee-mr.yaml").write_text(POLICIES[0])
    (folder / "knee-mr.test.yaml").write_text(CASES[0])
    (tmp_path / "pack.yaml").write_text(PACKS[0])
    return tmp_path


def test_the_tutorial_ends_with_policies_that_are_valid_tested_and_locked(
    tutorial: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lock", str(tutorial)]) == 0
    assert main(["validate", str(tutorial)]) == 0
    capsys.readouterr()

    assert main(["test", str(tutorial), "--policy", "knee-mr"]) == 0

    assert capsys.readouterr().out in PAGE


def test_the_mistakes_that_the_tutorial_shows_are_printed_as_it_shows_them(
    tutorial: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tutorial / "knee-mr/knee-mr.yaml"
    text = POLICIES[0].replace("BodyPartExamined", "BodyPartExamine")
    file.write_text(text.replace("[retain-patient-characteristics", "[retain-uid"))

    assert main(["validate", str(tutorial)]) == 1

    shown = capsys.readouterr().err.replace(str(tutorial), "my-policies")
    errors = re.findall(r"my-policies/\S+: error: .*\nhint: .*\n", shown)
    assert len(errors) == 2
    assert "".join(errors) in PAGE


def test_the_reference_is_what_the_program_registers() -> None:
    spec = importlib.util.spec_from_file_location(
        "reference", ROOT / "tools" / "generate_policy_reference.py"
    )
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)

    assert tool.render(PAGE) == PAGE, "run: tools/generate_policy_reference.py"


@pytest.mark.parametrize("file", [".pre-commit-hooks.yaml", "docs/examples/policies-workflow.yml"])
def test_the_commands_of_hooks_and_workflows_are_commands(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    lines = re.findall(
        r"(?:entry|run): (gatehouse .*)|^ +(gatehouse diff .*?) \|\|", text, re.MULTILINE
    )
    commands = [(one or other).split() for one, other in lines]

    assert commands
    for _, command, *words in commands:
        assert command in COMMANDS
        shown = subprocess.run(
            [sys.executable, "-m", "gatehouse.cli", command, "--help"],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONPATH": str(ROOT / "plugin"), "COLUMNS": "200"},
        ).stdout
        assert all(word in shown for word in words if word.startswith("--"))


def test_the_library_s_table_names_every_policy_and_what_it_does_not_cover() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| [^|]+ \|([^|]*)\|$", PAGE, re.MULTILINE)
    documented = {name: letters.split(",")[0].strip() for name, letters in rows}

    for path in sorted(LIBRARY.iterdir()):
        if path.is_dir():
            policy = load_policy(path / f"{path.name}.yaml")
            missing = [one.letter for one in safe_harbor(policy) if one.verdict == "not covered"]
            expected = "all" if len(missing) == 18 else ", ".join(missing)
            assert documented[path.name] == expected
