"""Writes objects to a bucket of S3, or of a store that speaks its protocol.

An object is ``PREFIX STUDY/SERIES/SOP_INSTANCE.dcm``. Its SHA-256 goes with it: the store refuses
bytes that do not have it, and what it answers is compared. Where a store knows no SHA-256, its ETag
must be the MD5 of what was sent. Nothing is taken from the environment or from files of other
programs: neither credentials nor endpoints nor proxies.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gatehouse.adapters.destinations.configuration import Bucket
from gatehouse.adapters.destinations.plain import PlainDestination
from gatehouse.adapters.destinations.several import send_several
from gatehouse.adapters.destinations.uids import as_name
from gatehouse.errors import DeliveryError
from gatehouse.pipeline.ports import InstanceReceipt, OutgoingInstance
from gatehouse.policy.model import Delivery

SENDS_AT_ONCE = 4

SINGLE_PUT_MAX_BYTES = 5 << 30
"""What S3 takes in one request."""

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60

MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
REFUSED = frozenset({"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"})


class S3Destination(PlainDestination):
    """Destinations of ``via: s3`` (``pipeline.ports.Destination``)."""

    def __init__(self, buckets: Mapping[str, Bucket]) -> None:
        self._buckets = buckets
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def send(
        self, delivery: Delivery, instances: Sequence[OutgoingInstance]
    ) -> Iterable[InstanceReceipt]:
        """Write objects, yielding what the store says about each.

        Raises
        ------
        DeliveryError
            If the store can't be reached, or does not let us write.
        """
        bucket, client = self._open(delivery.to)
        return send_several(lambda one: _put(client, bucket, one), instances, SENDS_AT_ONCE)

    def present(
        self, delivery: Delivery, instances: Sequence[OutgoingInstance]
    ) -> tuple[set[str], str]:
        """Ask for the digest that each object was written with."""
        bucket, client = self._open(delivery.to)
        found = {one.sop_instance_uid for one in instances if _has(client, bucket, one)}
        return found, "HEAD"

    def test(self, name: str) -> str:
        """Ask whether the bucket is there and lets us in."""
        bucket, client = self._open(name)
        _call("ask for the bucket", client.head_bucket, Bucket=bucket.bucket)
        return "the bucket answered"

    def _open(self, name: str) -> tuple[Bucket, Any]:
        bucket = self._buckets.get(name)
        if bucket is None:
            raise DeliveryError("the settings have no such bucket", is_permanent=True)
        with self._lock:
            if name not in self._clients:
                self._clients[name] = _client(bucket)
            return bucket, self._clients[name]


def _client(bucket: Bucket) -> Any:
    # Half a second, and only where it is needed.
    import boto3
    from botocore.config import Config

    session = boto3.session.Session(
        aws_access_key_id=bucket.credentials.access_key_id,
        aws_secret_access_key=bucket.credentials.secret_access_key,
        aws_session_token=bucket.credentials.session_token,
        region_name=bucket.region,
    )
    scheme = "https://s3"
    return session.client(
        "s3",
        # Said always: an environment variable could name another one.
        endpoint_url=bucket.endpoint or f"{scheme}.{bucket.region}.amazonaws.com",
        verify=str(bucket.trusted) if bucket.trusted else True,
        config=Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            # Trying again is the delivery's business, which keeps account of it.
            retries={"total_max_attempts": 1},
            proxies={},
            s3={"addressing_style": "path" if bucket.path_style else "auto"},
            max_pool_connections=SENDS_AT_ONCE,
        ),
    )


def key_of(bucket: Bucket, one: OutgoingInstance) -> str:
    """Return the key of an instance's object."""
    study, series = as_name(one.study_instance_uid), as_name(one.series_instance_uid)
    return f"{bucket.prefix}{study}/{series}/{as_name(one.sop_instance_uid)}.dcm"


def _put(client: Any, bucket: Bucket, one: OutgoingInstance) -> InstanceReceipt:
    if one.file.stat().st_size > SINGLE_PUT_MAX_BYTES:
        raise DeliveryError("an instance is larger than S3 takes at once", is_permanent=True)
    body = one.file.read_bytes()
    if hashlib.sha256(body).hexdigest() != one.sha256:
        raise DeliveryError("an instance has changed since it was verified")
    checksum = _checksum(one)
    encryption = {"ServerSideEncryption": bucket.encryption} if bucket.encryption else {}
    if bucket.kms_key_id:
        encryption["SSEKMSKeyId"] = bucket.kms_key_id
    answer = _call(
        "write an object",
        client.put_object,
        Bucket=bucket.bucket,
        Key=key_of(bucket, one),
        Body=body,
        ContentType="application/dicom",
        ChecksumSHA256=checksum,
        Metadata={"sha256": one.sha256},
        **encryption,
    )
    etag = str(answer.get("ETag", "")).strip('"')
    if answer.get("ChecksumSHA256") == checksum:
        return InstanceReceipt(one.sop_instance_uid, "200", True, f"sha256, ETag {etag}")
    if etag == hashlib.md5(body, usedforsecurity=False).hexdigest():
        return InstanceReceipt(one.sop_instance_uid, "200", True, f"ETag {etag}")
    return InstanceReceipt(
        one.sop_instance_uid, "200", False, "it did not say the digest of what it stored"
    )


def _has(client: Any, bucket: Bucket, one: OutgoingInstance) -> bool:
    try:
        answer = _call(
            "ask for an object",
            client.head_object,
            Bucket=bucket.bucket,
            Key=key_of(bucket, one),
            ChecksumMode="ENABLED",
        )
    except LookupError:
        return False
    # The metadata are our own words. What is the store's: how large the object is, and its digest
    # where the store knows one.
    is_ours = answer.get("Metadata", {}).get("sha256") == one.sha256
    checksum = answer.get("ChecksumSHA256", _checksum(one))
    return bool(is_ours and answer.get("ContentLength") == one.size and checksum == _checksum(one))


def _checksum(one: OutgoingInstance) -> str:
    return base64.b64encode(bytes.fromhex(one.sha256)).decode()


def _call(what: str, method: Any, **arguments: Any) -> Mapping[str, Any]:
    """Make a request.

    Raises
    ------
    LookupError
        If what was asked for is not there.
    DeliveryError
        If anything else went wrong: by its code, because the texts hold keys and names.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer: Mapping[str, Any] = method(**arguments)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in MISSING and what == "ask for an object":
            raise LookupError from None
        if code in REFUSED:
            raise DeliveryError(f"{what}: the store does not let us ({code})") from None
        raise DeliveryError(f"{what}: the store answered {code or 'with an error'}") from None
    except (BotoCoreError, OSError) as error:
        raise DeliveryError(f"{what}: {type(error).__name__}") from None
    return answer
