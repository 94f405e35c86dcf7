"""What the routes about policies take and answer. No values of attributes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

NAME = r"^[a-z0-9-]{1,64}$"
TEXT_MAX = 512 * 1024

PolicyName = Annotated[str, Field(pattern=NAME)]
PolicyText = Annotated[str, Field(min_length=1, max_length=TEXT_MAX)]
Because = Annotated[str, Field(min_length=3, max_length=1000)]


class Request(BaseModel):
    """What is sent: nothing that is not known here is ignored."""

    model_config = ConfigDict(extra="forbid")


class DraftRequest(Request):
    """A policy's text, as an editor has it."""

    name: PolicyName
    """The policy's name, and that of its folder."""
    text: PolicyText
    cases: PolicyText | None = None
    """Text of its cases; without it those in the folder."""


class ActivateRequest(Request):
    """A text that is to decide from now on."""

    text: PolicyText
    cases: PolicyText | None = None
    because: Annotated[str, Field(max_length=1000)] = ""
    """Why; goes into the audit trail."""


class ReasonRequest(Request):
    """Why something is done; goes into the audit trail."""

    because: Annotated[str, Field(max_length=1000)] = ""


class CompareRequest(Request):
    """What the active version is compared with: a draft's text, or a version."""

    text: PolicyText | None = None
    version: Annotated[int, Field(ge=1)] | None = None


class OtherwiseRequest(CompareRequest):
    """The same, asked about the studies that changed last."""

    last: Annotated[int, Field(ge=1, le=200)] = 20


class ShadowRequest(CompareRequest):
    """The version that is to run beside the active one and delivers nothing."""


class Problem(BaseModel):
    """A finding, with its line and what to do."""

    file: str
    line: int
    severity: Literal["error", "warning"]
    message: str
    hint: str


class Validation(BaseModel):
    """What is wrong with a draft, all at once; an error makes it unusable, a warning does not."""

    is_valid: bool
    version: int | None
    digest: str | None
    problems: list[Problem]


class LineMessage(BaseModel):
    """Something about a line of a policy or of its cases."""

    line: int
    message: str


class TestedCase(BaseModel):
    """A case and what was not as it says."""

    name: str
    line: int
    passed: bool
    failures: list[LineMessage]


class Coverage(BaseModel):
    """How much of the policy its cases have tried."""

    tried: int
    total: int
    gaps: list[LineMessage]


class TestReport(BaseModel):
    """What came of a draft's cases; ``problems`` says why there may be none."""

    passed: int
    failed: int
    cases: list[TestedCase]
    coverage: Coverage | None
    problems: list[Problem]


class DiffSection(BaseModel):
    """A part of a policy that means something else."""

    part: str
    before: str
    after: str


class DiffAttribute(BaseModel):
    """An attribute that is treated otherwise."""

    attribute: str
    before: str
    after: str


class Diff(BaseModel):
    """Two versions of a policy in meaning. ``from_version`` 0 is nothing, ``null`` a draft."""

    from_version: int | None
    to_version: int | None
    sections: list[DiffSection]
    attributes: list[DiffAttribute]
    warnings: list[str]


class OtherStudy(BaseModel):
    """A study that would be decided otherwise."""

    study: int
    before: str
    after: str


class Otherwise(BaseModel):
    """Which of the last studies would be decided otherwise.

    ``left_out``: for how many there was no time; ``unreadable``: no longer in Orthanc, or no
    DICOM files that can be read.
    """

    asked: int
    left_out: int
    unreadable: list[int]
    otherwise: list[OtherStudy]


class Activated(BaseModel):
    """What became of an activation: it decides now, or waits for a second person."""

    state: Literal["active", "proposed", "unchanged"]
    proposal: int | None = None
    pack_digest: str
    name: str | None = None
    version: int | None = None
    warnings: list[str] = []


class Proposal(BaseModel):
    """A change of the policies that a second person must approve."""

    id: int
    kind: Literal["text", "version", "folder"]
    name: str
    version: int
    proposed_by: str
    proposed_at: str
    because: str
    state: Literal["open", "approved", "declined", "outdated"]
    decided_by: str
    decided_at: str | None
    text: str | None = None
    """The text that would decide; null in lists."""


class Proposals(BaseModel):
    """Changes that wait for a second person, newest first."""

    proposals: list[Proposal]


class Folder(BaseModel):
    """How the folder of policies is beside what decides now."""

    state: Literal["active", "changed", "invalid", "unreadable"]
    """``changed``: waits to be loaded, or for a second person."""
    is_writable: bool
    """Whether REST can put policies into it."""
    four_eyes: bool
    source: str
    looked_at: str | None
    problems: list[Problem]


class Reloaded(BaseModel):
    """What came of loading the folder again."""

    state: Literal["active", "proposed", "unchanged", "invalid"]
    proposal: int | None = None
    pack_digest: str
    problems: list[Problem]


class CasesText(BaseModel):
    """The text of a policy and of its cases, as they are in the folder now."""

    name: str
    text: str | None
    cases: str | None


class Shadow(BaseModel):
    """A version that runs beside the active one, delivers nothing, and is compared."""

    name: str
    version: int
    digest: str
    begun_at: str
    begun_by: str
    ended_at: str | None
    compared: int
    """Studies that both versions were asked about."""
    unreadable: int
    differences: list[ShadowDifference]


class ShadowDifference(BaseModel):
    """What the shadow did otherwise with one study. Holds no values."""

    study: int
    generation: int
    compared_at: str
    decision_before: str | None
    decision_after: str | None
    """Null if both decided alike."""
    attributes: list[DiffAttribute]
    destinations_before: list[str]
    destinations_after: list[str]
    """Empty if both would send to the same places."""


class SafeHarborLetter(BaseModel):
    """Whether a policy covers one of the identifiers A to R."""

    letter: str
    name: str
    verdict: str
    why: str


class Conformance(BaseModel):
    """What a version of a policy does, as Markdown, and which identifiers A to R it covers."""

    name: str
    version: int
    digest: str
    markdown: str
    safe_harbor: list[SafeHarborLetter]


Shadow.model_rebuild()

Schema = dict[str, Any]
