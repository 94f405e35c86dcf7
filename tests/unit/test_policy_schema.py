"""The JSON Schemas: current, closed, documented, and in agreement with the loader.

Goal: what an editor accepts by the schema, the loader accepts, and the other way round. Method: the
committed files are compared with generated ones; the loader's own walk over the schema is compared
with the package ``jsonschema`` on good files and on many broken ones.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gatehouse.adapters.policy_files import schema_texts
from gatehouse.policy.actions import ACTIONS
from gatehouse.policy.cases_schema import cases_schema
from gatehouse.policy.comparisons import COMPARISONS
from gatehouse.policy.destinations import DESTINATIONS
from gatehouse.policy.options import OPTIONS
from gatehouse.policy.registry import Registry
from gatehouse.policy.report import Report
from gatehouse.policy.schema import pack_schema, policy_schema
from gatehouse.policy.shapes import Shapes
from gatehouse.policy.study_facts import ORIGIN_FACTS, STUDY_FACTS
from gatehouse.policy.yaml_subset import parse

POLICIES = Path(__file__).parents[2] / "policies"
REGISTRIES: list[Registry[Any]] = [
    ACTIONS,
    COMPARISONS,
    DESTINATIONS,
    OPTIONS,
    ORIGIN_FACTS,
    STUDY_FACTS,
]
SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "policy": policy_schema,
    "pack": pack_schema,
    "test": cases_schema,
}
EXAMPLES = {
    "policy": POLICIES / "ct-lung-research/ct-lung-research.yaml",
    "pack": POLICIES / "pack.yaml",
    "test": POLICIES / "ct-lung-research/ct-lung-research.test.yaml",
}


def is_right(content: bytes, schema: dict[str, Any]) -> bool:
    report = Report("x.yaml")
    top = parse(content, report)
    assert top is not None
    Shapes(schema, report).check(top, "it")
    return not report.has_errors


def every_object(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema or "patternProperties" in schema:
            yield schema
        for value in schema.values():
            yield from every_object(value)
    if isinstance(schema, list):
        for value in schema:
            yield from every_object(value)


@pytest.mark.parametrize("name", ["policy", "pack", "test"])
def test_the_committed_schema_is_current(name: str) -> None:
    committed = (POLICIES / f"{name}.schema.json").read_text(encoding="utf-8")

    assert committed == schema_texts()[f"{name}.schema.json"], (
        "run: gatehouse schema --write policies"
    )


@pytest.mark.parametrize("name", ["policy", "pack", "test"])
def test_a_schema_is_a_valid_schema(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name]())


@pytest.mark.parametrize("name", ["policy", "pack", "test"])
def test_no_mapping_takes_keys_that_it_does_not_name(name: str) -> None:
    objects = list(every_object(SCHEMAS[name]()))

    assert objects
    assert [one for one in objects if one.get("additionalProperties") is not False] == []


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_every_registered_element_is_described_in_the_schema_with_its_source(
    registry: Registry[Any],
) -> None:
    text = json.dumps(policy_schema())

    for entry in registry:
        assert json.dumps(entry.summary)[1:-1] in text, entry.name
        assert entry.source in text, entry.name


def test_a_name_can_not_be_registered_twice() -> None:
    registry: Registry[Any] = Registry("action")

    def first() -> None:
        """Do something."""

    registry.register("keep", source="here")(first)

    with pytest.raises(ValueError, match="the action keep is registered twice"):
        registry.register("keep", source="here")(first)


def test_nothing_is_registered_without_a_docstring() -> None:
    registry: Registry[Any] = Registry("action")

    with pytest.raises(ValueError, match="the action keep has no docstring"):
        registry.register("keep", source="here")(lambda: None)


@pytest.mark.parametrize("name", ["policy", "pack", "test"])
def test_the_shipped_files_are_right_for_both(name: str) -> None:
    content = EXAMPLES[name].read_bytes()
    top = parse(content, Report("x.yaml"))
    assert top is not None

    assert is_right(content, SCHEMAS[name]())
    assert Draft202012Validator(SCHEMAS[name]()).is_valid(top.plain())


REPLACEMENTS = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        -1,
        10**7,
        "",
        "x",
        "NO",
        "hold",
        "accept",
        "keep",
        "18Y",
        "30s",
        "A B",
        [],
        ["x"],
        ["x", "x"],
        {},
        {"x": 1},
        {"is": "x"},
        {"PatientAge": {"at-least": "18Y"}},
        {"action": "keep", "because": "x"},
        {"action": "keep"},
        {"suspicious": "accept"},
    ]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for key, child in value.items():
            yield from places(child, (*path, key))
    if isinstance(value, list):
        for index, child in enumerate(value):
            yield from places(child, (*path, index))


def mutated(value: Any, path: tuple[Any, ...], how: str, replacement: Any) -> Any:
    result = copy.deepcopy(value)
    parent = result
    for step in path[:-1]:
        parent = parent[step]
    if how == "delete":
        del parent[path[-1]]
    elif how == "add" and isinstance(parent[path[-1]], dict):
        parent[path[-1]]["x-new"] = replacement
    else:
        parent[path[-1]] = replacement
    return result


@pytest.mark.parametrize("name", ["policy", "pack", "test"])
@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_broken_file_is_wrong_for_the_loader_just_when_it_is_for_jsonschema(
    name: str, data: st.DataObject
) -> None:
    schema = SCHEMAS[name]()
    top = parse(EXAMPLES[name].read_bytes(), Report("x.yaml"))
    assert top is not None
    value = top.plain()
    path = data.draw(st.sampled_from([place for place in places(value) if place]))
    how = data.draw(st.sampled_from(["delete", "add", "replace"]))
    broken = mutated(value, path, how, data.draw(REPLACEMENTS))

    # JSON is YAML, and quotes all text.
    assert is_right(json.dumps(broken).encode(), schema) == Draft202012Validator(schema).is_valid(
        broken
    )
