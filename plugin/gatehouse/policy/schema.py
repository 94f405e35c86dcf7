"""The JSON Schemas of a policy and of a pack, assembled from the registries.

The same schema that completes in an editor is what the loader checks with (``shapes``), so the two
can't disagree. ``gatehouse schema`` prints it; a copy lies in ``policies/policy.schema.json``.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

from gatehouse.policy import units
from gatehouse.policy.actions import ACTIONS
from gatehouse.policy.attributes import ATTRIBUTE_PATTERN
from gatehouse.policy.comparisons import COMPARISONS
from gatehouse.policy.destinations import DESTINATIONS
from gatehouse.policy.options import OPTIONS
from gatehouse.policy.registry import Entry
from gatehouse.policy.study_facts import ORIGIN_FACTS, STUDY_FACTS

Schema = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
NAME_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"
LABEL_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
TEXT_LENGTH_MAX = 2000

BECAUSE: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": TEXT_LENGTH_MAX,
    "description": "Why, for those who read the policy or a report later.",
}
NAME: Schema = {
    "type": "string",
    "pattern": NAME_PATTERN,
    "maxLength": 64,
    "expects": "lower-case letters, digits and single hyphens, such as lung-ai",
}
DURATION: Schema = {
    "type": "string",
    "pattern": units.DURATION_PATTERN,
    "expects": "a duration such as 30s, 15m, 12h, 3d or 2w",
}
RETRY_RANGE: Schema = {
    "type": "string",
    "pattern": units.RANGE_PATTERN,
    "expects": "a range of durations such as 30s..1h",
}
WINDOW: Schema = {
    "type": "string",
    "pattern": units.WINDOW_PATTERN,
    "expects": 'local times such as "18:00-07:00"',
    "description": "Local times between which deliveries run; may span midnight.",
}


_WHOLE_STUDY = "it is asked of the whole study: put it beside every-instance or any-instance"
# For the hints of `shapes`; editors pass over it.
_ELSEWHERE = dict.fromkeys(["every-instance", "any-instance", *STUDY_FACTS.names()], _WHOLE_STUDY)


def obj(
    properties: Mapping[str, Schema], required: Iterable[str] = (), description: str = ""
) -> Schema:
    """Return the schema of a mapping that has these keys and no others."""
    schema: Schema = {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }
    return {"description": description, **schema} if description else schema


def text(description: str, **more: Any) -> Schema:
    """Return the schema of a text."""
    return {
        "type": "string",
        "minLength": 1,
        "maxLength": TEXT_LENGTH_MAX,
        "description": description,
        **more,
    }


def _entry_schema(entry: Entry[Any]) -> Schema:
    return {**entry.schema, "description": f"{entry.description} ({entry.source})"}


def _comparison() -> Schema:
    properties = {entry.name: _entry_schema(entry) for entry in COMPARISONS}
    properties["if-missing"] = {
        "enum": ["match", "no-match"],
        "description": "What an absent or empty value answers. Without this: unknown, and held.",
    }
    return {
        **obj(properties, description="One comparison, or several that must all hold."),
        "minProperties": 1,
    }


def _condition(*, per_instance: bool) -> Schema:
    own = {"$ref": f"#/$defs/{'instance-condition' if per_instance else 'condition'}"}
    several: Schema = {"type": "array", "items": own, "minItems": 1}
    compare = {"$ref": "#/$defs/comparison"}
    properties: dict[str, Schema] = {
        "all": {**several, "description": "Every one of these conditions holds."},
        "any": {**several, "description": "At least one of these conditions holds."},
        "not": {**own, "description": "This condition does not hold."},
    }
    if not per_instance:
        inner = {"$ref": "#/$defs/instance-condition"}
        properties["every-instance"] = {
            **inner,
            "description": "Holds for every instance of the study. No if it fails for one.",
        }
        properties["any-instance"] = {
            **inner,
            "description": "Holds for at least one instance of the study.",
        }
        for fact in STUDY_FACTS:
            properties[fact.name] = {**compare, "description": f"{fact.summary} ({fact.source})"}
    for origin_fact in ORIGIN_FACTS:
        description = f"{origin_fact.summary} ({origin_fact.source})"
        properties[origin_fact.name] = {**compare, "description": description}
    return {
        **obj(properties, description="Several keys in one condition must all hold."),
        "patternProperties": {ATTRIBUTE_PATTERN: compare},
        "minProperties": 1,
        **({"elsewhere": _ELSEWHERE} if per_instance else {}),
    }


def _match() -> Schema:
    every = {
        "const": "every-study",
        "description": "Takes every study; for the last policy of a pack.",
    }
    return {
        "description": "Which studies the policy is for.",
        "oneOf": [every, {"$ref": "#/$defs/condition"}],
    }


def _check() -> Schema:
    condition = _condition(per_instance=False)
    own = {
        "id": {**NAME, "description": "The rule that a hold or a rejection names."},
        "otherwise": {
            "enum": ["hold", "reject"],
            "description": "What happens if it does not hold. Default: hold. An unknown answer "
            "always holds the study.",
        },
        "because": BECAUSE,
    }
    return {
        **condition,
        "description": "What must hold before anything is done to a study: a condition beside "
        "these keys.",
        "properties": {**own, **condition["properties"]},
        "required": ["id"],
    }


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
                "enum": ["basic"],
                "description": "The profile: the Basic Application Level Confidentiality Profile. "
                "(PS3.15 E.2)",
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
            "unknown-private": {
                "enum": ["remove"],
                "description": "What happens to private attributes that nothing names.",
            },
        },
        ["profile", "project"],
        "What is done to each instance.",
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
            "match": _match(),
            "condition": _condition(per_instance=False),
            "instance-condition": _condition(per_instance=True),
            "comparison": _comparison(),
            "check": _check(),
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
