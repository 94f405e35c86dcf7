"""The JSON Schema of conditions: of ``match`` and ``check``, assembled from the registries."""

from __future__ import annotations

from typing import Any

from gatehouse.policy.attributes import ATTRIBUTE_PATTERN
from gatehouse.policy.comparisons import COMPARISONS
from gatehouse.policy.registry import Entry
from gatehouse.policy.schema_parts import BECAUSE, NAME, Schema, obj
from gatehouse.policy.study_facts import ORIGIN_FACTS, STUDY_FACTS

_WHOLE_STUDY = "it is asked of the whole study: put it beside every-instance or any-instance"
# For the hints of `shapes`; editors pass over it.
_ELSEWHERE = dict.fromkeys(["every-instance", "any-instance", *STUDY_FACTS.names()], _WHOLE_STUDY)


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


def condition_definitions() -> dict[str, Schema]:
    """Return the definitions that ``$ref`` names, by their names."""
    return {
        "match": _match(),
        "condition": _condition(per_instance=False),
        "instance-condition": _condition(per_instance=True),
        "comparison": _comparison(),
        "check": _check(),
    }
