"""Goal: STOW-RS and S3 from the policy to the receipts, through a gateway as it is in production.

Method: a real gateway with the plugin, an Orthanc that speaks DICOMweb and an S3 server; either is
taken away in the middle and comes back. What arrived is read from the destinations themselves.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from support.dicom_builder import series, to_bytes
from support.gateway import Gateway
from support.orthanc import DEBIAN_12, PASSWORD, USER, Orthanc, eventually, free_port

pytestmark = pytest.mark.live

PATIENCE_S = 180.0
CANARY = "Qzxcanary"
SLICES = 3
KEYS = {"AccessKeyId": "an-access-key", "SecretAccessKey": "a secret for tests only"}

POLICY = """\
policy: {name}
version: 1
description: {name}
owner: test
stage: active
match: {{Modality: {{is: {modality}}}}}
deidentify:
  profile: basic
  project: test
deliver:
{deliver}
"""
TO_BOTH = """\
  - to: archive
    via: dicomweb
    verify: query
    retry: {for: 1h, backoff: 1s..2s}
  - to: bucket
    via: s3
    retry: {for: 1h, backoff: 1s..2s}"""
TO_VAULT = """\
  - to: vault
    via: s3
    retry: {for: 1s, backoff: 1s..1s}"""
SENDING = {"Breaker": {"Failures": 2, "ProbeSeconds": 1, "LongestProbeSeconds": 2}}


class Store:
    """An S3 server that can go away and come back with what it had."""

    def __init__(self) -> None:
        self.port = free_port()
        self.start()
        self.client = boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=KEYS["AccessKeyId"],
            aws_secret_access_key=KEYS["SecretAccessKey"],
        )
        self.client.create_bucket(Bucket="images")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
        self._server.start()

    def kill(self) -> None:
        self._server.stop()

    def objects(self, bucket: str = "images") -> dict[str, bytes]:
        """Return the objects by the SOP Instance UID in their key; each has its digest."""
        found = {}
        for one in self.client.list_objects_v2(Bucket=bucket).get("Contents", []):
            answer = self.client.get_object(Bucket=bucket, Key=one["Key"])
            content = answer["Body"].read()
            assert answer["Metadata"] == {"sha256": hashlib.sha256(content).hexdigest()}
            found[Path(one["Key"]).stem] = content
        return found


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    plugin = DEBIAN_12.plugins / "libOrthancDicomWeb.so"
    with Orthanc(
        tmp_path_factory.mktemp("archive"), Plugins=[str(plugin)], DicomWeb={"Enable": True}
    ) as orthanc:
        yield orthanc


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    made = Store()
    yield made
    made.kill()


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, archive: Orthanc, store: Store
) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    credentials = folder / "s3.json"
    credentials.touch(mode=0o600)
    credentials.write_text(json.dumps(KEYS))
    bucket = {"Endpoint": store.url, "CredentialsFile": str(credentials), "PathStyle": True}
    made = Gateway(
        folder / "gateway",
        settings={
            "S3": {
                "bucket": {**bucket, "Bucket": "images", "Prefix": "de-identified/"},
                "vault": {**bucket, "Bucket": "nobody-made-it-yet"},
            },
            "Sending": {"dicomweb": {"archive": SENDING}, "s3": {"bucket": SENDING}},
        },
        # Handed over by the plugin, with the password, as the site's own configuration has it.
        DicomWeb={"Servers": {"archive": [f"{archive.url}/dicom-web/", USER, PASSWORD]}},
    )
    for name, modality, deliver in (("both", "CT", TO_BOTH), ("vault", "MR", TO_VAULT)):
        (made.policies / name).mkdir()
        (made.policies / name / f"{name}.yaml").write_text(
            POLICY.format(name=name, modality=modality, deliver=deliver)
        )
    shutil.rmtree(made.policies / "everything")
    (made.policies / "pack.yaml").write_text("policies: [both, vault]\n")
    with made as running:
        yield running


def receive(gateway: Gateway, number: int, **attributes: Any) -> str:
    """Store a study in the gateway; return its Orthanc ID."""
    uid = f"1.2.826.0.1.3680043.8.498.4713.{number}"
    for index, one in enumerate(
        series(
            SLICES,
            StudyInstanceUID=uid,
            SeriesInstanceUID=f"{uid}.1",
            PatientName=f"{CANARY}^Name",
            PatientID=f"{CANARY}-{number}",
            **attributes,
        )
    ):
        one.SOPInstanceUID = f"{uid}.1.{index}"
        instance = gateway.upload(to_bytes(one))
    return str(gateway.get(f"/instances/{instance}/study").json()["ID"])


def study_of(gateway: Gateway, study: str, state: str) -> dict[str, Any]:
    """Wait until all of a study is in a state; return what the gateway says of it."""

    def found() -> dict[str, Any] | None:
        answer = gateway.get(f"/gatehouse/studies/{study}")
        about: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        is_whole = about.get("instances") == SLICES
        return about if is_whole and about["state"] == state else None

    return eventually(found, PATIENCE_S, f"the study is not {state}")


def files_of(archive: Orthanc) -> dict[str, bytes]:
    return {
        archive.get(f"/instances/{one}/simplified-tags").json()["SOPInstanceUID"]: archive.get(
            f"/instances/{one}/file"
        ).content
        for one in archive.get("/instances").json()
    }


@pytest.mark.parametrize(("number", "away"), [(1, "dicomweb"), (2, "s3")])
def test_a_study_arrives_at_the_one_while_the_other_is_away_and_there_when_it_is_back(
    gateway: Gateway, archive: Orthanc, store: Store, number: int, away: str
) -> None:
    servers: dict[str, Orthanc | Store] = {"dicomweb": archive, "s3": store}
    listed: dict[str, Callable[[], dict[str, bytes]]] = {
        "dicomweb": lambda: files_of(archive),
        "s3": store.objects,
    }
    [there] = set(servers) - {away}
    before = listed[there]()
    servers[away].kill()

    study = receive(gateway, number)
    arrived_first = eventually(
        lambda: len(now := listed[there]()) == len(before) + SLICES and now, PATIENCE_S
    )
    waiting = eventually(
        lambda: [
            one
            for one in gateway.ask("deliveries?state=waiting")["deliveries"]
            if one["via"] == away and one["attempts"] >= 2
        ],
        PATIENCE_S,
    )
    servers[away].start()
    done = study_of(gateway, study, "done")

    assert waiting[0]["last_error"]
    of_both = [listed[via]() for via in ("dicomweb", "s3")]
    assert of_both[0] == of_both[1]
    new = {uid: file for uid, file in of_both[0].items() if uid not in before}
    assert new.keys() == arrived_first.keys() - before.keys()
    assert not any(CANARY.lower().encode() in file.lower() for file in new.values())
    last = {one["via"]: one for one in done["deliveries"]}
    assert {via: one["state"] for via, one in last.items()} == {
        "dicomweb": "delivered",
        "s3": "delivered",
    }


def test_a_delivery_that_was_given_up_arrives_when_an_operator_retries_it_over_rest(
    gateway: Gateway, store: Store
) -> None:
    study = receive(gateway, 3, Modality="MR")
    held = study_of(gateway, study, "held")
    [failed] = [one for one in held["deliveries"] if one["state"] == "failed"]
    by_viewer = gateway.post(
        f"/gatehouse/deliveries/{failed['id']}/retry", json={}, auth=("viola", PASSWORD)
    )
    store.client.create_bucket(Bucket="nobody-made-it-yet")

    by_operator = gateway.post(
        f"/gatehouse/deliveries/{failed['id']}/retry", json={}, auth=("oscar", PASSWORD)
    )
    done = study_of(gateway, study, "done")

    assert held["rule"] == "delivery.failed"
    assert failed["last_error"] == "write an object: the store answered NoSuchBucket"
    assert (by_viewer.status_code, by_operator.status_code) == (403, 200)
    [delivered] = [one for one in done["deliveries"] if one["id"] == failed["id"]]
    assert (delivered["state"], delivered["receipts"]) == ("delivered", SLICES)
    assert len(store.objects("nobody-made-it-yet")) == SLICES
    audit = gateway.ask("audit?limit=1000")
    assert "delivery.retried" in json.dumps(audit)
