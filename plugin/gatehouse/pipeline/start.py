"""Starts durable workflows from a process that runs none: the service."""

from __future__ import annotations

from typing import Protocol

from dbos import DBOSClient, DBOSPortableJSONSerializer

from gatehouse.pipeline.chains import APPLICATION, StudyRun
from gatehouse.pipeline.durable import prepare_workflows
from gatehouse.pipeline.records import StudyKey


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

    def close(self) -> None:
        """Close the connections."""
        self._client.destroy()
