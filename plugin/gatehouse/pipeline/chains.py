"""Names of the workflows and queues, and how a run follows another.

A name is used once, whoever asks for it, which makes each start idempotent. A run that must wait
goes on under the next name of its chain. A chain that was lost (a workflow database that was
restored from a backup) is begun again with a number in its name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from dbos import EnqueueOptions

from gatehouse.pipeline.records import DeliveryKey, StudyKey
from gatehouse.policy.model import Priority

APPLICATION = "gatehouse"
APPLICATION_VERSION = "1"
"""Changes when the order of the steps does: DBOS replays a workflow only with its own version."""

STUDIES = "studies"
CHAIN = "#"
"""Stands between the name of a chain and the place in it; no destination's name has it."""

POLLING_S = 0.25

PRIORITIES: Mapping[Priority, int] = {"high": 1, "normal": 10, "low": 100}
"""As DBOS counts them: the lowest number goes first."""


@dataclass(frozen=True, slots=True)
class StudyRun:
    """One workflow over a study.

    Parameters
    ----------
    since : int
        0 for the first chain; another number for one that was begun again.
    tries : int
        Place in the chain, from 1.
    """

    key: StudyKey
    since: int = 0
    tries: int = 1

    def name(self) -> str:
        """Return the ID of the workflow, e.g. ``study-12-1``."""
        return f"study-{self.key.study_id}-{self.key.generation}" + _place(self.since, self.tries)

    def next(self) -> StudyRun:
        """Return the next run of the chain."""
        return dataclasses.replace(self, tries=self.tries + 1)

    def arguments(self) -> tuple[int, int, int, int]:
        """Return the arguments of the workflow."""
        return (*self.key, self.since, self.tries)

    def options(self, delay_s: float = 0.0) -> EnqueueOptions:
        """Return how it is put into its queue."""
        return _options("study", STUDIES, self.name(), delay_s)


@dataclass(frozen=True, slots=True)
class DeliveryRun:
    """One workflow that tries a delivery once. Parameters as for ``StudyRun``."""

    key: DeliveryKey
    since: int = 0
    tries: int = 1
    priority: Priority = "normal"

    def name(self) -> str:
        """Return the ID of the workflow, e.g. ``deliver-12-1-dicom-research-pacs``."""
        key = self.key
        stem = f"deliver-{key.study_id}-{key.generation}-{key.via}-{key.destination}"
        return stem + _place(self.since, self.tries)

    def next(self) -> DeliveryRun:
        """Return the next run of the chain."""
        return dataclasses.replace(self, tries=self.tries + 1)

    def arguments(self) -> tuple[int, int, str, str, int, int]:
        """Return the arguments of the workflow."""
        return (*self.key, self.since, self.tries)

    def options(self, delay_s: float = 0.0) -> EnqueueOptions:
        """Return how it is put into its destination's own queue."""
        queue = delivery_queue(self.key.via, self.key.destination)
        options = _options("deliver", queue, self.name(), delay_s)
        options["priority"] = PRIORITIES[self.priority]
        return options


def delivery_queue(via: str, destination: str) -> str:
    """Return the name of a destination's queue: one that is dead delays no other."""
    return f"deliver-{via}-{destination}"


def _place(since: int, tries: int) -> str:
    return "" if (since, tries) == (0, 1) else f"{CHAIN}{since}-{tries}"


def _options(workflow: str, queue: str, name: str, delay_s: float) -> EnqueueOptions:
    options: EnqueueOptions = {
        "workflow_name": workflow,
        "queue_name": queue,
        "workflow_id": name,
        "app_version": APPLICATION_VERSION,
    }
    if delay_s > 0:
        options["delay_seconds"] = delay_s
    return options
