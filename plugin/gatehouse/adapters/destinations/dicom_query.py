"""Asks a DICOM destination what it has: C-FIND at the level IMAGE (PS3.4 C.6.2), and C-ECHO."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pydicom.dataset import Dataset
from pynetdicom import build_context
from pynetdicom.association import Association
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelFind,
    Verification,
)

from gatehouse.adapters.destinations.associations import Caller
from gatehouse.errors import DeliveryError
from gatehouse.pipeline.ports import OutgoingInstance

SUCCESS = 0x0000
PENDING = frozenset({0xFF00, 0xFF01})


def find_instances(caller: Caller, name: str, instances: Sequence[OutgoingInstance]) -> set[str]:
    """Return the SOP Instance UIDs, of these instances, that a destination lists.

    Raises
    ------
    DeliveryError
        If it does not answer, or refuses to be asked.
    """
    contexts = [build_context(StudyRootQueryRetrieveInformationModelFind)]
    association = caller.associate(name, contexts)
    found: set[str] = set()
    try:
        for (study, series), wanted in _by_series(instances).items():
            found |= wanted & _list_series(association, study, series)
        association.release()
    finally:
        if association.is_established:
            association.abort()
    return found


def echo(caller: Caller, name: str) -> str:
    """Ask a destination whether it is there (C-ECHO, PS3.4 Annex A).

    Raises
    ------
    DeliveryError
        If it does not answer with Success.
    """
    about = caller.about(name)
    association = caller.associate(name, [build_context(Verification)])
    try:
        answer = association.send_c_echo()
        status = int(answer.Status) if "Status" in answer else None
        association.release()
    finally:
        if association.is_established:
            association.abort()
    if status is None:
        raise DeliveryError("it gave no answer to a C-ECHO request")
    if status != SUCCESS:
        raise DeliveryError(f"it answered a C-ECHO request with 0x{status:04X}")
    over = " over TLS" if about.get("UseDicomTls") else ""
    return f"C-ECHO answered with Success{over}"


def _by_series(instances: Iterable[OutgoingInstance]) -> Mapping[tuple[str, str], set[str]]:
    series: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in instances:
        series[one.study_instance_uid, one.series_instance_uid].add(one.sop_instance_uid)
    return series


def _list_series(association: Association, study: str, series: str) -> set[str]:
    query = Dataset()
    query.QueryRetrieveLevel = "IMAGE"
    query.StudyInstanceUID = study
    query.SeriesInstanceUID = series
    query.SOPInstanceUID = ""
    found: set[str] = set()
    if not association.is_established:
        raise DeliveryError("it ended the association while it was asked what it has")
    answers = association.send_c_find(query, StudyRootQueryRetrieveInformationModelFind)
    for answer, identifier in answers:
        if "Status" not in answer:
            raise DeliveryError("it gave no answer to a C-FIND request")
        status = int(answer.Status)
        if status in PENDING:
            if identifier is not None and "SOPInstanceUID" in identifier:
                found.add(str(identifier.SOPInstanceUID))
        elif status != SUCCESS:
            raise DeliveryError(f"it answered a C-FIND request with 0x{status:04X}")
    return found
