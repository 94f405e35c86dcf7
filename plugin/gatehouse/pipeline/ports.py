"""What the workflows need from the world, as protocols.

The adapters implement these; tests that make the n-th call fail implement them too. Everything
here may raise ``GatehouseError`` or an ``OSError``; nothing here may put a value of an attribute
into a message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gatehouse.deid.known_values import NOTHING, KnownValues
from gatehouse.deid.recipe import Recipe
from gatehouse.pipeline.records import Output
from gatehouse.policy.model import Delivery, InstanceFacts, Origin


@dataclass(frozen=True, slots=True)
class ChangeEntry:
    """One row of Orthanc's change log (``/changes``) that is about a new instance."""

    sequence: int
    orthanc_id: str


@dataclass(frozen=True, slots=True)
class ReceivedInstance:
    """What the inbox records of an instance before anybody has looked into it."""

    orthanc_id: str
    study_orthanc_id: str
    series_orthanc_id: str
    attachment_digest: str
    """MD5 or UUID of Orthanc's attachment: changes when the instance is overwritten."""
    origin: Origin
    stored_at: float | None = None
    """When Orthanc stored it, by its own clock, in whole seconds; None if that is not known."""
    sop_class_uid: str = ""
    file_uuid: str = ""
    """The name of its file in Orthanc's storage area, if Orthanc tells."""


class Archive(Protocol):
    """The Orthanc that holds the identified originals."""

    def changes(self, since: int, limit: int) -> tuple[Sequence[ChangeEntry], int, bool]:
        """Return new-instance entries after ``since``, the last sequence read, and whether done."""

    def describe(self, orthanc_ids: Sequence[str]) -> Sequence[ReceivedInstance]:
        """Return what is known of instances; those that are gone are left out."""

    def read(self, orthanc_id: str) -> bytes:
        """Return the DICOM file of an instance. Raises ``LookupError`` if it is gone."""

    def store(self, dicom: bytes) -> str:
        """Store our own output; return its Orthanc ID. Its ID must be registered before."""

    def mark(self, study_orthanc_id: str, metadata: Mapping[str, str], label: str | None) -> None:
        """Set metadata, and a label where this Orthanc has labels."""


class Storage(Protocol):
    """Orthanc's storage area on this machine."""

    def read(self, uuid: str) -> bytes | memoryview | None:
        """Return the DICOM file under a UUID; None if it must be fetched from the archive."""


@dataclass(frozen=True, slots=True)
class FactsJob:
    """Ask an instance for what policies may look at."""

    instance: str
    origin: Origin
    attributes: frozenset[str]
    file_uuid: str = ""


@dataclass(frozen=True, slots=True)
class KnownJob:
    """Ask an instance what it says of persons, for texts that are to be cleaned."""

    instance: str
    file_uuid: str = ""


@dataclass(frozen=True, slots=True)
class MakeJob:
    """De-identify and verify an instance, and put the outcome into the spool."""

    instance: str
    attachment_digest: str
    recipe: Recipe
    study_id: int
    generation: int
    known: KnownValues = field(default=NOTHING, repr=False)
    """What the instances of its study say of persons, if texts are to be cleaned."""
    file_uuid: str = ""


@dataclass(frozen=True, slots=True)
class MarkedJob:
    """Take an instance that was de-identified when it was received, and put it into the spool.

    Parameters
    ----------
    outputs : tuple of Output
        What it may be: one for each time that it was received.
    is_spooled : bool
        False: only tell which of them it is.
    """

    instance: str
    outputs: tuple[Output, ...]
    study_id: int
    generation: int
    file_uuid: str = ""
    is_spooled: bool = True


@dataclass(frozen=True, slots=True)
class EarlyJob:
    """Work on an instance of a study that still arrives: its facts, and what may be made of it.

    Parameters
    ----------
    recipe : Recipe or None
        Of the policy that fits so far; None while nobody can tell.
    known : KnownValues
        What the instances so far say of persons. Its own are added where texts are cleaned.
    """

    instance: str
    attachment_digest: str
    file_uuid: str
    origin: Origin
    attributes: frozenset[str]
    study_id: int
    generation: int
    recipe: Recipe | None = None
    known: KnownValues = field(default=NOTHING, repr=False)


@dataclass(frozen=True, slots=True)
class Prepared:
    """The outcome of an ``EarlyJob``. Nothing of it counts before the study is decided about."""

    instance: str
    facts: InstanceFacts = field(repr=False)
    known: KnownValues = field(repr=False)
    """What the instance itself says of persons, if the recipe cleans texts."""
    output: Output | None
    """None without a recipe, and where the instance would be held by it."""


