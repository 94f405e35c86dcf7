"""Goal: nothing leaves that was hidden where nobody looks for it.

Method: some 240 files made by hand, each with a canary in an odd place (support.adversarial), are
given to the engine under bare plans and under each policy that comes with Gatehouse. Each is held,
by the engine or by the verification, or leaves without the canary.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gatehouse.deid.engine import deidentify
from gatehouse.deid.plan import Plan, compile_plan
from gatehouse.deid.verify import verify
from gatehouse.errors import HoldError
from gatehouse.policy.load import load_pack
from support import adversarial, adversarial_objects
from support.adversarial import CANARY, Case
from support.leaks import keys, plan

ROOT = Path(__file__).parents[2]
CASES = [*adversarial.cases(), *adversarial_objects.cases()]
CLEANING = ("clean-descriptors", "clean-structured-content", "clean-graphics")

# Of a private block that stays, its creator is named by what describes it, too.
SAFE_PRIVATE_KEEPS = {"characteristics 0302"}
# What these options are for.
DEVICE_IDENTITY_KEEPS = {"unlisted 00181003", "unlisted 30020020", "unlisted 00181803"}
ALLOWED = {
    "retain-safe-private": SAFE_PRIVATE_KEEPS,
    "retain-device-identity": DEVICE_IDENTITY_KEEPS,
}


def shipped_plans() -> dict[str, Plan]:
    """Return the plans of all policies that come with Gatehouse and de-identify."""
    folders = (ROOT / "policies", ROOT / "plugin" / "gatehouse" / "library")
    found = {}
    for folder in folders:
        files = {
            str(file.relative_to(folder)): file.read_bytes()
            for file in folder.rglob("*")
            if file.is_file()
        }
        pack, _ = load_pack(files)
        assert pack is not None
        for policy in pack.policies:
            if policy.recipe.profile == "basic":
                found[policy.name] = compile_plan(
                    policy.recipe._replace(suspicious_pixels="accept")
                )
    return found


PLANS = {
    "bare": plan(),
    "cleaning": plan(*CLEANING, "retain-modified-dates", "retain-safe-private"),
    **shipped_plans(),
}


def leaves(case: Case, by: Plan) -> bool:
    """Tell if the canary of a file is in what would leave."""
    try:
        made = deidentify(case[1], by, keys())
        verify(case[1], made, by, keys())
    except HoldError:
        return False
    return CANARY.lower() in made.to_bytes().replace(b"\0", b"").lower()


def held_by(case: Case) -> str:
    """Return the rule by which the engine holds a file; empty if it does not."""
    try:
        deidentify(case[1], PLANS["bare"], keys())
    except HoldError as error:
        return error.rule
    return ""


def test_there_are_enough_files_and_no_two_have_one_name() -> None:
    assert len(CASES) > 200
    assert len({name for name, _ in CASES}) == len(CASES)


def test_none_makes_the_engine_fail_and_most_are_read() -> None:
    rules = [rule for case in CASES if (rule := held_by(case))]

    assert "deid.unexpected" not in rules
    assert len(rules) < len(CASES) / 2


@pytest.mark.parametrize("name", PLANS)
def test_no_canary_leaves(name: str) -> None:
    by = PLANS[name]
    allowed = {one for option in by.recipe.options for one in ALLOWED.get(option, ())}

    leaked = {case[0] for case in CASES if leaves(case, by)}

    assert leaked - allowed == set()
