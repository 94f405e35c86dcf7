"""The small parts that the JSON Schemas of policies, packs and cases are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gatehouse.policy import units

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