@dataclass(frozen=True, slots=True)
class Held:
    """An instance that can't go on, and why. Holds no values."""

    instance: str
    rule: str
    reason: str
    path: str = ""


class Workshop(Protocol):
    """The processes that do the CPU work. The bytes of instances stay in them.

    All methods yield in any order, raise ``UnavailableError`` or ``OSError`` when the archive or
    the spool can't be used now, and answer everything else that goes wrong with ``Held``.
    """

    def facts(self, jobs: Sequence[FactsJob]) -> Iterator[InstanceFacts | Held]:
        """Return the facts of instances."""

    def known(self, jobs: Sequence[KnownJob]) -> Iterator[KnownValues | Held]:
        """Return what instances say of persons."""

    def make(self, jobs: Sequence[MakeJob]) -> Iterator[Output | Held]:
        """De-identify and verify instances; what is yielded is in the spool."""

    def marked(self, jobs: Sequence[MarkedJob]) -> Iterator[Output | Held]:
        """Take instances that were de-identified on reception, if they are what was made then."""

    def prepare(self, jobs: Sequence[EarlyJob]) -> Iterator[Prepared | Held]:
        """Work on instances of studies that still arrive; outputs go into the early spool."""


class Spool(Protocol):
    """Verified outputs that wait for their delivery."""

    def write(
        self, study_id: int, generation: int, name: str, chunks: Sequence[bytes | memoryview]
    ) -> tuple[str, int]:
        """Write an output, whole or not at all; return its SHA-256 in hex and its size."""

    def settle(self, study_id: int, generation: int) -> None:
        """Have the names of what was written survive a power cut."""

    def adopt(self, other: Spool, study_id: int, generation: int, names: Sequence[str]) -> None:
        """Take outputs of a run over from another spool of this worker. Raises ``OSError``."""

    def path(self, study_id: int, generation: int, name: str) -> Path:
        """Return where an output is, or would be."""

    def is_intact(self, study_id: int, generation: int, name: str, sha256: str) -> bool:
        """Return whether an output is there with this digest."""

    def remove(self, study_id: int, generation: int) -> None:
        """Remove the outputs of one run, if there are any."""

    def runs(self) -> list[tuple[int, int]]:
        """Return study and generation of all that has outputs here."""

    def size(self) -> int:
        """Return the bytes of all outputs."""

    def size_of(self, study_id: int, generation: int) -> int:
        """Return the bytes of one run's outputs."""


@dataclass(frozen=True, slots=True)
class OutgoingInstance:
    """A verified object in the spool, ready to be sent."""

    sop_class_uid: str
    sop_instance_uid: str
    """The new one."""
    transfer_syntax_uid: str
    orthanc_id: str
    """What any Orthanc must call it."""
    file: Path
    sha256: str
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    """New ones, both of them."""
    size: int = 0


@dataclass(frozen=True, slots=True)
class InstanceReceipt:
    """A destination's own word on one instance.

    ``status`` is the DIMSE status in hex (``"0x0000"``) or the HTTP status (``"200"``).
    """

    sop_instance_uid: str
    status: str
    is_stored: bool
    detail: str = ""


class Destination(Protocol):
    """One way to send. Raises ``DeliveryError`` when nothing (more) can be sent now."""

    def send(
        self, delivery: Delivery, instances: Sequence[OutgoingInstance]
    ) -> Iterable[InstanceReceipt]:
        """Send instances, yielding a receipt as each one is answered."""

    def present(
        self, delivery: Delivery, instances: Sequence[OutgoingInstance]
    ) -> tuple[set[str], str]:
        """Ask which instances are there; return their SOP Instance UIDs, and how it was asked."""

    def committed(
        self, delivery: Delivery, instances: Sequence[OutgoingInstance], /
    ) -> tuple[set[str], str]:
        """Ask for storage commitment (PS3.4 Annex J); return as ``present`` does."""

    def finish(self, delivery: Delivery, instances: Sequence[OutgoingInstance], /) -> None:
        """Do what comes after the last instance of a study; ``instances`` are all of them.

        May be called again. Their files may be gone: what is needed of them is in the spool of an
        earlier run.
        """

    def test(self, name: str) -> str:
        """Ask a destination whether it is there; return what it is, in a few words.

        Raises
        ------
        DeliveryError, UnavailableError
            If it is not, or does not let us in.
        """
