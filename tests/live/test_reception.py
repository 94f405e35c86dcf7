"""Goal: in reception mode nothing identified is ever at rest in Orthanc, on every version at hand.

Method: real Orthancs with our callback over a handed-over pack, real C-STORE and HTTP clients. The
storage area is searched for canaries: Orthanc keeps files as they are, unless it is told otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
import requests
from pydicom import dcmread
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage

from gatehouse.adapters import reception_files
from gatehouse.pipeline.reception_journal import ReceptionMark, ReceptionRefusal
from support.dicom_builder import ct, to_bytes
from support.disks import SmallDisk
from support.orthanc import ROOT, Installation, Orthanc, eventually, installations
from support.reception import ADULTS, hand_over, journal, key_file, pack, policy
from support.unix_server import unix_service

pytestmark = pytest.mark.live

CANARY = "CNRY"
"""In every value that tells who somebody is; in bytes of an output it never occurs by chance."""

SCRIPT = f"""
import signal
import sys
from pathlib import Path

import orthanc

sys.path.insert(0, {str(ROOT / "plugin")!r})
from gatehouse.adapters.own_output import OwnOutputs
from gatehouse.adapters.reception import Desk, received_callback

# A limit on files, where a test has no full disk to give, must not end Orthanc by a signal.
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
HERE = Path(__file__).parent
own = OwnOutputs(HERE / "home" / "run" / "service.sock", "secret", timeout_s=30)
desk = Desk(HERE / "home", HERE / "master.key", own)
received = received_callback(orthanc, desk)
orthanc.RegisterReceivedInstanceCallback(received)
"""


class Gateway(Orthanc):
    """An Orthanc with our callback, in a folder of its own."""

    def __init__(self, folder: Path, installation: Installation) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "script.py").write_text(SCRIPT)
        key_file(folder)
        self.home = folder / "home"
        hand_over(self.home, pack())
        super().__init__(folder, installation, folder / "script.py", DicomCheckCalledAet=False)
        self.configuration["Plugins"].append(str(installation.plugins / "libOrthancDicomWeb.so"))

    def sends(self, dicom: bytes) -> int:
        """Send as a modality does; return the DIMSE status."""
        node = AE("CT7")
        data_set = dcmread(BytesIO(dicom))
        node.add_requested_context(CTImageStorage, data_set.file_meta.TransferSyntaxUID)
        association = node.associate("127.0.0.1", self.dicom_port, ae_title="GATEHOUSE")
        assert association.is_established
        status = association.send_c_store(data_set)
        association.release()
        return int(status.Status)

    def posts(self, dicom: bytes) -> int:
        """Send over HTTP; return its status."""
        return self.post("/instances", data=dicom).status_code

    def stows(self, dicom: bytes) -> int:
        """Send by STOW-RS (PS3.18 section 10.5); return 200 if it says that it was stored."""
        body = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + dicom + b"\r\n--x--\r\n"
        headers = {
            "Accept": "application/dicom+json",
            "Content-Type": 'multipart/related; type="application/dicom"; boundary=x',
        }
        answer = self.post("/dicom-web/studies", data=body, headers=headers)
        # The plugin of Debian 12 answers 200 also where nothing was stored: what was is listed.
        stored = answer.json().get("00081199", {}).get("Value")
        return 200 if answer.status_code == 200 and stored else 409

    def posts_zipped(self, dicom: bytes) -> int:
        """Send in an archive over HTTP, as Orthanc Explorer's upload may; return the status."""
        file = BytesIO()
        with ZipFile(file, "w") as archive:
            archive.writestr("one.dcm", dicom)
        return self.post("/instances", data=file.getvalue()).status_code

    @property
    def instances(self) -> list[str]:
        return sorted(self.get("/instances").json())

    @property
    def marks(self) -> list[ReceptionMark]:
        return [one for one in journal(self.home) if isinstance(one, ReceptionMark)]

    @property
    def rules(self) -> list[str]:
        return [one.rule for one in journal(self.home) if isinstance(one, ReceptionRefusal)]

    def files_with(self, text: str) -> list[str]:
        """Return the files of the storage area, index and journal among them, that hold a text."""
        found = [*self.folder.joinpath("storage").rglob("*"), *self.home.rglob("*")]
        return [
            file.name for file in found if file.is_file() and text.encode() in file.read_bytes()
        ]


