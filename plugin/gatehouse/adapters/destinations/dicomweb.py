"""Sends by STOW-RS (PS3.18 10.5), and asks by QIDO-RS (PS3.18 10.6).

Several instances go in one request, streamed from their files as they are. The receipt of an
instance is what the server's response says about it: stored, stored with a warning, or failed with
a reason; one that the response does not name was not stored.
"""

from __future__ import annotations

import json
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from gatehouse.adapters.destinations.configuration import HttpServer
from gatehouse.adapters.destinations.http_server import (
    READ_TIMEOUT_S,
    TEST_TIMEOUT_S,
    HttpClient,
    HttpError,
)
from gatehouse.adapters.destinations.multipart import MultipartBody
from gatehouse.adapters.destinations.plain import PlainDestination
from gatehouse.adapters.destinations.uids import as_name
from gatehouse.errors import DeliveryError
from gatehouse.pipeline.ports import InstanceReceipt, OutgoingInstance
from gatehouse.policy.model import Delivery

INSTANCES_AT_ONCE = 16
BYTES_AT_ONCE = 64 << 20
"""One request; what is lost with it is sent again."""

PAGE = 1000
PAGES_MAX = 1000

ANSWERED = frozenset({200, 202, 409})
"""Stored all, some, none; each with a response that says which (PS3.18 Table 10.5.3-1)."""

JSON = "application/dicom+json"

REFERENCED_SOP_INSTANCE_UID = "00081155"
WARNING_REASON = "00081196"
FAILURE_REASON = "00081197"
FAILED_SOP_SEQUENCE = "00081198"
REFERENCED_SOP_SEQUENCE = "00081199"
SOP_INSTANCE_UID = "00080018"


class DicomWebDestination(PlainDestination):
    """Destinations of ``via: dicomweb`` (``pipeline.ports.Destination``)."""

    def __init__(self, servers: Mapping[str, HttpServer]) -> None:
        self._servers = servers

    def send(
        self, delivery: Delivery, instances: Sequence[OutgoingInstance]
    ) -> Iterable[InstanceReceipt]:
        """Send instances, yielding what the server says about each.

        Raises
        ------
        DeliveryError, HttpError
            If the server does not answer, or with something else than a response of STOW-RS.
        """
        with self._client(delivery.to) as client:
            for group in _groups(instances):
                yield from _store(client, group)

    def present(
        self, delivery: Delivery, instances: Sequence[OutgoingInstance]
    ) -> tuple[set[str], str]:
        """Ask by QIDO-RS which instances are there."""
        wanted: dict[tuple[str, str], set[str]] = defaultdict(set)
        for one in instances:
            wanted[one.study_instance_uid, one.series_instance_uid].add(one.sop_instance_uid)
        found: set[str] = set()
        with self._client(delivery.to) as client:
            for (study, series), uids in wanted.items():
                found |= uids & _list_series(client, as_name(study), as_name(series))
        return found, "QIDO-RS"

    def test(self, name: str) -> str:
        """Ask by QIDO-RS for one study, whichever it is; nothing of the answer is kept."""
        with self._client(name, TEST_TIMEOUT_S) as client:
            answer = client.request(
                "ask by QIDO-RS", "GET", "/studies?limit=1", headers={"Accept": JSON}
            )
        if answer.status_code not in (200, 204):
            raise HttpError("ask by QIDO-RS", answer.status_code)
        return "QIDO-RS answered"

    def _client(self, name: str, read_timeout_s: float = READ_TIMEOUT_S) -> HttpClient:
        server = self._servers.get(name)
        if server is None:
            raise DeliveryError("the settings have no such DICOMweb server", is_permanent=True)
        return HttpClient(server, read_timeout_s)


def _store(client: HttpClient, group: Sequence[OutgoingInstance]) -> Iterator[InstanceReceipt]:
    boundary = secrets.token_hex(16)
    body = MultipartBody([one.file for one in group], boundary)
    headers = {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
        "Accept": JSON,
    }
    with body:
        answer = client.request("send by STOW-RS", "POST", "/studies", data=body, headers=headers)
    if answer.status_code not in ANSWERED:
        raise HttpError("send by STOW-RS", answer.status_code)
    yield from read_response(answer.status_code, answer.content, group)


def read_response(
    status: int, content: bytes, group: Sequence[OutgoingInstance]
) -> Iterator[InstanceReceipt]:
    """Yield what a response says about each instance (PS3.18 I.2).

    Raises
    ------
    DeliveryError
        If it is no response of STOW-RS.
    """
    try:
        response = json.loads(content)
        stored = _items(response, REFERENCED_SOP_SEQUENCE, WARNING_REASON)
        failed = _items(response, FAILED_SOP_SEQUENCE, FAILURE_REASON)
    except (ValueError, TypeError, AttributeError, KeyError, IndexError):
        raise DeliveryError("it answered with something else than STOW-RS has") from None
    for one in group:
        uid = one.sop_instance_uid
        if uid in failed:
            reason = failed[uid]
            text = str(status) if reason is None else f"0x{reason:04X}"
            yield InstanceReceipt(uid, text, False, "it says that it failed")
        elif uid in stored:
            warning = stored[uid]
            text = str(status) if warning is None else f"0x{warning:04X}"
            yield InstanceReceipt(uid, text, True, "" if warning is None else "with a warning")
        else:
            yield InstanceReceipt(uid, str(status), False, "its response does not name it")


def _items(response: Mapping[str, Any], sequence: str, reason: str) -> dict[str, int | None]:
    """Return SOP Instance UID -> reason, of the items of a sequence in DICOM JSON."""
    found: dict[str, int | None] = {}
    for item in response.get(sequence, {}).get("Value", []):
        values = item.get(reason, {}).get("Value", [])
        uid = item[REFERENCED_SOP_INSTANCE_UID]["Value"][0]
        found[str(uid)] = int(values[0]) if values else None
    return found


def _groups(instances: Sequence[OutgoingInstance]) -> Iterator[list[OutgoingInstance]]:
    group: list[OutgoingInstance] = []
    size = 0
    for one in instances:
        own = one.file.stat().st_size
        if group and (len(group) >= INSTANCES_AT_ONCE or size + own > BYTES_AT_ONCE):
            yield group
            group, size = [], 0
        group.append(one)
        size += own
    if group:
        yield group


def _list_series(client: HttpClient, study: str, series: str) -> set[str]:
    found: set[str] = set()
    path = f"/studies/{quote(study)}/series/{quote(series)}/instances"
    for page in range(PAGES_MAX):
        query = f"?limit={PAGE}&offset={page * PAGE}&includefield={SOP_INSTANCE_UID}"
        answer = client.request("ask by QIDO-RS", "GET", path + query, headers={"Accept": JSON})
        if answer.status_code in (204, 404):
            break
        if answer.status_code != 200:
            raise HttpError("ask by QIDO-RS", answer.status_code)
        try:
            rows = json.loads(answer.content)
            uids = {str(row[SOP_INSTANCE_UID]["Value"][0]) for row in rows}
        except (ValueError, TypeError, KeyError, IndexError):
            raise DeliveryError("it answered with something else than QIDO-RS has") from None
        # A server that knows no pages gives the first one again.
        if not uids - found:
            break
        found |= uids
        if len(rows) < PAGE:
            break
    return found
