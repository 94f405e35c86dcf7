"""Send the sample study as a modality would, and tell in plain words what became of it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gatehouse.adapters.launch import Signals
from gatehouse.adapters.running_site import RunningSite, StartError
from gatehouse.adapters.sample import CALLING_AET, PATIENT_ID, STUDY_INSTANCE_UID, write_sample
from gatehouse.adapters.site import GATEWAY_AET

STORESCU = "/usr/bin/storescu"
"""DCMTK's. PyPI's pynetdicom brings another command of this name."""

END_STATES = ("done", "held", "rejected", "refused")

ARRIVAL_MAX_S = 180.0

ACTIONS = {
    "X": "removed",
    "Z": "emptied or replaced by a dummy",
    "D": "replaced by a dummy",
    "U": "UIDs replaced, consistently",
    "C": "cleaned",
    "K": "kept by rule",
}
"""Action codes of PS3.15 Table E.1-1a in words."""


def show_sample(running: RunningSite, signals: Signals, say: Callable[..., None]) -> None:
    """Send the sample study unless it is there already; wait for its end; describe it."""
    reception = running.gateway.get_json("/gatehouse/reception") or {}
    if reception.get("on"):
        if reception["taken_in"] or reception["refused"]:
            say("Reception mode is on, and studies came before: the sample is not sent again.")
            return
        newest = _newest(running)

        def find() -> Any:
            return _received(running, newest)

    else:

        def find() -> Any:
            return running.gateway.get_json(f"/gatehouse/studies/{sample_orthanc_id()}")

    if find() is None:
        say("Sending a synthetic CT study by C-STORE, as a modality would ...")
        _send(running.ports["gateway-dicom"], may_be_refused=bool(reception.get("on")))
    else:
        say("The sample study of an earlier start is still there.")
    found = _ended(find, signals)
    say("", *describe(found), *_arrived(running, found), "")


def _ended(find: Callable[[], Any], signals: Signals) -> Mapping[str, Any]:
    """Wait for the end of the sample study."""
    deadline = time.monotonic() + ARRIVAL_MAX_S
    while True:
        found: Mapping[str, Any] | None = find()
        if found is not None and found["state"] in END_STATES:
            return found
        if time.monotonic() > deadline:
            state = "not known to the gateway" if found is None else found["state"]
            raise StartError(f"the sample study is {state} after {ARRIVAL_MAX_S:.0f} s")
        signals.wait(0.3)


def _newest(running: RunningSite) -> int:
    """Return the highest number of a study that the gateway knows."""
    there = running.gateway.get_json("/gatehouse/studies?limit=100") or {"studies": []}
    return max((int(one["id"]) for one in there["studies"]), default=0)


def _received(running: RunningSite, before: int) -> Any:
    """Return the sample as it is in reception mode: a newer study, or what its refusal says.

    Only its pseudonyms are known there, so that it can't be asked for by its own identifiers.
    """
    reception = running.gateway.get_json("/gatehouse/reception") or {"refusals": []}
    mine = [one for one in reception["refusals"] if one["study"] == sample_orthanc_id()]
    if mine:
        return {**mine[0], "state": "refused"}
    number = _newest(running)
    return running.gateway.get_json(f"/gatehouse/studies/{number}") if number > before else None


def sample_orthanc_id() -> str:
    """Return Orthanc's ID of the sample study: a digest over patient ID and study UID."""
    digest = hashlib.sha1(f"{PATIENT_ID}|{STUDY_INSTANCE_UID}".encode()).hexdigest()  # noqa: S324
    return "-".join(digest[start : start + 8] for start in range(0, 40, 8))


def describe(study: Mapping[str, Any]) -> Iterator[str]:
    """Tell in plain words what ``/gatehouse/studies/{id}`` says of a study."""
    if study["state"] == "refused":
        yield "The sample study was refused on reception; nothing of it is stored."
        yield f"  Reason:       {study['rule']}: {study['reason']}"
        return
    yield f"The sample study ({study['instances']} instances) is {study['state']}."
    decision = study.get("decision") or {}
    if study.get("policy"):
        yield (
            f"  Decision:     {decision.get('outcome', study['state'])} "
            f"by policy {study['policy']}, version {study['policy_version']} "
            f"({str(study.get('policy_digest'))[:12]})"
        )
    if study["state"] != "done":
        yield f"  Reason:       {study.get('rule')}: {study.get('reason')}"
    counts = study.get("actions") or {}
    for position, (code, count) in enumerate(sorted(counts.items())):
        title = "  De-identified:" if position == 0 else " " * 16
        yield f"{title:<16}{count:>5} x {code} ({ACTIONS.get(code, 'changed')})"
    for delivery in study.get("deliveries") or ():
        yield (
            f"  Delivered:    {delivery['destination']} ({delivery['via']}): {delivery['state']}, "
            f"{delivery['receipts']} of {delivery['instances']} instances confirmed by receipt"
        )


def _arrived(running: RunningSite, study: Mapping[str, Any]) -> Iterator[str]:
    """Ask the research archive itself what it holds, and not only our own ledger."""
    if study["state"] != "done":
        return
    there = running.research.get_json("/statistics") or {}
    studies = there.get("CountStudies", 0)
    yield (
        f"  At research:  {there.get('CountInstances', 0)} instances "
        f"in {studies} {'study' if studies == 1 else 'studies'}"
    )


def _send(port: int, *, may_be_refused: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = write_sample(Path(folder))
        command = [STORESCU, "-aet", CALLING_AET, "-aec", GATEWAY_AET, "127.0.0.1", str(port)]
        sent = subprocess.run(  # noqa: S603  our own arguments
            [*command, *map(str, files)],
            env={**os.environ, "TCP_NODELAY": "1"},
            capture_output=True,
            check=False,
        )
    if sent.returncode != 0 and not may_be_refused:
        raise StartError(f"storescu could not send the sample (exit code {sent.returncode})")
