"""Goal: what DICOMweb servers, peers and buckets say about each instance is what we keep.

Method: the senders against Orthanc's DICOMweb plugin, a peer, an S3 server on this machine, and a
server that answers as it is told.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from gatehouse.adapters.destinations.configuration import Bucket, Credentials, HttpServer
from gatehouse.adapters.destinations.dicomweb import INSTANCES_AT_ONCE, DicomWebDestination
from gatehouse.adapters.destinations.http_server import HttpError
from gatehouse.adapters.destinations.peer import PeerDestination
from gatehouse.adapters.destinations.s3 import S3Destination, key_of
from gatehouse.errors import DeliveryError
from gatehouse.policy.model import Delivery
from support.orthanc import DEBIAN_12, PASSWORD, USER, Orthanc
from support.outgoing import outgoing

BY_WEB = Delivery("archive", "dicomweb")
BY_PEER = Delivery("archive", "peer")
BY_S3 = Delivery("archive", "s3")
SECRET = "a secret for tests only"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """An Orthanc that speaks DICOMweb."""
    plugin = DEBIAN_12.plugins / "libOrthancDicomWeb.so"
    with Orthanc(
        tmp_path_factory.mktemp("archive"), Plugins=[str(plugin)], DicomWeb={"Enable": True}
    ) as orthanc:
        yield orthanc


def web_server(archive: Orthanc, **changes: Any) -> HttpServer:
    return replace(HttpServer(f"{archive.url}/dicom-web", USER, PASSWORD), **changes)


def test_a_dicomweb_server_names_every_instance_that_it_stored(
    archive: Orthanc, tmp_path: Path
) -> None:
    # More than one request takes.
    numbers = range(INSTANCES_AT_ONCE + 2)
    instances = [outgoing(tmp_path, 100 + number) for number in numbers]
    destination = DicomWebDestination({"archive": web_server(archive)})

    receipts = list(destination.send(BY_WEB, instances))

    assert [(one.sop_instance_uid, one.status, one.is_stored) for one in receipts] == [
        (one.sop_instance_uid, "200", True) for one in instances
    ]
    stored = set(archive.get("/instances").json())
    assert {one.orthanc_id for one in instances} <= stored


def test_a_file_arrives_by_stow_as_it_is(archive: Orthanc, tmp_path: Path) -> None:
    instance = outgoing(tmp_path, 150)

    list(DicomWebDestination({"archive": web_server(archive)}).send(BY_WEB, [instance]))

    assert archive.get(f"/instances/{instance.orthanc_id}/file").content == (
        instance.file.read_bytes()
    )


def test_qido_lists_what_is_there_and_nothing_else(archive: Orthanc, tmp_path: Path) -> None:
    there, absent = outgoing(tmp_path, 160), outgoing(tmp_path, 161)
    destination = DicomWebDestination({"archive": web_server(archive)})
    list(destination.send(BY_WEB, [there]))

    found, how = destination.present(BY_WEB, [there, absent])

    assert (found, how) == ({there.sop_instance_uid}, "QIDO-RS")


def test_a_dicomweb_server_that_answers_passes_the_test(archive: Orthanc) -> None:
    destination = DicomWebDestination({"archive": web_server(archive)})

    assert destination.test("archive") == "QIDO-RS answered"


def test_a_wrong_password_is_said_by_its_status_and_can_be_mended(
    archive: Orthanc, tmp_path: Path
) -> None:
    destination = DicomWebDestination({"archive": web_server(archive, password="wrong")})

    with pytest.raises(HttpError, match="send by STOW-RS: status 401"):
        list(destination.send(BY_WEB, [outgoing(tmp_path)]))


class Told(ThreadingHTTPServer):
    """A server that gives each request the same answer, and notes what it was sent."""

    def __init__(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self._answer()

            def do_PUT(self) -> None:
                self._answer()

            def _answer(self) -> None:
                sent = self.rfile.read(int(self.headers["Content-Length"]))
                told.requests.append((self.path, dict(self.headers), sent))
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def tell() -> Iterator[Callable[..., Told]]:
    servers: list[Told] = []

    def start(*arguments: Any) -> Told:
        servers.append(Told(*arguments))
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def item(number: int, reason: str = "", value: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = {"00081155": {"vr": "UI", "Value": [f"1.2.3.{number}"]}}
    if reason:
        found[reason] = {"vr": "US", "Value": [value]}
    return found


def test_what_a_server_stored_with_a_warning_failed_or_does_not_name_is_told_apart(
    tell: Callable[..., Told], tmp_path: Path
) -> None:
    response = {
        "00081199": {"vr": "SQ", "Value": [item(1), item(2, "00081196", 0xB000)]},
        "00081198": {"vr": "SQ", "Value": [item(3, "00081197", 0xA700)]},
    }
    server = tell(202, json.dumps(response).encode())
    destination = DicomWebDestination({"archive": HttpServer(server.url)})

    receipts = list(destination.send(BY_WEB, [outgoing(tmp_path, n) for n in (1, 2, 3, 4)]))

    assert [(one.status, one.is_stored) for one in receipts] == [
        ("202", True),
        ("0xB000", True),
        ("0xA700", False),
        ("202", False),
    ]


@pytest.mark.parametrize(
    ("status", "response"),
    [(200, {}), (200, {"00081199": {"vr": "SQ"}}), (409, {}), (202, {"00081198": {"vr": "SQ"}})],
)
def test_an_answer_that_names_no_instance_is_a_receipt_for_none(
    tell: Callable[..., Told], tmp_path: Path, status: int, response: dict[str, Any]
) -> None:
    server = tell(status, json.dumps(response).encode())
    destination = DicomWebDestination({"archive": HttpServer(server.url)})

    receipts = list(destination.send(BY_WEB, [outgoing(tmp_path, n) for n in (1, 2)]))

    assert [(one.status, one.is_stored) for one in receipts] == [(str(status), False)] * 2


def test_an_instance_that_is_named_as_stored_and_as_failed_is_not_stored(
    tell: Callable[..., Told], tmp_path: Path
) -> None:
    response = {
        "00081199": {"vr": "SQ", "Value": [item(1)]},
        "00081198": {"vr": "SQ", "Value": [item(1, "00081197", 0xC000)]},
    }
    server = tell(202, json.dumps(response).encode())
    destination = DicomWebDestination({"archive": HttpServer(server.url)})

    [receipt] = destination.send(BY_WEB, [outgoing(tmp_path, 1)])

    assert (receipt.status, receipt.is_stored) == ("0xC000", False)


def test_headers_of_the_settings_go_with_each_request_and_the_files_as_they_are(
    tell: Callable[..., Told], tmp_path: Path
) -> None:
    server = tell(200, b"{}")
    about = HttpServer(server.url, headers={"Authorization": "Bearer token"})
    instance = outgoing(tmp_path)

    list(DicomWebDestination({"archive": about}).send(BY_WEB, [instance]))

    [(path, headers, body)] = server.requests
    assert path == "/studies"
    assert headers["Authorization"] == "Bearer token"
    assert headers["Content-Type"].startswith('multipart/related; type="application/dicom"')
    assert instance.file.read_bytes() in body


@pytest.mark.parametrize(
    ("status", "headers"), [(302, {"Location": "http://127.0.0.1:1/"}), (500, {}), (403, {})]
)
def test_a_server_that_sends_us_elsewhere_or_refuses_us_is_not_followed(
    tell: Callable[..., Told], tmp_path: Path, status: int, headers: dict[str, str]
) -> None:
    server = tell(status, b"", headers)
    destination = DicomWebDestination({"archive": HttpServer(server.url)})

    with pytest.raises(HttpError, match=f"status {status}"):
        list(destination.send(BY_WEB, [outgoing(tmp_path)]))


def test_an_answer_that_is_no_response_of_stow_stores_nothing(
    tell: Callable[..., Told], tmp_path: Path
) -> None:
    server = tell(200, b"<html>")
    destination = DicomWebDestination({"archive": HttpServer(server.url)})

    with pytest.raises(DeliveryError, match="something else than STOW-RS"):
        list(destination.send(BY_WEB, [outgoing(tmp_path)]))


def test_a_peer_is_asked_by_its_own_rest_api(archive: Orthanc, tmp_path: Path) -> None:
    there, absent = outgoing(tmp_path, 170), outgoing(tmp_path, 171)
    archive.upload(there.file.read_bytes())
    server = HttpServer(archive.url, USER, PASSWORD)
    destination = PeerDestination(_NobodySends(), {"archive": server})

    found, how = destination.present(BY_PEER, [there, absent])

    assert (found, how) == ({there.sop_instance_uid}, "REST")
    assert destination.test("archive") == "the peer's REST API answered"


class _NobodySends:
    def store_at_peer(self, *_: object) -> Any:
        raise AssertionError("nothing is sent in this test")


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """URL of an S3 server."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def s3_client(bucket: Bucket) -> Any:
    """Speak to the server of a bucket as somebody else would."""
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=bucket.endpoint,
        region_name="us-east-1",
        aws_access_key_id="an-access-key",
        aws_secret_access_key=SECRET,
    )


