"""What a process of the pool does with one instance: read, ask or de-identify, verify, spool.

The bytes of an instance, and every value in them, stay in this process; only facts for the
decision, counts and UIDs of our own making go back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from gatehouse import __version__
from gatehouse.deid.changes import counted
from gatehouse.deid.engine import deidentify
from gatehouse.deid.known_values import NOTHING, KnownValues, collect
from gatehouse.deid.model import ProjectKeys, Verified
from gatehouse.deid.plan import Plan, cleans_texts, compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.deid.recipe import Recipe
from gatehouse.deid.verify import verify
from gatehouse.dicom.scan import Buffer
from gatehouse.errors import HoldError, PolicyError, UnavailableError
from gatehouse.pipeline.file_meta import read_file_meta
from gatehouse.pipeline.ports import (
    Archive,
    EarlyJob,
    FactsJob,
    Held,
    KnownJob,
    MakeJob,
    MarkedJob,
    Prepared,
    Spool,
    Storage,
)
from gatehouse.pipeline.records import Output
from gatehouse.policy.facts import extract
from gatehouse.policy.model import InstanceFacts

T = TypeVar("T")

PLANS_KEPT = 16


class Bench:
    """The work on single instances.

    Parameters
    ----------
    archive : Archive
    spool : Spool
    master_key : bytes
    early_spool : Spool or None
        Where outputs of studies go that still arrive; None: nothing is made of these.
    storage : Storage or None
        Where instances are read past Orthanc's web server, if they can be.
    """

    def __init__(
        self,
        archive: Archive,
        spool: Spool,
        master_key: bytes,
        *,
        early_spool: Spool | None = None,
        storage: Storage | None = None,
    ) -> None:
        self._archive = archive
        self._spool = spool
        self._early_spool = early_spool
        self._storage = storage
        self._master_key = master_key
        # Keyed by policy and digest: a Recipe holds mappings, and can't be a key itself.
        self._plans: dict[tuple[str, str], tuple[Recipe, Plan, ProjectKeys]] = {}

    def facts(self, job: FactsJob) -> InstanceFacts | Held:
        """Read what policies may look at."""

        def work() -> InstanceFacts:
            dicom = self._read(job)
            return InstanceFacts(job.instance, job.origin, extract(dicom, job.attributes))

        return _or_held(work, job.instance)

    def known(self, job: KnownJob) -> KnownValues | Held:
        """Read what an instance says of persons."""
        return _or_held(lambda: collect(self._read(job)), job.instance)

    def make(self, job: MakeJob) -> Output | Held:
        """De-identify, verify, and write to the spool."""

        def work() -> Output:
            return self._made(self._read(job), job, self._spool)

        return _or_held(work, job.instance)

    def marked(self, job: MarkedJob) -> Output | Held:
        """Find out what was made of an instance when it was received, and write it to the spool."""

        def work() -> Output:
            return _taken(self._read(job), job, self._spool)

        return _or_held(work, job.instance)

    def prepare(self, job: EarlyJob) -> Prepared | Held:
        """Read the facts of an instance, and make what its study's policy seems to want.

        What would be held is not made: it is held when the study was decided about.
        """

        def work() -> Prepared:
            dicom = self._read(job)
            facts = InstanceFacts(job.instance, job.origin, extract(dicom, job.attributes))
            own, output = NOTHING, None
            if job.recipe is not None and self._early_spool is not None:
                own = collect(dicom) if cleans_texts(job.recipe) else NOTHING
                make = MakeJob(
                    job.instance,
                    job.attachment_digest,
                    job.recipe,
                    job.study_id,
                    job.generation,
                    job.known | own,
                )
                spool = self._early_spool
                made = _or_held(lambda: self._made(dicom, make, spool), job.instance)
                output = None if isinstance(made, Held) else made
            return Prepared(job.instance, facts, own, output)

        return _or_held(work, job.instance)

    def _made(self, original: Buffer, job: MakeJob, spool: Spool) -> Output:
        plan, keys = self._prepared(job.recipe)
        deidentified = deidentify(original, plan, keys, job.known)
        verified = verify(original, deidentified, plan, keys)
        return _spooled(job, verified, keys.key_id, spool)

    def _read(self, job: FactsJob | KnownJob | MakeJob | MarkedJob | EarlyJob) -> Buffer:
        if self._storage is not None and job.file_uuid:
            dicom = self._storage.read(job.file_uuid)
            if dicom is not None:
                return dicom
        try:
            return self._archive.read(job.instance)
        except LookupError:
            raise HoldError(
                "archive.vanished", "the instance was deleted from Orthanc before it was processed"
            ) from None

    def _prepared(self, recipe: Recipe) -> tuple[Plan, ProjectKeys]:
        name = (recipe.policy, recipe.digest)
        kept = self._plans.get(name)
        if kept is None or kept[0] != recipe:
            if len(self._plans) >= PLANS_KEPT:
                self._plans.clear()
            keys = derive_project_keys(self._master_key, recipe.project)
            kept = self._plans[name] = (recipe, compile_plan(recipe), keys)
        return kept[1], kept[2]


@lru_cache(maxsize=1024)
def orthanc_id(*identifiers: str) -> str:
    """Return the ID that Orthanc gives: SHA-1 over Patient ID and UIDs, in groups of eight."""
    joined = "|".join(identifiers).encode()
    digest = hashlib.sha1(joined, usedforsecurity=False).hexdigest()
    return "-".join(digest[start : start + 8] for start in range(0, 40, 8))


def _spooled(job: MakeJob, verified: Verified, key_id: str, spool: Spool) -> Output:
    """Write what was verified: nothing else can come here."""
    made = verified.deidentified
    sop_class_uid, transfer_syntax_uid = read_file_meta(made.chunks)
    sha256, size = spool.write(job.study_id, job.generation, made.sop_instance_uid_new, made.chunks)
    return Output(
        instance=job.instance,
        attachment_digest=job.attachment_digest,
        policy_digest=job.recipe.digest,
        key_id=key_id,
        software=__version__,
        sop_class_uid=sop_class_uid,
        transfer_syntax_uid=transfer_syntax_uid,
        sop_instance_uid_old=made.sop_instance_uid_old,
        sop_instance_uid_new=made.sop_instance_uid_new,
        series_instance_uid_new=made.series_instance_uid_new,
        study_instance_uid_new=made.study_instance_uid_new,
        orthanc_id_new=orthanc_id(
            made.patient_id_new,
            made.study_instance_uid_new,
            made.series_instance_uid_new,
            made.sop_instance_uid_new,
        ),
        study_orthanc_id_new=orthanc_id(made.patient_id_new, made.study_instance_uid_new),
        sha256=sha256,
        size=size,
        needles=verified.needles,
        actions=counted(made.changes),
    )


def _taken(dicom: Buffer, job: MarkedJob, spool: Spool) -> Output:
    """Write what was verified before Orthanc stored it: nothing but just these bytes."""
    sha256 = hashlib.sha256(dicom).hexdigest()
    made = next((one for one in job.outputs if one.sha256 == sha256), None)
    if made is None:
        raise HoldError(
            "reception.changed",
            "the instance in Orthanc is not what Gatehouse made of it when it was received",
        )
    if job.is_spooled:
        spool.write(job.study_id, job.generation, made.sop_instance_uid_new, [memoryview(dicom)])
    return made


def _or_held(work: Callable[[], T], instance: str) -> T | Held:
    try:
        return work()
    except HoldError as error:
        return Held(instance, error.rule, error.reason, error.path)
    except (UnavailableError, OSError):
        raise
    except PolicyError as error:
        return Held(instance, "policy.unusable", str(error))
    except MemoryError:
        return Held(instance, "worker.memory", "there was not enough memory for this instance")
    except Exception as error:  # noqa: BLE001 - whatever it is, the study must be held, not lost
        # Only the type: texts of foreign exceptions quote values.
        kind = type(error).__name__
        return Held(instance, "internal.error", f"an unexpected error ({kind}) was met")
