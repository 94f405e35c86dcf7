"""Goal: the archive's client tells what Orthanc says, repeats what may be repeated, quotes nothing.

Method: a small HTTP server that answers as Orthanc does, and closes connections when it is told to.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from gatehouse.adapters.orthanc_client import ArchiveError, OrthancArchive
from gatehouse.errors import UnavailableError
from gatehouse.pipeline.ports import ChangeEntry
from gatehouse.policy.model import Origin


class FakeOrthanc:
    """What the server answers, by method and path without its query."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], tuple[int, bytes]] = {}
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.cut_off = 0
        self.url = ""

    def answer(self, method: str, path: str, body: Any = b"", status: int = 200) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers[method, path] = (status, raw)


@pytest.fixture
def orthanc() -> Iterator[FakeOrthanc]:
    fake = FakeOrthanc()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if fake.cut_off:
                fake.cut_off -= 1
                self.close_connection = True
                return
            fake.asked.append((self.command, self.path, dict(self.headers), body))
            status, answer = fake.answers.get(
                (self.command, self.path.partition("?")[0]), (404, b"")
            )
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            if status == 302:
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = handle_any  # noqa: N815

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        fake.url = f"http://127.0.0.1:{server.server_port}"
        yield fake
        server.shutdown()


@pytest.fixture
def archive(orthanc: FakeOrthanc) -> OrthancArchive:
    return OrthancArchive(orthanc.url, "Bearer token", read_timeout_s=60)


def row(orthanc_id: str, **metadata: str) -> dict[str, Any]:
    return {
        "ID": orthanc_id,
        "ParentSeries": "series",
        "FileUuid": f"file-of-{orthanc_id}",
        "MainDicomTags": {"SOPInstanceUID": "1.2.3"},
        "Metadata": metadata,
    }


def test_changes_are_those_of_new_instances(orthanc: FakeOrthanc, archive: OrthancArchive) -> None:
    rows = [
        {"ChangeType": "NewInstance", "ID": "a", "Seq": 7},
        {"ChangeType": "NewSeries", "ID": "b", "Seq": 8},
    ]
    orthanc.answer("GET", "/changes", {"Changes": rows, "Last": 8, "Done": True})

    assert archive.changes(6, 100) == ([ChangeEntry(7, "a")], 8, True)
    assert orthanc.asked[0][1] == "/changes?since=6&limit=100"
    assert orthanc.asked[0][2]["Authorization"] == "Bearer token"
    assert orthanc.asked[0][2]["Accept-Encoding"] == "identity"


def test_an_instance_is_described_with_origin_digest_study_and_time(
    orthanc: FakeOrthanc, archive: OrthancArchive
) -> None:
    about = {
        "Origin": "DicomProtocol",
        "RemoteAET": "CT7",
        "CalledAET": "GATEHOUSE",
        "RemoteIP": "10.0.0.7",
        "ReceptionDate": "20261121T234411",
    }
    orthanc.answer("POST", "/tools/bulk-content", [row("a", **about)])
    orthanc.answer("GET", "/series/series", {"ParentStudy": "study"})
    orthanc.answer("GET", "/instances/a/attachments/dicom/md5", b"0123")

    [found] = archive.describe(["a"])

    assert found.study_orthanc_id == "study"
    assert found.series_orthanc_id == "series"
    assert found.attachment_digest == "0123"
    assert found.origin == Origin("dicom", "CT7", "GATEHOUSE", "10.0.0.7", "")
    assert found.stored_at == 1795304651.0


@pytest.mark.parametrize(
    ("metadata", "origin"),
    [
        ({"Origin": "RestApi", "HttpUsername": "bob"}, Origin("http", user="bob")),
        ({"Origin": "Plugins"}, Origin("plugin")),
        ({"Origin": "Lua"}, Origin("lua")),
        ({"Origin": "Something new"}, Origin("")),
        ({}, Origin("")),
    ],
)
def test_every_way_in_has_its_origin(
    orthanc: FakeOrthanc, archive: OrthancArchive, metadata: dict[str, str], origin: Origin
) -> None:
    orthanc.answer("POST", "/tools/bulk-content", [row("a", **metadata)])
    orthanc.answer("GET", "/series/series", {"ParentStudy": "study"})

    [found] = archive.describe(["a"])

    assert found.origin == origin
    assert found.stored_at is None


def test_without_digests_in_orthanc_the_name_of_the_file_tells_that_it_changed(
    orthanc: FakeOrthanc, archive: OrthancArchive
) -> None:
    orthanc.answer("POST", "/tools/bulk-content", [row("a")])
    orthanc.answer("GET", "/series/series", {"ParentStudy": "study"})

    [found] = archive.describe(["a"])

    assert found.attachment_digest == "uuid:file-of-a"


