"""The JSON Schemas of a policy and of a pack, assembled from the registries.

The same schema that completes in an editor is what the loader checks with (``shapes``), so the two
can't disagree. ``gatehouse schema`` prints it; a copy lies in ``policies/policy.schema.json``.
"""

from __future__ import annotations

import functools

from gatehouse.policy.actions import ACTIONS
from gatehouse.policy.attributes import ATTRIBUTE_PATTERN
from gatehouse.policy.destinations import DESTINATIONS, TRANSFER_SYNTAXES
from gatehouse.policy.options import OPTIONS
from gatehouse.policy.schema_conditions import condition_definitions
from gatehouse.policy.schema_parts import (
    BECAUSE,
    DRAFT,
    DURATION,
    LABEL_PATTERN,
    NAME,
    RETRY_RANGE,
    WINDOW,
    Schema,
    obj,
    text,
)


def _attribute_rule() -> Schema:
    branches = []
    for entry in ACTIONS:
        parameters = entry.schema.get("properties", {})
        properties = {
            "action": {"const": entry.name, "description": f"{entry.summary} ({entry.source})"},
            **parameters,
            "because": BECAUSE,
        }
        required = ["action", *entry.schema.get("required", ()), "because"]
        branches.append(obj(properties, required))
    return {"oneOf": branches, "discriminator": {"propertyName": "action"}}


def _deidentify() -> Schema:
    options = [
        {"const": entry.name, "description": f"{entry.description} ({entry.source})"}
        for entry in OPTIONS
    ]
    return obj(
        {
            "profile": {
                "enum": ["basic", "none"],
                "description": "basic: the Basic Application Level Confidentiality Profile "
                "(PS3.15 E.2). none: nothing is de-identified, studies are forwarded as they came; "
                "needs because, and is listed as a warning.",
            },
            "because": {
                **BECAUSE,
                "description": "Why nothing is de-identified. Beside profile: none only.",
            },
            "options": {
                "type": "array",
                "items": {"oneOf": options},
                "uniqueItems": True,
                "description": "Options of PS3.15 E.3; each overrides the profile.",
            },
            "project": {
                **NAME,
                "description": "The key domain of pseudonyms, UIDs and date offsets: studies of "
                "one patient fit together in a project and can't be linked between projects.",
            },
            "attributes": {
                "type": "object",
                "patternProperties": {ATTRIBUTE_PATTERN: {"$ref": "#/$defs/attribute-rule"}},
                "additionalProperties": False,
                "description": "Exceptions from profile and options, each with its reason. An "
                "attribute is meant at every depth, a path from the top.",
            },
            "unlisted": {
                "enum": ["profile", "remove"],
                "description": "What happens to attributes that the profile keeps and that neither "
                "an option nor attributes names. profile (default): they stay. remove: an "
                "allow-list; only what describes the pixels and the object itself stays besides.",
            },
            "dates": obj(
                {
                    "preserve-weekday": {
                        "type": "boolean",
                        "description": "Move dates by whole weeks: a Monday becomes a Monday. "
                        "Default: false.",
                    }
                },
                ["preserve-weekday"],
                "How dates are moved, where an option or an exception moves them.",
            ),
            "unknown-private": {
                "enum": ["remove"],
                "description": "What happens to private attributes that nothing names.",
            },
        },
        ["profile"],
        "What is done to each instance.",
    )


def _complete() -> Schema:
    return obj(
        {
            "quiet": {
                **DURATION,
                "description": "How long no new instance has come. Default: as the gateway is set.",
            },
            "expect": {
                "$ref": "#/$defs/condition",
                "description": "What a whole study has: a number of series, a certain series ...",
            },
            "longest-wait": {
                **DURATION,
                "description": "How long after its first instance a study is waited for. Default: "
                "until more comes.",
            },
            "incomplete": {
                "enum": ["hold", "process"],
                "description": "What happens to a study that is incomplete after the longest wait. "
                "Default: hold.",
            },
            "late-instances": {
                "enum": ["process", "hold"],
                "description": "What happens to instances that come after the study was released: "
                "process (default) delivers what is new, hold asks a person.",
            },
        },
        description="When a study has arrived whole.",
    )


def _pixels() -> Schema:
    hold = obj(
        {"suspicious": {"const": "hold", "description": "Hold the study (default)."}},
        ["suspicious"],
    )
    accept = obj(
        {
            "suspicious": {"const": "accept", "description": "Pass the pixels on as they are."},
            "because": BECAUSE,
        },
        ["suspicious", "because"],
    )
    return {
        "description": "Images that may carry burned-in text.",
        "oneOf": [hold, accept],
        "discriminator": {"propertyName": "suspicious"},
    }


def _retry() -> Schema:
    return obj(
        {
            "for": {**DURATION, "description": "How long a delivery is tried. Default: 3d."},
            "backoff": {
                **RETRY_RANGE,
                "description": "First and longest pause between two tries. Default: 30s..1h.",
            },
        },
        description="How long and how often a delivery is tried.",
    )


