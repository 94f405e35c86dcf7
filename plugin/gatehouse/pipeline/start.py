"""Starts durable workflows from a process that runs none: the service."""

from __future__ import annotations

from typing import Protocol

from dbos import DBOSClient, DBOSPortableJSONSerializer

from gatehouse.pipeline.chains import APPLICATION, CHAIN, DeliveryRun, StudyRun, delivery_queue
from gatehouse.pipeline.durable import prepare_workflows
from gatehouse.pipeline.records import DeliveryKey, StudyKey
from gatehouse.policy.model import Priority


class HasWorkflowsUrl(Protocol):
    """The one setting that is needed here."""

    @property
    def workflows_url(self) -> str:
        """SQLAlchemy URL of the database of the durable workflows."""


class WorkflowStarter:
    """Puts runs over studies into the workers' queue. May be used from several threads.

    The workers' database is made if it is not there yet, so that the order in which processes
    start does not matter.
    """

    def __init__(self, settings: HasWorkflowsUrl) -> None:
        prepare_workflows(settings.workflows_url)
        self._client = DBOSClient(
            system_database_url=settings.workflows_url,
            serializer=DBOSPortableJSONSerializer(),
            application_name=APPLICATION,
            # A database that is away is an answer for the caller, not a wait.
            retry_connection_errors=False,
        )

    def start(self, study_id: int, generation: int) -> None:
        """Put a run into the queue; nothing happens if it was ever there."""
        run = StudyRun(StudyKey(study_id, generation))
        self._client.enqueue(run.options(), *run.arguments())

    def deliver(self, key: DeliveryKey, mark: int, priority: Priority = "normal") -> None:
        """Have a delivery tried now: the run of it that waits, or a chain that begins here.

        Parameters
        ----------
        mark : int
            Names the chain; with the same one nothing happens twice.
        """
        stem = DeliveryRun(key).name()
        runs = self._client.list_workflows(
            workflow_id_prefix=stem,
            status=["PENDING", "ENQUEUED", "DELAYED"],
            load_input=False,
            load_output=False,
        )
        active = [
            run
            for run in runs
            if run.workflow_id == stem or run.workflow_id.startswith(stem + CHAIN)
        ]
        for run in active:
            if run.status == "DELAYED":
                queue = delivery_queue(key.via, key.destination)
                self._client.resume_workflow(run.workflow_id, queue_name=queue)
        if not active:
            begun = DeliveryRun(key, since=mark, priority=priority)
            self._client.enqueue(begun.options(), *begun.arguments())

    def close(self) -> None:
        """Close the connections."""
        self._client.destroy()
