"""Goal: the settings of destinations mean what they say, and a mistake is named at its place.

Method: JSON objects as they are in the configuration, and what is made of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gatehouse.adapters.destinations.configuration import Commitment, Folder, HttpServer, Tls
from gatehouse.adapters.service import check
from gatehouse.adapters.settings import Settings, read_settings
from gatehouse.errors import ConfigurationError
from gatehouse.pipeline.circuit import Breaker
from gatehouse.pipeline.destinations import DestinationKey
from gatehouse.pipeline.limits import Limits

BASE = {"Home": "/h", "KeyFile": "/k", "OrthancUrl": "http://127.0.0.1:8042"}


def settings(**more: Any) -> Settings:
    return read_settings(json.dumps({**BASE, **more}))


def problem(**more: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        settings(**more)
    return str(caught.value)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.touch(mode=0o600)
    file.write_text("open sesame\n")
    return file


def test_limits_certificates_and_commitment_of_a_destination_are_read() -> None:
    found = settings(
        Sending={
            "dicom": {
                "research-pacs": {
                    "Concurrency": 3,
                    "InstancesPerSecond": 20,
                    "BytesPerSecond": 5e6,
                    "Window": "18:00-07:00",
                    "Breaker": {"Failures": 2, "ProbeSeconds": 10, "LongestProbeSeconds": 60},
                    "Tls": {
                        "TrustedCertificates": "/ca.pem",
                        "Certificate": "/own.pem",
                        "PrivateKey": "/own.key",
                        "VerifyHost": False,
                    },
                    "StorageCommitment": {"Port": 11113, "WaitSeconds": 120},
                }
            },
            "peer": {"other": {}},
        }
    ).sending

    assert found.limits == {
        DestinationKey("dicom", "research-pacs"): Limits(
            3, 20.0, 5e6, ("18:00", "07:00"), Breaker(2, 10.0, 60.0)
        ),
        DestinationKey("peer", "other"): Limits(),
    }
    assert found.tls == {
        "research-pacs": Tls(Path("/ca.pem"), Path("/own.pem"), Path("/own.key"), False)
    }
    assert found.commitments == {"research-pacs": Commitment(11113, 120.0)}


def test_servers_take_their_secrets_from_files(secret: Path, tmp_path: Path) -> None:
    headers = tmp_path / "headers"
    headers.touch(mode=0o600)
    headers.write_text("Authorization: Bearer a:b\n")

    found = settings(
        DicomWebServers={
            "archive": {
                "Url": "https://archive/dicom-web/",
                "Username": "user",
                "PasswordFile": str(secret),
                "HeadersFile": str(headers),
            }
        },
        PeerServers={"peer": {"Url": "http://peer:8042"}},
        Folders={"exchange": {"Path": "/srv/exchange"}},
    )

    assert found.dicomweb_servers == {
        "archive": HttpServer(
            "https://archive/dicom-web",
            "user",
            "open sesame",
            {"Authorization": "Bearer a:b"},
        )
    }
    assert found.peer_servers == {"peer": HttpServer("http://peer:8042")}
    assert found.folders == {"exchange": Folder(Path("/srv/exchange"))}
    assert "sesame" not in repr(found)


def test_a_bucket_takes_its_credentials_from_a_file(secret: Path) -> None:
    secret.write_text('{"AccessKeyId": "id", "SecretAccessKey": "open sesame"}')

    [found] = settings(
        S3={"b": {"Bucket": "name", "CredentialsFile": str(secret), "Prefix": "x/"}}
    ).s3.values()

    assert (found.bucket, found.prefix, found.endpoint) == ("name", "x/", "")
    assert found.credentials.secret_access_key == "open sesame"
    assert "sesame" not in repr(found)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (
            {"Sending": {"pigeon": {}}},
            "Gatehouse.Sending has no way of delivery pigeon; known are dicom, peer, dicomweb, s3, "
            "folder",
        ),
        (
            {"Sending": {"dicom": {"a": {"Concurency": 2}}}},
            "Gatehouse.Sending a: has no key Concurency; did you mean Concurrency?",
        ),
        (
            {"Sending": {"dicom": {"a": {"Concurrency": 0}}}},
            "Gatehouse.Sending a: Concurrency must be a whole number from 1 to 32",
        ),
        (
            {"Sending": {"dicom": {"a": {"Window": "08:00-08:00"}}}},
            "Gatehouse.Sending a: Window would never be open",
        ),
        (
            {"Sending": {"peer": {"a": {"Tls": {"TrustedCertificates": "/ca.pem"}}}}},
            "Gatehouse.Sending peer.a: Tls and StorageCommitment are for dicom alone",
        ),
        (
            {
                "Sending": {
                    "dicom": {name: {"StorageCommitment": {"Port": 11113}} for name in ("a", "b")}
                }
            },
            "Gatehouse.Sending needs another StorageCommitment.Port for each destination",
        ),
        (
            {
                "Sending": {
                    "dicom": {
                        "a": {"Tls": {"TrustedCertificates": "/ca.pem", "Certificate": "/c.pem"}}
                    }
                }
            },
            "Gatehouse.Sending a: Tls needs Certificate and PrivateKey, or neither",
        ),
        (
            {"Folders": {"a": {"Path": "here"}}},
            "Gatehouse.Folders a: Path must be an absolute path",
        ),
        ({"S3": {"a": {"Bucket": "b"}}}, "Gatehouse.S3 a: needs CredentialsFile"),
        (
            {"DicomWebServers": {"a": {"Url": "http://user:secret@host/"}}},
            "Gatehouse.DicomWebServers a: Url must not hold a user or a password",
        ),
        (
            {"DicomWebServers": {"a": {"Url": "http://host/", "Password": "secret"}}},
            "Gatehouse.DicomWebServers a: has no key Password; did you mean PasswordFile?",
        ),
    ],
)
def test_a_mistake_is_named_at_its_place(more: dict[str, Any], text: str) -> None:
    assert problem(**more) == text


@pytest.mark.parametrize("content", ["no JSON", "[]", '{"AccessKeyId": "open sesame"}'])
def test_credentials_that_are_none_are_refused_without_a_word_of_them(
    secret: Path, content: str
) -> None:
    secret.write_text(content)

    assert problem(S3={"b": {"Bucket": "name", "CredentialsFile": str(secret)}}) == (
        "Gatehouse.S3 b: CredentialsFile must hold a JSON object with AccessKeyId and "
        "SecretAccessKey"
    )


def test_a_secret_that_others_can_read_is_refused(secret: Path) -> None:
    secret.chmod(0o644)

    assert "can be read by others than its owner" in problem(
        PeerServers={"a": {"Url": "http://host/", "PasswordFile": str(secret)}}
    )


def test_what_the_plugin_hands_over_may_hold_passwords() -> None:
    found = settings(
        HandedServers={
            "peer": {"a": {"Url": "http://a/", "Username": "user", "Password": "open sesame"}},
            "dicomweb": {"b": {"Url": "https://b/", "Headers": {"X-Key": "open sesame"}}},
        }
    )

    assert found.handed_servers == {
        "peer": {"a": HttpServer("http://a", "user", "open sesame")},
        "dicomweb": {"b": HttpServer("https://b", headers={"X-Key": "open sesame"})},
    }
    assert "sesame" not in repr(found)


def test_limits_of_a_destination_that_is_not_there_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no dicom destination reserch-pacs"):
        check(
            settings(
                Home=str(tmp_path / "home"),
                KeyFile=str(tmp_path / "master.key"),
                Destinations={"dicom": ["research-pacs"]},
                Sending={"dicom": {"reserch-pacs": {"Concurrency": 2}}},
            )
        )