@pytest.fixture(scope="module", params=installations(), ids=lambda one: one.name)
def installation(request: pytest.FixtureRequest) -> Installation:
    return request.param


@pytest.fixture(scope="module")
def running(
    installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("reception") / "gateway", installation) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    """Return the running gateway, empty and with the pack that takes everything."""
    hand_over(running.home, pack())
    for study in running.get("/studies").json():
        running.request("DELETE", f"/studies/{study}")
    for file in (running.home / "reception").iterdir():
        file.write_bytes(b"")
    return running


def instance(number: int = 1, **attributes: object) -> bytes:
    values = {
        "StudyInstanceUID": "1.2.3.77",
        "SeriesInstanceUID": "1.2.3.77.1",
        "SOPInstanceUID": f"1.2.3.77.1.{number}",
        "PatientName": f"{CANARY}name^{CANARY}given",
        "PatientID": f"{CANARY}id{number % 7}",
        "AccessionNumber": f"{CANARY}acc",
        "InstitutionName": f"{CANARY} hospital",
        "StudyDescription": f"of {CANARY}",
        "OtherPatientNames": f"Zo\xeb {CANARY}",
        **attributes,
    }
    return to_bytes(ct(**values))


WAYS = ("sends", "posts", "posts_zipped", "stows")


@pytest.mark.parametrize("way", WAYS)
def test_what_is_stored_is_de_identified(gateway: Gateway, way: str) -> None:
    status = getattr(gateway, way)(instance())

    [mark] = gateway.marks
    stored = gateway.get(f"/instances/{mark.instance}/file").content
    assert status == (0x0000 if way == "sends" else 200)
    assert gateway.instances == [mark.instance]
    assert dcmread(BytesIO(stored)).PatientIdentityRemoved == "YES"
    assert gateway.files_with(CANARY) == []


@pytest.mark.parametrize("way", WAYS)
def test_what_is_refused_is_not_stored_and_its_sender_knows(gateway: Gateway, way: str) -> None:
    hand_over(gateway.home, pack(policy(check=ADULTS)))

    status = getattr(gateway, way)(instance(PatientAge="007Y"))

    assert status == {"sends": 0xA700, "posts": 500, "posts_zipped": 500, "stows": 409}[way]
    assert gateway.instances == []
    assert gateway.rules == ["adults-only"]
    assert gateway.files_with(CANARY) == []


def test_a_policy_can_ask_how_an_instance_came(gateway: Gateway) -> None:
    hand_over(gateway.home, pack(policy(match="{all: [{protocol: {in: [dicom]}}]}")))

    assert gateway.sends(instance(1)) == 0x0000
    assert gateway.posts(instance(2)) == 500
    assert gateway.rules == ["no-policy"]


def test_a_name_in_another_script_is_verified_too(gateway: Gateway) -> None:
    name = {"PatientName": f"Пример^{CANARY}", "SpecificCharacterSet": "ISO_IR 192"}

    assert gateway.posts(instance(**name)) == 200
    assert gateway.files_with("Пример") == []


def test_what_is_no_dicom_file_harms_nobody(gateway: Gateway) -> None:
    assert gateway.posts(b"no DICOM at all") in (400, 500)
    assert gateway.posts(instance()[:-100]) == 500
    assert gateway.posts(instance()) == 200
    assert len(gateway.instances) == 1