@pytest.fixture
def bucket(s3: str, request: pytest.FixtureRequest) -> Bucket:
    """A new bucket."""
    made = Bucket(
        f"bucket-{abs(hash(request.node.name))}",
        Credentials("an-access-key", SECRET),
        endpoint=s3,
        prefix="de-identified/",
        path_style=True,
    )
    s3_client(made).create_bucket(Bucket=made.bucket)
    return made


def test_an_object_has_its_digest_and_its_place(bucket: Bucket, tmp_path: Path) -> None:
    instances = [outgoing(tmp_path, number) for number in (1, 2, 3)]

    receipts = list(S3Destination({"archive": bucket}).send(BY_S3, instances))

    assert [(one.status, one.is_stored) for one in receipts] == [("200", True)] * 3
    assert all("ETag " in one.detail for one in receipts)
    client = s3_client(bucket)
    for one in instances:
        key = f"de-identified/{one.study_instance_uid}/{one.series_instance_uid}/"
        assert key_of(bucket, one) == f"{key}{one.sop_instance_uid}.dcm"
        stored = client.get_object(Bucket=bucket.bucket, Key=key_of(bucket, one))
        assert stored["Body"].read() == one.file.read_bytes()
        assert stored["Metadata"] == {"sha256": one.sha256}


def test_an_object_is_there_only_with_the_digest_that_it_must_have(
    bucket: Bucket, tmp_path: Path
) -> None:
    destination = S3Destination({"archive": bucket})
    there, absent = outgoing(tmp_path, 1), outgoing(tmp_path, 2)
    list(destination.send(BY_S3, [there]))

    found, _ = destination.present(BY_S3, [there, absent])
    other, _ = destination.present(BY_S3, [replace(there, sha256="0" * 64)])

    assert (found, other) == ({there.sop_instance_uid}, set())
    assert destination.test("archive") == "the bucket answered"


