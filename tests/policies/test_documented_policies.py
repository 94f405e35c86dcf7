"""docs/policies.md: every YAML example in it loads, and what it says of commands is so.

Goal: an administrator who copies from the page has something that works. Method: the page is taken
apart; whole policies, packs and cases are loaded as they are, parts of a policy within a small one;
the tutorial's files are put into a folder, validated and tested.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from gatehouse.cli import main
from gatehouse.policy.build import build_policy
from gatehouse.policy.cases import build_cases
from gatehouse.policy.load import load_pack, load_single
from gatehouse.policy.report import Report, render
from gatehouse.policy.run_cases import run_cases
from gatehouse.policy.yaml_subset import parse
from support.policies import pack_files, policy_text

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def keys(example: str) -> list[str]:
    top = parse(example.encode(), Report("example"))
    assert top is not None
    return list(top.value)


POLICIES = [one for one in EXAMPLES if "policy" in keys(one) and "cases" not in keys(one)]
CASES = [one for one in EXAMPLES if "cases" in keys(one)]
PACKS = [one for one in EXAMPLES if "policies" in keys(one)]
PARTS = [one for one in EXAMPLES if not {"policy", "policies"} & set(keys(one))]


def test_the_page_has_examples_of_each_kind() -> None:
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

    assert [render(problem) for problem in report.problems] == []
    assert policy is not None


@pytest.mark.parametrize("example", PACKS)
def test_a_pack_file_loads(example: str) -> None:
    names = re.search(r"policies: \[(.*?)\]", example)
    assert names is not None
    texts = [
        policy_text(policy=name, match=f"{{called-aet: {{is: {name}}}}}")
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
    text = shipped.read_text() if shipped.exists() else POLICIES[0]
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
