"""What the route of the preview takes and answers. No values but to those who may see them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from gatehouse.web.policy_answers import PolicyName, PolicyText, Request


class PreviewOrigin(Request):
    """Where uploaded files are taken to come from."""

    protocol: Literal["", "dicom", "http", "plugin", "lua"] = ""
    calling_aet: Annotated[str, Field(max_length=16)] = ""
    called_aet: Annotated[str, Field(max_length=16)] = ""
    remote_address: Annotated[str, Field(max_length=45)] = ""
    user: Annotated[str, Field(max_length=64)] = ""


class PreviewRequest(Request):
    """A study or files, and the policy to be tried.

    Either ``study`` or ``dicom``. Without ``policy`` and ``text`` the active policies are asked;
    with ``policy`` that one, its active version or ``version``; with ``text`` a draft.
    """

    study: Annotated[str, Field(max_length=64)] | None = None
    """Our number of it, or Orthanc's ID."""
    dicom: Annotated[list[Annotated[str, Field(min_length=1)]], Field(max_length=50)] | None = None
    """DICOM files in base64; they are not kept."""
    policy: PolicyName | None = None
    version: Annotated[int, Field(ge=1)] | None = None
    text: PolicyText | None = None
    origin: PreviewOrigin = PreviewOrigin()
    instances: Annotated[int, Field(ge=1, le=50)] = 10
    """How many instances are shown element by element."""


class PreviewAsked(BaseModel):
    """A condition and its answer."""

    policy: str
    rule: str
    answer: Literal["yes", "no", "unknown"]
    line: int


class PreviewDecision(BaseModel):
    """What would be decided, and how that was found."""

    outcome: Literal["accept", "hold", "reject"]
    policy: str | None
    version: int | None
    digest: str | None
    rule: str
    reason: str
    instance: str
    asked: list[PreviewAsked]


class PreviewElement(BaseModel):
    """What becomes of one element; ``before`` and ``after`` only for privacy officers."""

    path: str
    fate: Literal["kept", "removed", "emptied", "replaced", "added"]
    action: str
    code: str
    rule: str
    line: int
    clause: str
    before: str | None = None
    after: str | None = None


class PreviewHold(BaseModel):
    """Why an instance would be held."""

    rule: str
    reason: str
    path: str


class PreviewInstance(BaseModel):
    """What would become of one instance."""

    instance: str
    hold: PreviewHold | None
    elements: list[PreviewElement]


class PreviewDelivery(BaseModel):
    """Where it would go."""

    to: str
    via: str


class Preview(BaseModel):
    """What would happen; nothing has."""

    outcome: Literal["accept", "hold", "reject"]
    decision: PreviewDecision
    matches: Literal["yes", "no", "unknown"] | None
    """Whether the policy that was named is for this study; null if the active ones were asked."""
    shows_values: bool
    instances: list[PreviewInstance]
    instances_left_out: int
    deliver: list[PreviewDelivery]
    keep_local: str | None
