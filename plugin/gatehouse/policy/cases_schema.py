"""The JSON Schema of ``<name>.test.yaml``: the cases of a policy."""

from __future__ import annotations

import functools
from typing import Any, Final

from gatehouse.policy.attributes import ATTRIBUTE_PATTERN
from gatehouse.policy.options import OPTIONS
from gatehouse.policy.schema_parts import DRAFT, NAME, Schema, obj, text
from gatehouse.policy.study_facts import ORIGIN_FACTS

DECISIONS: Final = ("accept", "hold", "reject", "no-match")
CHANGES: Final = {
    "kept": "The value is as it was.",
    "removed": "The attribute is not there any more.",
    "emptied": "The attribute is there without a value.",
    "replaced": "The attribute has another value.",
    "added": "The attribute was not there before.",
}
GOLDEN_PATTERN: Final = r"^cases/[A-Za-z0-9][A-Za-z0-9._-]*\.golden\.txt$"
GROUPS: Final = {
    "uids": "UIDs of instances, series, studies and frames of reference that were replaced.",
    "stamp": "What Gatehouse writes about the de-identification itself (PS3.15 E.1.1).",
    "profile": "What the Basic Profile changes (PS3.15 E.2).",
    "private": "Private attributes that were removed.",
    "unlisted": "Attributes that an allow-list does not name and removes.",
    "unknown": "Attributes that are in no dictionary and were removed.",
    **{entry.name: f"What this option changes ({entry.source})." for entry in OPTIONS},
}


def _value() -> Schema:
    return {
        "type": ["string", "integer", "null", "array", "object"],
        "items": {"$ref": "#/$defs/value"},
        "properties": {
            "vr": {"type": "string", "pattern": "^[A-Z]{2}$", "expects": "a VR such as LO"},
            "value": {"$ref": "#/$defs/value"},
        },
        "patternProperties": {ATTRIBUTE_PATTERN: {"$ref": "#/$defs/value"}},
        "additionalProperties": False,
        "description": "A value; a list of values; for a sequence a list of items; for a private "
        "attribute {vr: LO, value: text}.",
    }


def _origin() -> Schema:
    properties = {entry.name: text(entry.summary) for entry in ORIGIN_FACTS}
    return obj(properties, description="Where the instances come from.")


def _instance() -> Schema:
    own = {
        "file": text("DICOM JSON Model (PS3.18 F), a path from the policy's folder."),
        "origin": {"$ref": "#/$defs/origin"},
    }
    return {
        **obj(own, description="An instance by its attributes, or a file and what differs in it."),
        "patternProperties": {ATTRIBUTE_PATTERN: {"$ref": "#/$defs/value"}},
    }


def _change() -> Schema:
    words: list[Any] = [{"const": word, "description": why} for word, why in CHANGES.items()]
    becomes = {
        "type": ["string", "integer"],
        "description": "The value, exactly; values of a list with a backslash between them.",
    }
    return {"oneOf": [*words, obj({"becomes": becomes}, ["becomes"])]}


def _expect() -> Schema:
    return obj(
        {
            "decision": {"enum": list(DECISIONS), "description": "What is decided."},
            "rule": text("The rule of a hold or rejection: a check's id, or e.g. match-unknown."),
            "changes": {
                "type": "object",
                "patternProperties": {ATTRIBUTE_PATTERN: {"$ref": "#/$defs/change"}},
                "additionalProperties": False,
                "description": "Every change of an attribute that no group names. Checked in each "
                "instance and item that has the attribute.",
            },
            "groups": {
                "type": "array",
                "items": {
                    "oneOf": [{"const": word, "description": why} for word, why in GROUPS.items()]
                },
                "uniqueItems": True,
                "description": "Changes that need not be named one by one. Those that the "
                "policy's own attributes section makes always have to be.",
            },
            "golden": text(
                "Instead of naming changes: a file beside the cases that lists what becomes of "
                "every element. `gatehouse test --update` writes it.",
                pattern=GOLDEN_PATTERN,
                expects="a path such as cases/chest.golden.txt",
            ),
        },
        ["decision"],
        "What must happen, and nothing else.",
    )


@functools.cache
def cases_schema() -> Schema:
    """Return the JSON Schema of a test file."""
    case = obj(
        {
            "name": text("What the case shows, as a sentence."),
            "study": obj(
                {
                    "origin": {"$ref": "#/$defs/origin"},
                    "instances": {"type": "array", "items": _instance(), "minItems": 1},
                },
                ["instances"],
                "A study. UIDs and SOP Class are made up where an instance does not have them.",
            ),
            "expect": _expect(),
        },
        ["name", "study", "expect"],
    )
    properties: dict[str, Schema] = {
        "policy": {**NAME, "description": "The policy that is tested."},
        "cases": {"type": "array", "items": case, "minItems": 1},
    }
    return {
        "$schema": DRAFT,
        "title": "Gatehouse policy cases",
        **obj(properties, ["policy", "cases"]),
        "$defs": {"value": _value(), "origin": _origin(), "change": _change()},
    }