def test_a_pack_that_is_activated_decides_from_the_next_instance_on(gateway: Gateway) -> None:
    assert gateway.posts(instance(1)) == 200

    hand_over(gateway.home, pack(policy(match="{all: [{Modality: {in: [MR]}}]}")))
    assert gateway.posts(instance(2)) == 500
    reception_files.remove_pack(gateway.home / "run")
    assert gateway.posts(instance(3)) == 500
    hand_over(gateway.home, pack())
    assert gateway.posts(instance(4)) == 200

    assert gateway.rules == ["no-policy", "reception.no-policies"]
    assert len(gateway.instances) == 2


def test_our_own_output_that_comes_back_is_refused(gateway: Gateway) -> None:
    gateway.posts(instance())
    [mark] = gateway.marks
    own = gateway.get(f"/instances/{mark.instance}/file").content

    with unix_service(gateway.home / "run" / "service.sock") as service:
        service.body = b'{"is_own": true}'
        assert gateway.sends(own) == 0xA700

    assert gateway.posts(own) == 500  # nobody answers
    assert gateway.rules == ["reception.own-output", "reception.unanswered"]


def test_what_orthanc_itself_would_make_of_a_study_is_de_identified_too(gateway: Gateway) -> None:
    gateway.posts(instance())
    [mark] = gateway.marks

    answer = gateway.post(
        f"/instances/{mark.instance}/modify",
        json={"Replace": {"PatientName": CANARY, "PatientID": CANARY}, "Force": True},
    )
    gateway.posts(answer.content)

    assert dcmread(BytesIO(answer.content)).PatientID == CANARY
    assert gateway.files_with(CANARY) == []


def test_a_start_with_a_broken_file_of_policies_is_none(
    installation: Installation, tmp_path: Path
) -> None:
    gateway = Gateway(tmp_path / "gateway", installation)
    file = gateway.home / "run" / reception_files.FILE
    file.write_bytes(file.read_bytes()[:-20])

    gateway.launch()

    assert gateway.process is not None
    assert gateway.process.wait(120) != 0
    assert "the policies for reception can't be read" in gateway.log


@pytest.mark.parametrize("folder", ["home/reception", "storage"])
def test_a_full_disk_refuses_and_nothing_is_stored_until_there_is_room(
    installation: Installation, tmp_path: Path, folder: str
) -> None:
    whole = tmp_path / "gateway"
    with SmallDisk(whole / folder) as disk, Gateway(whole, installation) as gateway:
        disk.writers = lambda: [gateway.process.pid] if gateway.process else []
        with disk.full():
            # What was allocated to a file before may take a few lines more.
            sent = [gateway.sends(instance(number)) for number in range(1, 21)]
            posted = gateway.posts(instance(21))
            meanwhile = gateway.instances
        again = [gateway.sends(instance(number)) for number in range(1, 22)]

        assert (sent[-1], posted) == (0xA700, 500)
        assert len(meanwhile) == sent.count(0x0000)
        assert again == [0x0000] * 21
        assert len(gateway.instances) == 21
        assert set(gateway.instances) == {mark.instance for mark in gateway.marks}
        assert gateway.files_with(CANARY) == []


def test_what_was_acknowledged_is_there_after_a_kill(
    installation: Installation, tmp_path: Path
) -> None:
    with Gateway(tmp_path / "gateway", installation) as gateway:
        acknowledged: list[str] = []

        def send(number: int) -> None:
            try:
                answer = gateway.post("/instances", data=instance(number))
            except requests.RequestException:
                return
            acknowledged.append(answer.json()["ID"])

        with ThreadPoolExecutor(2) as senders:
            for number in range(2000):
                senders.submit(send, number)
            eventually(lambda: len(acknowledged) >= 20)
            gateway.kill()
            senders.shutdown(cancel_futures=True)
        assert len(acknowledged) < 2000
        gateway.start()

        marked = {mark.instance for mark in gateway.marks}
        assert set(acknowledged) <= set(gateway.instances) <= marked
        assert gateway.files_with(CANARY) == []
