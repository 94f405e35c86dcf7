"""The library of policies: each loads, is locked and documented, and its cases try all of it.

Goal: whoever begins with one begins with something that is tested through and through. Method: the
library is a pack; it is loaded, its cases are run, and what they have not tried has to be nothing.
"""

from __future__ import annotations

import pytest

from gatehouse.adapters.policy_files import LIBRARY, read_folder
from gatehouse.policy.coverage import coverage
from gatehouse.policy.load import load_cases, load_pack
from gatehouse.policy.report import render
from gatehouse.policy.run_cases import run_cases

FILES = read_folder(LIBRARY)
PACK, PROBLEMS = load_pack(FILES)
CASES, _ = load_cases(FILES)
POLICIES = {policy.name: policy for policy in PACK.policies} if PACK else {}


def test_the_library_has_no_problem_but_the_forwarding_that_is_always_listed() -> None:
    assert len(POLICIES) == 8
    assert [render(problem).split("\n")[0] for problem in PROBLEMS] == [
        "trusted-peer/trusted-peer.yaml:18: warning: this policy forwards studies as they are, "
        "with the patient's identity"
    ]


@pytest.mark.parametrize("name", POLICIES)
def test_every_case_passes_and_together_they_try_all_of_a_policy(name: str) -> None:
    results = list(run_cases(POLICIES[name], CASES[name]))

    assert [(one.case.name, one.failures) for one in results if one.failures] == []
    assert coverage(POLICIES[name], [one.result for one in results if one.result]).gaps == ()
    assert {"accept", "hold", "no-match"} <= {one.case.decision for one in results}


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_has_a_page_and_is_in_the_documentation(name: str) -> None:
    page = FILES[f"{name}/{name}.md"].decode()

    assert page.startswith(f"# {name}\n")
    assert len(page.split()) > 40


def test_none_is_named_after_a_law() -> None:
    assert not any(word in name for name in POLICIES for word in ("hipaa", "gdpr", "dsgvo", "law"))


def test_only_the_one_that_says_so_does_not_deidentify() -> None:
    assert [name for name, one in POLICIES.items() if one.recipe.profile == "none"] == [
        "trusted-peer"
    ]
    assert b"WITHOUT de-identification" in FILES["trusted-peer/trusted-peer.yaml"]