def digests(content: bytes) -> tuple[str, str]:
    """Return MD5 as an ETag has it, and SHA-256 as S3 writes it."""
    return (
        f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"',
        base64.b64encode(hashlib.sha256(content).digest()).decode(),
    )


OTHER_MD5, OTHER_SHA256 = digests(b"other bytes")


@pytest.mark.parametrize(
    ("headers", "is_stored"),
    [
        ({}, False),
        ({"ETag": OTHER_MD5}, False),
        ({"ETag": OTHER_MD5, "x-amz-checksum-sha256": OTHER_SHA256}, False),
        ({"ETag": '"9b2cf535f27731c974343645a3985328-1"'}, False),
        ({"ETag": "MD5"}, True),
        ({"x-amz-checksum-sha256": "SHA256"}, True),
        # An encrypted object's ETag is no MD5.
        ({"ETag": OTHER_MD5, "x-amz-checksum-sha256": "SHA256"}, True),
    ],
)
def test_a_store_that_answers_200_gives_a_receipt_only_by_the_digest_of_what_was_sent(
    bucket: Bucket,
    tell: Callable[..., Told],
    tmp_path: Path,
    headers: dict[str, str],
    is_stored: bool,
) -> None:
    instance = outgoing(tmp_path)
    right = dict(zip(("MD5", "SHA256"), digests(instance.file.read_bytes()), strict=True))
    server = tell(200, b"", {name: right.get(text, text) for name, text in headers.items()})
    destination = S3Destination({"archive": replace(bucket, endpoint=server.url)})

    [receipt] = destination.send(BY_S3, [instance])

    assert receipt.is_stored is is_stored


def test_an_object_that_was_cut_short_is_not_there(bucket: Bucket, tmp_path: Path) -> None:
    destination = S3Destination({"archive": bucket})
    instance = outgoing(tmp_path)
    client = s3_client(bucket)
    client.put_object(
        Bucket=bucket.bucket,
        Key=key_of(bucket, instance),
        Body=instance.file.read_bytes()[:-1],
        Metadata={"sha256": instance.sha256},
    )

    found, _ = destination.present(BY_S3, [instance])

    assert found == set()


def test_an_object_with_other_bytes_is_not_there(bucket: Bucket, tmp_path: Path) -> None:
    destination = S3Destination({"archive": bucket})
    instance = outgoing(tmp_path)
    s3_client(bucket).put_object(
        Bucket=bucket.bucket,
        Key=key_of(bucket, instance),
        Body=bytes(instance.size),
        Metadata={"sha256": instance.sha256},
        ChecksumAlgorithm="SHA256",
    )

    found, _ = destination.present(BY_S3, [instance])

    assert found == set()


def test_a_bucket_that_is_not_there_is_a_failure_without_a_word_of_the_secret(
    bucket: Bucket, tmp_path: Path
) -> None:
    destination = S3Destination({"archive": replace(bucket, bucket="nobody-made-this")})

    with pytest.raises(DeliveryError, match="write an object: the store answered") as caught:
        list(destination.send(BY_S3, [outgoing(tmp_path)]))

    assert SECRET not in repr(caught.value) + repr(bucket)
    assert not caught.value.is_permanent


def test_a_store_that_is_not_there_can_be_tried_again(bucket: Bucket, tmp_path: Path) -> None:
    destination = S3Destination({"archive": replace(bucket, endpoint="http://127.0.0.1:1")})

    with pytest.raises(DeliveryError, match="EndpointConnectionError"):
        list(destination.send(BY_S3, [outgoing(tmp_path)]))


def test_an_instance_that_has_changed_since_it_was_verified_is_not_written(
    bucket: Bucket, tmp_path: Path
) -> None:
    instance = outgoing(tmp_path)
    instance.file.write_bytes(b"something else")

    with pytest.raises(DeliveryError, match="has changed since it was verified"):
        list(S3Destination({"archive": bucket}).send(BY_S3, [instance]))


def test_environment_variables_of_aws_change_nothing(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    receipts = list(S3Destination({"archive": bucket}).send(BY_S3, [outgoing(tmp_path)]))

    assert [one.is_stored for one in receipts] == [True]