def _delivery() -> Schema:
    ways = [
        {"const": entry.name, "description": f"{entry.description} ({entry.source})"}
        for entry in DESTINATIONS
    ]
    return obj(
        {
            "to": text("Name of the destination in Orthanc's configuration.", maxLength=128),
            "via": {"oneOf": ways, "description": "How it is sent."},
            "retry": {"$ref": "#/$defs/retry"},
            "window": WINDOW,
            "when": {
                "$ref": "#/$defs/condition",
                "description": "Only studies for which this holds go there. Unknown holds the "
                "study. Default: all.",
            },
            "priority": {
                "enum": ["high", "normal", "low"],
                "description": "Which of the studies that wait for this destination goes first. "
                "Default: normal.",
            },
            "transfer-syntax": {
                "type": "array",
                "items": {"enum": list(TRANSFER_SYNTAXES)},
                "minItems": 1,
                "uniqueItems": True,
                "description": "The transfer syntaxes that may be sent, by keyword (PS3.6 Table "
                "A-1). Nothing is transcoded: with an instance in another one the delivery fails "
                "before anything is sent. Default: each instance in the one that it has.",
            },
            "only-if-absent": {
                "type": "boolean",
                "description": "Ask first which instances the destination has, by their UIDs, and "
                "send only the others. Default: false.",
            },
            "verify": {
                "enum": ["receipts", "query", "commitment"],
                "description": "What counts as evidence: the answer to each instance (receipts, "
                "default), a query for all of them afterwards besides (query: C-FIND, QIDO-RS, the "
                "peer's REST API), or storage commitment (commitment: PS3.4 Annex J, dicom only).",
            },
        },
        ["to", "via"],
    )


@functools.cache
def policy_schema() -> Schema:
    """Return the JSON Schema of a policy file."""
    properties = {
        "policy": {**NAME, "description": "Name of the policy, its folder and its file."},
        "version": {
            "type": "integer",
            "minimum": 1,
            "maximum": 999999,
            "description": "Higher at every change. pack.lock holds the digest of each version.",
        },
        "description": text("What it is for, in a sentence."),
        "owner": text("Who answers for it."),
        "stage": {
            "enum": ["active", "observe", "off"],
            "description": "active: studies are released. observe: it decides, and what it "
            "matches is held. off: it is not asked.",
        },
        "match": {"$ref": "#/$defs/match"},
        "complete": _complete(),
        "check": {
            "type": "array",
            "items": {"$ref": "#/$defs/check"},
            "description": "What must hold before anything is done, in this order.",
        },
        "deidentify": _deidentify(),
        "pixels": _pixels(),
        "deliver": {
            "type": "array",
            "items": _delivery(),
            "description": "Where the de-identified study goes.",
        },
        "keep-local": obj(
            {
                "label": text(
                    "Label of the study in Orthanc.",
                    pattern=LABEL_PATTERN,
                    expects="letters, digits, hyphens and underscores",
                )
            },
            ["label"],
            "Store the de-identified study in this Orthanc as well.",
        ),
        "retain-original": {
            **DURATION,
            "pattern": DURATION["pattern"].replace("^", "^(?:forever|", 1).replace("$", ")$"),
            "expects": "a duration such as 30d, or forever",
            "description": "How long the identified original stays. Default: forever.",
        },
    }
    return {
        "$schema": DRAFT,
        "title": "Gatehouse policy",
        **obj(properties, ["policy", "version", "match", "deidentify"]),
        "$defs": {
            **condition_definitions(),
            "attribute-rule": _attribute_rule(),
            "retry": _retry(),
        },
    }


@functools.cache
def pack_schema() -> Schema:
    """Return the JSON Schema of ``pack.yaml``."""
    properties: dict[str, Schema] = {
        "policies": {
            "type": "array",
            "items": NAME,
            "minItems": 1,
            "uniqueItems": True,
            "description": "Every policy, in the order in which they are asked.",
        },
        "edition": {
            "enum": ["2026d"],
            "description": "Edition of the DICOM Standard that the policies were written for.",
        },
        "minimum-plugin-version": {
            "type": "string",
            "pattern": r"^[0-9]+(\.[0-9]+){0,2}$",
            "expects": "a version such as 0.1.0",
            "description": "Oldest version of Gatehouse that understands these policies.",
        },
        "reception": {
            "type": "boolean",
            "description": "Instances are de-identified when they are received, before they are "
            "stored; what can't be is refused. Only conditions that are known of a single "
            "instance are allowed then. A change needs a restart of Orthanc.",
        },
        "defaults": obj(
            {"retry": {"$ref": "#/$defs/retry"}, "window": WINDOW},
            description="For deliveries of policies that do not say it themselves.",
        ),
    }
    return {
        "$schema": DRAFT,
        "title": "Gatehouse policy pack",
        **obj(properties, ["policies"]),
        "$defs": {"retry": _retry()},
    }
