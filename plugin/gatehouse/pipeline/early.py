"""Work on studies that still arrive, so that little is left to do when one is complete.

Each instance is read as it comes: its facts are kept in memory, and it is de-identified under the
policy that fits the instances so far. Nothing of this counts until the study was decided about, by
the same step as ever, over all of its instances. Then what was made is taken over where it is just
what would be made now: of the same bytes, by the same policy, knowing the same names. The rest is
thrown away. Facts and names are values of attributes and never leave the memory of this process; a
worker that ends forgets them, and does the work once more.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gatehouse import __version__
from gatehouse.deid.known_values import NOTHING, KnownValues
from gatehouse.deid.plan import cleans_texts
from gatehouse.deid.recipe import Recipe
from gatehouse.errors import HoldError
from gatehouse.pipeline.ports import EarlyJob, Held, Prepared
from gatehouse.pipeline.records import Arrival, InstanceRecord, Output, StudyKey
from gatehouse.pipeline.tools import Tools
from gatehouse.policy.decide import attributes_of, decide
from gatehouse.policy.model import InstanceFacts, Outcome, Pack, Policy

ARRIVALS_MAX = 1000
"""Instances that are taken from the ledger at once."""

BATCH = 32
"""Instances between two looks at whether their study is complete meanwhile."""

KEPT_MAX = 200_000
"""Instances that are remembered; of what comes beyond that nothing is done early."""

TURNS_MAX = 2
"""How often an instance is made early at most, however often policy or names change."""

WAIT_S = 600.0


@dataclass(slots=True)
class _Early:
    """What is known of one instance."""

    record: InstanceRecord
    prepared: Prepared | None = None
    recipe: Recipe | None = None
    known: KnownValues = NOTHING
    """What its texts were cleaned of."""
    turns: int = 0
    is_unusable: bool = False


@dataclass(slots=True)
class _Study:
    """What is known of one run over a study."""

    attributes: frozenset[str]
    instances: dict[str, _Early] = field(default_factory=dict)
    rest: deque[_Early] = field(default_factory=deque)
    """What may have to be worked on; whether it has to is asked when its turn comes."""
    known: KnownValues = NOTHING
    policy: Policy | None = None
    prepared: int = 0
    decide_at: int = 1
    """So many must be prepared before the policy is looked for again."""
    is_closed: bool = False
    under_way: int = 0

    def begin_anew(self) -> None:
        """Look at all instances once more: what they were made by has changed."""
        self.rest = deque(self.instances.values())

    def take(self, count: int, recipe: Recipe | None) -> list[_Early]:
        """Return the next instances to work on."""
        taken: list[_Early] = []
        while self.rest and len(taken) < count:
            one = self.rest.popleft()
            if _is_wanted(one, self, recipe):
                taken.append(one)
        return taken


class Early:
    """What was prepared of studies that still arrive.

    One thread prepares; the steps of the workflows, in any thread, take what is there.

    Parameters
    ----------
    has_room : callable
        Whether anything may be prepared now.
    """

    def __init__(self, tools: Tools, *, has_room: Callable[[], bool] = lambda: True) -> None:
        self._tools = tools
        self._has_room = has_room
        self._studies: dict[StudyKey, _Study] = {}
        self._changed = threading.Condition()
        self._after = self._after_before = 0

    # ---- The thread that prepares

    def turn(self) -> int:
        """Prepare what has come since the last turn; return how many instances were worked on."""
        if not self._has_room():
            return 0
        found, last = self._tools.ledger.arrivals(self._tools.server, self._after, ARRIVALS_MAX)
        if not found and not self._has_rest():
            self._after = last
            return 0
        pack = self._pack()
        if pack is None:
            return 0
        if pack.reception:
            # What comes is either made already, or held for not being so.
            self._after = last
            return 0
        self._take(found, attributes_of(pack))
        self._after = last
        worked = 0
        for key in list(self._studies):
            worked += self._prepare(key, pack)
        return worked

    def tidy(self) -> None:
        """Forget studies that somebody else brought on, or that were superseded."""
        # Of two writers the one with the lower rows may be the later to commit: what came since the
        # last time is looked at once more.
        self._after, self._after_before = self._after_before, self._after
        for key in list(self._studies):
            record = self._tools.ledger.study(key.study_id)
            is_open = record is not None and record.state in ("receiving", "waiting", "processing")
            if record is None or record.key != key or not is_open:
                self.forget(key)

    def _pack(self) -> Pack | None:
        try:
            return self._tools.packs.active()
        except HoldError:
            # The study will be held for it, with the reason.
            return None

    def _has_rest(self) -> bool:
        with self._changed:
            return any(study.rest and not study.is_closed for study in self._studies.values())

    def _take(self, found: Sequence[Arrival], attributes: frozenset[str]) -> None:
        with self._changed:
            kept = sum(len(study.instances) for study in self._studies.values())
            for _, key, record in found:
                if kept >= KEPT_MAX:
                    continue
                study = self._studies.setdefault(key, _Study(attributes))
                if record.orthanc_id not in study.instances:
                    kept += 1
                    one = study.instances[record.orthanc_id] = _Early(record)
                    study.rest.append(one)

    def _prepare(self, key: StudyKey, pack: Pack) -> int:
        attributes = attributes_of(pack)
        worked = 0
        while jobs := self._begin(key, attributes):
            results: list[Prepared | Held] = []
            try:
                results += self._tools.workshop.prepare(jobs)
            finally:
                self._end(key, jobs, results)
            self._find_policy(key, pack)
            worked += len(jobs)
        return worked

    def _begin(self, key: StudyKey, attributes: frozenset[str]) -> Sequence[EarlyJob]:
        """Return what is to be done next; ``_end`` must follow if it is anything."""
        with self._changed:
            study = self._studies.get(key)
            if study is None or study.is_closed:
                return []
            if study.attributes != attributes:
                # Other policies ask for other facts: from the beginning.
                study.attributes, study.policy = attributes, None
                study.prepared, study.decide_at = 0, 1
                for one in study.instances.values():
                    one.prepared = None
                study.begin_anew()
            recipe = study.policy.recipe if study.policy else None
            # Of the first one only the facts: nobody knows yet what to make of it.
            batch = study.take(BATCH if study.prepared else 1, recipe)
            study.under_way += len(batch)
            for one in batch:
                one.turns += recipe is not None
            return [
                EarlyJob(
                    one.record.orthanc_id,
                    one.record.attachment_digest,
                    one.record.file_uuid,
                    one.record.origin,
                    attributes,
                    *key,
                    recipe,
                    study.known,
                )
                for one in batch
            ]

    def _end(
        self, key: StudyKey, jobs: Sequence[EarlyJob], results: Iterable[Prepared | Held]
    ) -> None:
        with self._changed:
            study = self._studies.get(key)
            if study is None:
                return
            study.under_way -= len(jobs)
            by_instance = {job.instance: job for job in jobs}
            for result in results:
                job, one = by_instance[result.instance], study.instances[result.instance]
                if isinstance(result, Held):
                    one.is_unusable = True
                    continue
                study.prepared += one.prepared is None
                one.prepared, one.recipe = result, job.recipe
                one.known = job.known | result.known
                if not _covers(study.known, result.known):
                    study.known |= result.known
                    study.begin_anew()
            self._changed.notify_all()

    def _find_policy(self, key: StudyKey, pack: Pack) -> None:
        """Look which policy fits so far, each time that there are twice as many instances."""
        with self._changed:
            study = self._studies.get(key)
            if study is None:
                return
            if study.prepared < study.decide_at:
                return
            study.decide_at = 2 * study.prepared
            facts = [one.prepared.facts for one in study.instances.values() if one.prepared]
        policy = _policy_so_far(pack, facts)
        with self._changed:
            if study.policy != policy:
                study.policy = policy
                study.begin_anew()

    # ---- The steps of the workflows

    def close(self, key: StudyKey) -> None:
        """Prepare nothing more of a run, because its study is complete."""
        with self._changed:
            study = self._studies.get(key)
            if study is not None:
                study.is_closed = True
                self._changed.wait_for(lambda: not study.under_way, WAIT_S)

    def facts(
        self, key: StudyKey, instances: Iterable[InstanceRecord], attributes: frozenset[str]
    ) -> dict[str, InstanceFacts]:
        """Return the facts that are known of instances, by Orthanc ID."""
        study = self._of(key)
        if study is None or study.attributes != attributes:
            return {}
        return {instance: one.facts for instance, one in _usable(study, instances, lambda _: True)}

    def known(
        self, key: StudyKey, instances: Iterable[InstanceRecord]
    ) -> Mapping[str, KnownValues]:
        """Return what instances are known to say of persons, by Orthanc ID."""
        study = self._of(key)
        if study is None:
            return {}

        def was_asked(one: _Early) -> bool:
            return one.recipe is not None and cleans_texts(one.recipe)

        return {instance: one.known for instance, one in _usable(study, instances, was_asked)}

    def outputs(
        self,
        key: StudyKey,
        instances: Iterable[InstanceRecord],
        recipe: Recipe,
        known: KnownValues,
    ) -> list[Output]:
        """Return what was made early of instances, and is what would be made of them now."""
        study = self._of(key)
        if study is None:
            return []

        def is_same(one: _Early) -> bool:
            return one.recipe == recipe and one.known == known

        made = [one.output for _, one in _usable(study, instances, is_same)]
        return [
            one
            for one in made
            if one is not None
            and one.policy_digest == recipe.digest
            and one.key_id == self._tools.key_id
            and one.software == __version__
        ]

    def forget(self, key: StudyKey) -> None:
        """Forget a run, and throw away what was made of it and not taken over."""
        self.close(key)
        with self._changed:
            was_there = self._studies.pop(key, None) is not None
        if was_there and self._tools.early_spool is not None:
            self._tools.early_spool.remove(*key)

    def _of(self, key: StudyKey) -> _Study | None:
        with self._changed:
            study = self._studies.get(key)
            return study if study is not None and study.is_closed else None


def _covers(all_known: KnownValues, some: KnownValues) -> bool:
    return all(one >= other for one, other in zip(all_known, some, strict=True))


def _is_wanted(one: _Early, study: _Study, recipe: Recipe | None) -> bool:
    if one.is_unusable or one.turns >= TURNS_MAX:
        return False
    if one.prepared is None:
        return True
    if recipe is None:
        return False
    return one.recipe != recipe or (cleans_texts(recipe) and one.known != study.known)


def _usable(
    study: _Study, instances: Iterable[InstanceRecord], is_right: Callable[[_Early], bool]
) -> Iterable[tuple[str, Prepared]]:
    """Yield what was prepared of the very bytes that instances have now."""
    for instance in instances:
        one = study.instances.get(instance.orthanc_id)
        if one is None or one.prepared is None:
            continue
        if one.record.attachment_digest == instance.attachment_digest and is_right(one):
            yield instance.orthanc_id, one.prepared


def _policy_so_far(pack: Pack, facts: Sequence[InstanceFacts]) -> Policy | None:
    """Return the policy that a study would be treated by if nothing else came."""
    decision = decide(pack, sorted(facts, key=lambda one: one.instance))
    is_promising = decision.outcome is Outcome.ACCEPT or decision.rule == "incomplete"
    return decision.policy if is_promising else None