def test_many_instances_are_asked_for_in_parts_and_their_series_once(
    orthanc: FakeOrthanc, archive: OrthancArchive
) -> None:
    orthanc.answer("POST", "/tools/bulk-content", [row("a")])
    orthanc.answer("GET", "/series/series", {"ParentStudy": "study"})

    archive.describe([str(number) for number in range(501)])
    archive.describe(["a"])

    paths = [path for _, path, _, _ in orthanc.asked]
    assert paths.count("/tools/bulk-content") == 3
    assert paths.count("/series/series") <= 2


def test_an_instance_whose_series_is_gone_is_left_out(
    orthanc: FakeOrthanc, archive: OrthancArchive
) -> None:
    orthanc.answer("POST", "/tools/bulk-content", [row("a")])

    assert archive.describe(["a"]) == []


def test_nothing_is_asked_for_nothing(orthanc: FakeOrthanc, archive: OrthancArchive) -> None:
    assert archive.describe([]) == []
    assert orthanc.asked == []


def test_an_instance_is_read_as_it_is(orthanc: FakeOrthanc, archive: OrthancArchive) -> None:
    orthanc.answer("GET", "/instances/a/file", b"\0\1\2")

    assert archive.read("a") == b"\0\1\2"


def test_an_instance_that_is_gone_is_a_lookup_error(archive: OrthancArchive) -> None:
    with pytest.raises(LookupError):
        archive.read("a")


def test_an_output_is_stored_under_the_id_that_orthanc_gives(
    orthanc: FakeOrthanc, archive: OrthancArchive
) -> None:
    orthanc.answer("POST", "/instances", {"ID": "made", "Status": "Success"})

    assert archive.store(b"dicom") == "made"
    assert orthanc.asked[0][3] == b"dicom"


def test_an_output_that_orthanc_does_not_keep_is_an_error(
    orthanc: FakeOrthanc, archive: OrthancArchive
) -> None:
    orthanc.answer("POST", "/instances", {"ID": "made", "Status": "FilteredOut"})

    with pytest.raises(ArchiveError):
        archive.store(b"dicom")


@pytest.mark.parametrize(("has_labels", "puts"), [(True, 2), (False, 1)])
def test_a_study_is_marked_with_a_label_only_where_there_are_labels(
    orthanc: FakeOrthanc, archive: OrthancArchive, has_labels: bool, puts: int
) -> None:
    orthanc.answer("GET", "/system", {"HasLabels": True} if has_labels else {"Version": "1.10.1"})
    orthanc.answer("PUT", "/studies/s/metadata/4251")
    orthanc.answer("PUT", "/studies/s/labels/deid-lung")

    archive.mark("s", {"GatehousePolicy": "lung 3"}, "deid-lung")

    put = [(path, body) for method, path, _, body in orthanc.asked if method == "PUT"]
    assert len(put) == puts
    assert put[0] == ("/studies/s/metadata/4251", b"lung 3")


def test_a_dead_connection_is_tried_once_more(
    orthanc: FakeOrthanc, archive: OrthancArchive
) -> None:
    orthanc.answer("GET", "/system", {"Version": "1"})
    archive.system()
    orthanc.cut_off = 1

    assert archive.system() == {"Version": "1"}


def test_an_orthanc_that_is_away_can_be_tried_later(
    orthanc: FakeOrthanc, archive: OrthancArchive
) -> None:
    orthanc.cut_off = 2

    with pytest.raises(UnavailableError, match="Orthanc: GET /system: no answer"):
        archive.system()


@pytest.mark.parametrize("status", [401, 403, 500, 503, 302])
def test_any_other_status_is_an_error_that_quotes_nothing(
    orthanc: FakeOrthanc, archive: OrthancArchive, status: int
) -> None:
    orthanc.answer("GET", "/instances/a/file", b"SECRET^VALUE", status)

    with pytest.raises(ArchiveError) as caught:
        archive.read("a")

    assert str(caught.value) == f"Orthanc: GET /instances/a/file: status {status}"


def test_a_name_of_a_modality_is_quoted(orthanc: FakeOrthanc, archive: OrthancArchive) -> None:
    orthanc.answer("GET", "/modalities/a%2Fb%20c/configuration", {"AET": "X"})

    assert archive.modality("a/b c") == {"AET": "X"}


def test_an_answer_that_is_not_json_is_an_error_of_the_archive(
    orthanc: FakeOrthanc, archive: OrthancArchive
) -> None:
    orthanc.answer("GET", "/system", b"<html>SECRET")

    with pytest.raises(ArchiveError):
        archive.system()
