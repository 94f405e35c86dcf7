"""Policies as values: what the loader makes of YAML, and what the decision is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

from gatehouse.deid.recipe import Recipe

Stage = Literal["active", "observe", "off"]
Via = Literal["dicom", "peer", "dicomweb", "s3", "folder"]
Priority = Literal["high", "normal", "low"]
Verify = Literal["receipts", "query", "commitment"]


class Answer(Enum):
    """What a condition answers. A comparison with an absent or empty value is UNKNOWN."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Outcome(Enum):
    """What is decided for a whole study."""

    ACCEPT = "accept"
    HOLD = "hold"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding in a pack: printed as ``file:line: error: message`` and ``hint: ...``."""

    file: str
    line: int
    message: str
    hint: str = ""
    severity: Literal["error", "warning"] = "error"


@dataclass(frozen=True, slots=True)
class Retry:
    """How long and how often a delivery is tried. All in seconds."""

    longest_s: float = 3 * 24 * 3600.0
    backoff_min_s: float = 30.0
    backoff_max_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One destination of a policy. ``to`` is a key of Orthanc's configuration for ``via``."""

    to: str
    via: Via
    retry: Retry = field(default_factory=Retry)
    window: tuple[str, str] | None = None
    """Local times ``("18:00", "07:00")`` between which it may run; may span midnight."""
    priority: Priority = "normal"
    """Which of the deliveries that wait for the same destination goes first."""
    when: Condition | None = None
    """For which studies; None: for all that the policy takes."""
    transfer_syntaxes: tuple[str, ...] = ()
    """UIDs of those that may be sent; empty: all. Nothing is ever transcoded."""
    only_if_absent: bool = False
    """Ask first what the destination has, and send only the rest."""
    verify: Verify = "receipts"
    """What counts as evidence: its answers alone, or a query or storage commitment besides."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A node of a condition tree, checked by the schema, evaluated by ``conditions``.

    Parameters
    ----------
    kind : str
        ``"all"``, ``"any"``, ``"not"``, ``"every-instance"``, ``"any-instance"``, ``"every-study"``
        or ``"compare"``.
    children : tuple of Condition
        For the kinds that have them.
    subject : str
        For ``"compare"``: an attribute as written, or a fact in kebab-case (``"called-aet"``).
    operator : str
        For ``"compare"``: ``"in"``, ``"contains"``, ``"at-least"`` ...
    expected : object
        For ``"compare"``: text, whole number, bool, or a tuple of these.
    if_missing : Answer
        What an absent or empty value answers.
    line : int
        Line in the policy file.
    compared_as : str
        For ``"compare"``: ``"text"``, ``"number"``, ``"age"``, ``"date"``, ``"time"`` or
        ``"address"``.
    """

    kind: str
    children: tuple[Condition, ...] = ()
    subject: str = ""
    operator: str = ""
    expected: Any = None
    if_missing: Answer = Answer.UNKNOWN
    line: int = 0
    compared_as: Literal["text", "number", "age", "date", "time", "address"] = "text"


@dataclass(frozen=True, slots=True)
class Check:
    """What must hold before anything is done to a study that a policy matched."""

    id: str
    condition: Condition
    otherwise: Literal["hold", "reject"]
    because: str
    line: int


@dataclass(frozen=True, slots=True)
class Completion:
    """When a study that a policy matches has arrived whole, and what happens if it does not."""

    quiet_s: float | None = None
    """Seconds without a new instance; None: as the gateway is set."""
    expect: Condition | None = None
    """What a whole study has, e.g. a number of series; None: whatever came."""
    longest_wait_s: float | None = None
    """Seconds after the first instance; None: an incomplete study waits until more comes."""
    incomplete: Literal["hold", "process"] = "hold"
    """What happens to a study that is incomplete after the longest wait."""
    late_instances: Literal["process", "hold"] = "process"
    """What happens to instances that come after the study was released."""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Timing:
    """What is known of a study's arrival when it is decided about."""

    waited_s: float
    """Seconds since its first instance."""
    quiet_for_s: float
    """Seconds since its last instance."""
    was_released: bool = False
    """Whether an earlier run released it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of a policy, complete and checked."""

    name: str
    version: int
    description: str
    owner: str
    stage: Stage
    match: Condition
    checks: tuple[Check, ...]
    recipe: Recipe
    deliver: tuple[Delivery, ...]
    keep_local_label: str | None
    retain_original_s: float | None
    """Seconds that the identified original stays; None: for ever."""
    digest: str
    """SHA-256, hex, of the file's bytes."""
    text: str
    """The file as it was read."""
    complete: Completion = field(default_factory=Completion)


@dataclass(frozen=True, slots=True)
class Pack:
    """The policies of a folder in the order in which they are asked."""

    policies: tuple[Policy, ...]
    digest: str
    """SHA-256, hex, over the digests of pack.yaml and of every policy in order."""
    reception: bool = False
    """Whether instances are de-identified when they are received, before they are stored."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an instance came from, as Orthanc recorded it. Empty text: not known."""

    protocol: str = ""
    """``"dicom"``, ``"http"``, ``"plugin"``, ``"lua"`` or ``""``."""
    calling_aet: str = ""
    called_aet: str = ""
    remote_address: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True)
class InstanceFacts:
    """What policies may look at, of one instance.

    Parameters
    ----------
    attributes : Mapping
        Attribute as written in the policy -> its values as text; an empty tuple if it is absent
        or empty. Only attributes that some policy of the pack names.
    """

    instance: str
    origin: Origin
    attributes: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Asked:
    """The answer of one condition or check, for the explanation. Holds no value of the study."""

    policy: str
    rule: str
    """E.g. ``"match"``, ``"check adults-only"``, or a condition's text from the policy."""
    answer: Answer
    line: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to a study, by which rule, and how that was found."""

    outcome: Outcome
    policy: Policy | None
    """None if no policy matched."""
    rule: str
    """``"match"`` for accept; else the check's id, ``"no-policy"``, ``"match-unknown"``,
    ``"incomplete"`` ..."""
    reason: str
    """One sentence in plain words, without values."""
    asked: tuple[Asked, ...]
    instance: str = ""
    """The first instance for which a check did not hold, if it was asked per instance."""
    again_after_s: float | None = None
    """For the rule ``"incomplete"``: in how many seconds the answer can change by itself."""
    deliver: tuple[Delivery, ...] = ()
    """For accept: the deliveries of the policy whose own conditions hold."""
