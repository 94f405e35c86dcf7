"""Imports of files that are broken, hostile or of another kind.

Goal: an import ends with a policy that loads, or with one clear error; never with anything else.
Method: the samples are mutated, and made up from their own words; what is read is made into
a policy and loaded again.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.errors import PolicyError
from gatehouse.policy.importing.assemble import render_policy, render_report
from gatehouse.policy.importing.ctp import read_ctp
from gatehouse.policy.importing.ctp_filter import add_filter
from gatehouse.policy.importing.karnak import read_karnak
from gatehouse.policy.importing.microsoft import read_microsoft
from gatehouse.policy.importing.model import Imported
from gatehouse.policy.load import load_single

SAMPLES = Path(__file__).parents[1] / "imports"
CTP, FILTER, KARNAK, MICROSOFT = (
    (SAMPLES / name).read_text()
    for name in ("ctp.script", "ctp.filter", "karnak.yaml", "microsoft.json")
)
WORDS = [
    "(0010,0010)",
    "00100010",
    "@keep()",
    "redact",
    "LO",
    "\ud800",
    "\x00",
    "x" * 600,
    "[",
    "é",
]
texts = st.one_of(st.sampled_from(WORDS), st.text(max_size=20))


@st.composite
def mutated(draw: st.DrawFn, sample: str) -> str:
    """Return a sample in which some stretches are replaced by words."""
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(sample)))
        end = draw(st.integers(begin, min(len(sample), begin + 30)))
        sample = sample[:begin] + draw(texts) + sample[end:]
    return sample


def check(imported: Imported, source: str) -> None:
    text = render_policy(imported, source, "new", "me", "p", "research-pacs")
    policy, problems = load_single(text.encode(), "new.yaml")

    assert policy is not None, problems
    assert render_report(imported, source, "file").isprintable() is False  # it has lines
    assert all(one.what.isprintable() and one.why.isprintable() for one in imported.left)


@settings(max_examples=60, deadline=None)
@given(mutated(CTP), mutated(FILTER))
def test_any_ctp_script_is_a_policy_or_one_error(script: str, filtering: str) -> None:
    try:
        imported = read_ctp(script.encode("utf-8", "replace"))
    except PolicyError:
        return
    add_filter(imported, filtering)

    check(imported, "ctp")


@settings(max_examples=60, deadline=None)
@given(mutated(KARNAK))
def test_any_karnak_profile_is_a_policy_or_one_error(profile: str) -> None:
    try:
        imported = read_karnak(profile.encode("utf-8", "replace"))
    except PolicyError:
        return

    check(imported, "karnak")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
rules = st.fixed_dictionaries(
    {}, optional={"tag": texts | values, "method": texts | values, "params": values}
)


@settings(max_examples=80, deadline=None)
@given(st.lists(rules | values, min_size=1, max_size=4), values)
def test_any_microsoft_configuration_is_a_policy_or_one_error(made: list, defaults: object) -> None:
    try:
        imported = read_microsoft(
            json.dumps({"rules": made, "defaultSettings": defaults}).encode("utf-8", "replace")
        )
    except PolicyError:
        return

    check(imported, "microsoft")


def test_numbers_that_are_too_long_are_no_json() -> None:
    with pytest.raises(PolicyError, match="this is no JSON"):
        read_microsoft(b'{"rules": [' + b"1" * 10_000 + b"]}")
