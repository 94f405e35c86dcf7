"""Goal: a folder is de-identified into another one, completely, repeatably, and explained.

Method: the command runs on small folders of generated CTs; what is in the output folder, the report
and the maps is read back with pydicom, json and csv.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from gatehouse.adapters import files, folder_maps, folder_work
from gatehouse.cli import main
from support.dicom_builder import ct, ct_bytes, series, to_bytes

POLICY = """\
policy: plain
version: {version}
description: For tests.
owner: tests@hospital.example
stage: active
match: every-study
{checks}
deidentify: {{profile: basic, project: tests{options}}}
pixels: {{suspicious: accept, because: tests have no pixels}}
deliver: [{{to: nowhere, via: dicom}}]
"""


class Site:
    """Folders for a run: IN, OUT, the maps, a key and a policy."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.source = root / "in"
        self.target = root / "out"
        self.maps = root / "maps"
        self.key = root / "master.key"
        self.source.mkdir()
        self.key.write_bytes(b"k" * 32)
        self.key.chmod(0o600)
        self.write_policy()

    def write_policy(self, version: int = 1, checks: str = "", options: str = "") -> None:
        folder = self.root / "policies" / "plain"
        folder.mkdir(parents=True, exist_ok=True)
        text = POLICY.format(version=version, checks=checks, options=options)
        (folder / "plain.yaml").write_text(text, encoding="utf-8")

    def put(self, path: str, content: bytes | Dataset) -> Path:
        file = self.source / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(to_bytes(content) if isinstance(content, Dataset) else content)
        return file

    def words(self, *more: str) -> list[str]:
        return [
            "deidentify",
            *("--policies", str(self.root / "policies"), "--policy", "plain"),
            *("--key-file", str(self.key), "--maps", str(self.maps)),
            *(more or ("--jobs", "2")),
            *(str(self.source), str(self.target)),
        ]

    def run(self, *more: str) -> int:
        return main(self.words(*more))

    def report(self) -> dict[str, dict[str, Any]]:
        lines = (self.maps / "report.jsonl").read_text(encoding="utf-8").splitlines()
        return {record["source"]: record for record in map(json.loads, lines)}

    def outcomes(self) -> dict[str, tuple[str, str]]:
        return {path: (one["outcome"], one["rule"]) for path, one in self.report().items()}

    def outputs(self) -> dict[str, bytes]:
        return {
            file.relative_to(self.target).as_posix(): file.read_bytes()
            for file in sorted(self.target.rglob("*"))
            if file.is_file()
        }

    def pairs(self, name: str) -> list[list[str]]:
        with (self.maps / name).open(encoding="utf-8", newline="") as opened:
            return list(csv.reader(opened))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def put_series(site: Site, count: int = 3) -> None:
    for number, one in enumerate(series(count, PatientName="Quimby^Jane")):
        site.put(f"Quimby Jane/ct/{number}.dcm", one)


def test_each_file_is_deidentified_and_reported(site: Site) -> None:
    put_series(site)

    code = site.run()

    assert code == 0
    assert list(site.report()) == [f"Quimby Jane/ct/{number}.dcm" for number in range(3)]
    for record in site.report().values():
        output = dcmread(site.target / record["output"])
        assert record["outcome"] == "deidentified"
        assert record["reason"] == ""
        assert output.PatientIdentityRemoved == "YES"
        assert output.SOPInstanceUID == record["sop_instance_uid_new"]
        assert record["sop_instance_uid_old"].startswith("1.2.826.0.1.3680043.8.498.1003.")
        assert record["policy"] == "plain"
        assert record["version"] == 1


def test_outputs_are_named_by_new_identifiers_only(site: Site) -> None:
    put_series(site)

    site.run()

    for name in site.outputs():
        output = dcmread(site.target / name)
        assert name == (
            f"{output.PatientID}/{output.StudyInstanceUID}/{output.SeriesInstanceUID}/"
            f"{output.SOPInstanceUID}.dcm"
        )
        assert "Quimby" not in name


def test_the_maps_lead_from_old_to_new_and_are_private(site: Site) -> None:
    put_series(site)

    site.run()

    uids, patients = site.pairs("uids.csv"), site.pairs("patients.csv")
    output = dcmread(site.target / next(iter(site.outputs())))
    assert uids[0] == patients[0] == ["id_old", "id_new"]
    assert patients[1:] == [["PAT-0815", output.PatientID]]
    new = dict(uids[1:])
    assert len(uids) == len(new) + 1
    assert new["1.2.826.0.1.3680043.8.498.1001"] == output.StudyInstanceUID
    assert new["1.2.826.0.1.3680043.8.498.1002"] == output.SeriesInstanceUID
    assert new["1.2.826.0.1.3680043.8.498.1004"] == output.FrameOfReferenceUID
    assert {one["sop_instance_uid_old"] for one in site.report().values()} <= set(new)
    assert site.maps.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in site.maps.iterdir()} == {0o600}


def test_the_bytes_are_the_same_whatever_the_order_and_the_number_of_jobs(tmp_path: Path) -> None:
    made = []
    for number, jobs in enumerate(["1", "3"]):
        (tmp_path / jobs).mkdir()
        site = Site(tmp_path / jobs)
        for index, one in enumerate(series(7)):
            site.put(f"{abs(index - 6 * number)}.dcm", one)
        site.run("--jobs", jobs)
        made.append((site.outputs(), sorted(site.pairs("uids.csv"))))

    assert made[0] == made[1]
    assert len(made[0][0]) == 7


def test_files_that_can_not_be_deidentified_are_held_with_a_reason(site: Site) -> None:
    site.put("fine.dcm", ct())
    site.put("note.txt", b"not an image")
    site.put("empty", b"")
    site.put("short.dcm", ct_bytes(SOPInstanceUID="1.2.3.4.5")[:-100])
    site.put("nameless.dcm", ct(SOPInstanceUID=None))

    code = site.run()

    assert code == 0
    assert site.outcomes() == {
        "empty": ("held", "dicom.not-dicom"),
        "fine.dcm": ("deidentified", ""),
        "nameless.dcm": ("held", "dicom.incomplete"),
        "note.txt": ("held", "dicom.not-dicom"),
        "short.dcm": ("held", "dicom.truncated"),
    }
    assert all(one["reason"] for one in site.report().values() if one["outcome"] == "held")
    assert len(site.outputs()) == 1


def test_a_dicomdir_is_not_copied(site: Site) -> None:
    import pydicom

    original = Path(pydicom.__file__).parent / "data/test_files/dicomdirtests/DICOMDIR"
    site.put("DICOMDIR", original.read_bytes())

    site.run()

    assert site.outcomes() == {"DICOMDIR": ("held", "dicom.dicomdir")}
    assert site.outputs() == {}


def test_links_pipes_and_what_they_lead_to_are_left_alone(site: Site) -> None:
    site.put("fine.dcm", ct())
    outside = site.root / "outside"
    outside.mkdir()
    (outside / "secret.dcm").write_bytes(ct_bytes(SOPInstanceUID="1.2.3.4.5"))
    (site.source / "folder").symlink_to(outside)
    (site.source / "link.dcm").symlink_to(outside / "secret.dcm")
    os.mkfifo(site.source / "pipe")

    code = site.run()

    assert code == 0
    assert site.outcomes() == {
        "fine.dcm": ("deidentified", ""),
        "folder": ("held", "files.link"),
        "link.dcm": ("held", "files.link"),
        "pipe": ("held", "files.not-a-file"),
    }
    assert len(site.outputs()) == 1


def test_the_same_file_twice_is_deidentified_once(site: Site) -> None:
    for name in ("b.dcm", "a.dcm", "c/d.dcm"):
        site.put(name, ct())

    site.run()

    assert site.outcomes() == {
        "a.dcm": ("deidentified", ""),
        "b.dcm": ("held", "files.duplicate"),
        "c/d.dcm": ("held", "files.duplicate"),
    }


@pytest.mark.parametrize("names", [("a.dcm", "b.dcm"), ("b.dcm", "a.dcm")])
def test_two_objects_with_one_uid_are_both_held(site: Site, names: tuple[str, str]) -> None:
    site.put(names[0], ct())
    site.put(names[1], ct(PatientAge="055Y"))

    site.run()

    assert set(site.outcomes().values()) == {("held", "files.conflict")}
    assert site.outputs() == {}


def test_checks_are_asked_for_the_whole_study(site: Site) -> None:
    site.write_policy(
        checks="check:\n"
        "  - id: adults-only\n"
        "    every-instance: {PatientAge: {at-least: 18Y}}\n"
        "    otherwise: reject\n"
        "    because: the approval covers adults only\n"
    )
    site.put("child/1.dcm", ct(StudyInstanceUID="1.2.9.1", SOPInstanceUID="1.2.9.1.1"))
    site.put(
        "child/2.dcm",
        ct(StudyInstanceUID="1.2.9.1", SOPInstanceUID="1.2.9.1.2", PatientAge="012Y"),
    )
    site.put("adult.dcm", ct())

    code = site.run()

    assert code == 0
    assert site.outcomes() == {
        "adult.dcm": ("deidentified", ""),
        "child/1.dcm": ("rejected", "adults-only"),
        "child/2.dcm": ("rejected", "adults-only"),
    }


def test_a_study_of_several_patients_is_held(site: Site) -> None:
    site.put("1.dcm", ct(SOPInstanceUID="1.2.9.1.1"))
    site.put("2.dcm", ct(SOPInstanceUID="1.2.9.1.2", PatientID="SOMEBODY-ELSE"))

    site.run()

    assert set(site.outcomes().values()) == {("held", "several-patients")}


def test_a_suspicious_image_is_held_where_the_policy_does_not_accept_it(site: Site) -> None:
    policy = site.root / "policies" / "plain" / "plain.yaml"
    text = policy.read_text(encoding="utf-8")
    policy.write_text("\n".join(text.splitlines()[:-2] + text.splitlines()[-1:]), "utf-8")
    site.put("screen.dcm", ct(BurnedInAnnotation="YES"))

    site.run()

    assert site.outcomes() == {"screen.dcm": ("held", "pixels.suspicious")}


@pytest.mark.parametrize("patient_id", ["../../../escaped", "TRIAL 7", "."])
def test_an_identifier_that_the_policy_keeps_is_in_no_name(site: Site, patient_id: str) -> None:
    policy = site.root / "policies" / "plain" / "plain.yaml"
    text = policy.read_text(encoding="utf-8")
    kept = "project: tests, attributes: {PatientID: {action: keep, because: a trial's}}"
    policy.write_text(text.replace("project: tests", kept), encoding="utf-8")
    site.put("a.dcm", ct(PatientID=patient_id))

    site.run()

    (name,) = site.outputs()
    assert dcmread(site.target / name).PatientID == patient_id
    assert name.split("/")[0].isalnum()
    assert not list(site.root.parent.rglob("escaped"))


def test_a_second_run_does_nothing_again(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    put_series(site)
    site.run()
    before = {file: file.stat().st_mtime_ns for file in site.target.rglob("*.dcm")}
    maps = {file.name: file.read_bytes() for file in site.maps.iterdir()}
    capsys.readouterr()

    code = site.run()

    assert code == 0
    assert {file: file.stat().st_mtime_ns for file in site.target.rglob("*.dcm")} == before
    assert {file.name: file.read_bytes() for file in site.maps.iterdir()} == maps
    assert "3 de-identified (3 of them before)" in capsys.readouterr().out


def test_what_changed_is_done_again(site: Site) -> None:
    put_series(site)
    site.run()
    complete = site.outputs()
    damaged, lost, _ = site.target.rglob("*.dcm")
    damaged.write_bytes(damaged.read_bytes()[:-1])
    lost.unlink()

    site.run()

    assert site.outputs() == complete


@pytest.mark.parametrize(
    ("written_s_before_the_last_report", "is_done_again"),
    [(folder_maps.WRITTEN_BACK_S - 10, True), (folder_maps.WRITTEN_BACK_S + 10, False)],
    ids=["just before", "long before"],
)
def test_what_was_written_just_before_a_power_cut_is_done_again(
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    written_s_before_the_last_report: float,
    is_done_again: bool,
) -> None:
    put_series(site, 1)
    site.run()
    [output] = site.target.rglob("*.dcm")
    reported_at = (site.maps / "report.jsonl").stat().st_mtime
    then = reported_at - written_s_before_the_last_report
    os.utime(output, (then, then))
    whole = output.read_bytes()
    monkeypatch.setattr(folder_maps, "booted_at", lambda: reported_at + 60)

    site.run("--jobs", "1")

    assert (output.stat().st_mtime > then + 1) is is_done_again
    assert output.read_bytes() == whole


def test_an_end_by_force_after_a_power_cut_does_not_hide_it(site: Site) -> None:
    put_series(site, 1)
    site.run()
    long_ago = 1_000_000_000.0
    os.utime(site.maps / "report.jsonl", (long_ago, long_ago))
    first = folder_maps.FolderMaps(site.maps)
    first.open({})

    with pytest.raises(KeyboardInterrupt), first.report():
        raise KeyboardInterrupt

    second = folder_maps.FolderMaps(site.maps)
    second.open({})
    assert not second.is_on_disk(long_ago - folder_maps.WRITTEN_BACK_S + 1)
    assert second.is_on_disk(long_ago - folder_maps.WRITTEN_BACK_S - 1)


def test_a_changed_source_is_done_again(site: Site) -> None:
    put_series(site, 1)
    site.run()
    (old,) = site.outputs().values()
    put_series(site, 2)
    changed = site.source / "Quimby Jane/ct/0.dcm"
    changed.write_bytes(to_bytes(next(series(1, KVP="80"))))
    # File systems note times more coarsely than a fast machine writes.
    later = changed.stat().st_mtime_ns + 2_000_000_000
    os.utime(changed, ns=(later, later))

    site.run()

    assert len(site.outputs()) == 2
    assert old not in site.outputs().values()


def test_a_changed_policy_does_all_again(site: Site) -> None:
    put_series(site)
    site.run()
    first = site.outputs()
    site.write_policy(version=2)

    site.run()

    assert site.outputs().keys() == first.keys()
    assert not set(site.outputs().values()) & set(first.values())
    assert {one["version"] for one in site.report().values()} == {2}


def test_a_run_that_was_ended_by_force_is_taken_up(site: Site) -> None:
    put_series(site, 6)
    site.run()
    complete, report = site.outputs(), site.report()
    # As after kill -9: a report that ends within a line, and something half written.
    lines = (site.maps / "report.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (site.maps / "report.jsonl").write_text("".join(lines[:3]) + lines[3][:50], encoding="utf-8")
    for record in list(report.values())[3:]:
        (site.target / record["output"]).unlink()
    (site.target / ".gatehouse" / "4711").mkdir(parents=True)
    (site.target / ".gatehouse" / "4711" / "output").write_bytes(b"half")
    (site.target / ".gatehouse" / "4712").write_bytes(b"half, as of an earlier release")

    code = site.run()

    assert code == 0
    assert site.outputs() == complete
    assert site.report() == report


def test_what_was_reported_before_survives_an_end_by_force_in_the_second_run(site: Site) -> None:
    put_series(site)
    site.run()
    report = site.report()
    (site.maps / "report.jsonl").rename(site.maps / ".report.before.jsonl")

    site.run()

    assert site.report() == report
    assert not (site.maps / ".report.before.jsonl").exists()


def test_an_output_whose_file_is_held_now_is_taken_back(site: Site) -> None:
    site.put("a.dcm", ct())
    site.run()
    site.put("b.dcm", ct(PatientAge="055Y"))

    site.run()

    assert set(site.outcomes().values()) == {("held", "files.conflict")}
    assert site.outputs() == {}


def test_another_object_in_the_output_folder_is_not_overwritten(site: Site) -> None:
    site.put("a.dcm", ct())
    site.run()
    (name,) = site.outputs()
    (site.target / name).write_bytes(b"somebody else's")
    site.maps.rename(site.root / "elsewhere")

    site.run()

    assert site.outcomes() == {"a.dcm": ("held", "files.conflict")}
    assert site.outputs() == {name: b"somebody else's"}


def test_a_file_that_kills_its_process_is_held_and_the_others_are_done(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put_series(site, 8)
    make = folder_work.make

    def deadly(dicom: memoryview, *others: Any) -> Any:
        if b"498.1003.4" in bytes(dicom):
            os.kill(os.getpid(), signal.SIGKILL)
        return make(dicom, *others)

    monkeypatch.setattr(folder_work, "make", deadly)

    code = site.run()

    assert code == 1
    assert site.outcomes()["Quimby Jane/ct/3.dcm"] == ("held", "worker.died")
    assert len(site.outputs()) == 7
    assert "1 held by worker.died" in capsys.readouterr().out


def test_a_process_that_dies_while_it_writes_leaves_nothing_behind(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_series(site, 2)

    def deadly(descriptor: int, *_: Any) -> Any:
        os.write(descriptor, b"half")
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(files, "_write_all", deadly)

    code = site.run()

    assert code == 1
    assert set(site.outcomes().values()) == {("held", "worker.died")}
    assert list(site.target.iterdir()) == []


def test_a_maps_folder_that_is_there_is_made_private(site: Site) -> None:
    site.maps.mkdir(mode=0o755)

    site.run()

    assert site.maps.stat().st_mode & 0o777 == 0o700


def test_a_second_run_into_the_same_folder_is_refused(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    first = files.Staging(site.target, ".gatehouse")
    site.target.mkdir()
    first.open()

    code = site.run()

    first.close()
    assert code == 2
    assert "another run is writing to" in capsys.readouterr().err


def test_an_unforeseen_error_holds_the_file_and_shows_no_value(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.put("a.dcm", ct())

    def broken(*_: Any) -> Any:
        raise ValueError("Quimby^Jane")

    monkeypatch.setattr(folder_work, "make", broken)

    code = site.run()

    (record,) = site.report().values()
    assert code == 1
    assert (record["outcome"], record["rule"]) == ("held", "internal.error")
    assert record["reason"] == "an unexpected error (ValueError) was met"


def test_an_output_that_can_not_be_written_is_a_failure(site: Site) -> None:
    site.put("a.dcm", ct())
    site.run()
    (name,) = site.outputs()
    patient = site.target / name.split("/")[0]
    patient.rename(site.root / "moved")
    patient.write_bytes(b"in the way")

    code = site.run()

    assert code == 1
    assert site.outcomes() == {"a.dcm": ("held", "files.unwritable")}


@pytest.mark.parametrize(
    ("target", "maps", "message"),
    [
        ("in/out", "maps", "OUT ({root}/in/out) may not be in IN ({root}/in)"),
        ("in", "maps", "OUT ({root}/in) may not be in IN ({root}/in)"),
        (".", "maps", "IN ({root}/in) may not be in OUT ({root})"),
        ("out", "out/maps", "the maps ({root}/out/maps) may not be in OUT ({root}/out)"),
        ("out", "in/maps", "the maps ({root}/in/maps) may not be in IN ({root}/in)"),
        ("maps/out", "maps", "OUT ({root}/maps/out) may not be in the maps ({root}/maps)"),
    ],
)
def test_folders_within_each_other_are_refused(
    site: Site, capsys: pytest.CaptureFixture[str], target: str, maps: str, message: str
) -> None:
    site.target, site.maps = site.root / target, site.root / maps

    code = site.run()

    assert code == 2
    assert capsys.readouterr().err == f"gatehouse: error: {message.format(root=site.root)}\n"
    assert list(site.source.iterdir()) == []


def test_a_link_does_not_hide_that_out_is_in_in(site: Site) -> None:
    (site.root / "elsewhere").symlink_to(site.source)
    site.target = site.root / "elsewhere" / "out"

    assert site.run() == 2


def test_an_in_that_is_not_there_is_refused(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.source.rmdir()

    code = site.run()

    assert code == 2
    assert capsys.readouterr().err == f"gatehouse: error: {site.source} is not a folder\n"


@pytest.mark.parametrize("name", ["other", "../plain", "PLAIN"])
def test_a_policy_that_is_not_there_is_refused(
    site: Site, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    words = site.words()
    words[words.index("plain")] = name

    code = main(words)

    assert code == 2
    assert "policy" in capsys.readouterr().err


def test_a_policy_may_lie_in_the_folder_itself(site: Site) -> None:
    folder = site.root / "policies"
    (folder / "plain" / "plain.yaml").rename(folder / "plain.yaml")
    site.put("a.dcm", ct())

    assert site.run() == 0
    assert len(site.outputs()) == 1


def test_a_key_that_others_can_read_is_refused(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.key.chmod(0o644)

    code = site.run()

    assert code == 2
    assert "others than its owner may read it" in capsys.readouterr().err


@pytest.mark.parametrize("jobs", ["0", "-1", "257"])
def test_a_number_of_jobs_that_makes_no_sense_is_refused(site: Site, jobs: str) -> None:
    assert site.run("--jobs", jobs) == 2


def test_maps_of_another_key_are_refused(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.put("a.dcm", ct())
    site.run()
    made = site.outputs()
    site.key.write_bytes(b"x" * 32)

    code = site.run()

    assert code == 2
    assert "made with another key or for another project" in capsys.readouterr().err
    assert site.outputs() == made


def test_a_report_that_is_not_ours_is_refused(site: Site) -> None:
    site.maps.mkdir()
    (site.maps / "report.jsonl").write_text("shopping list\nmilk\n", encoding="utf-8")

    assert site.run() == 2
    assert (site.maps / "report.jsonl").read_text(encoding="utf-8") == "shopping list\nmilk\n"


def test_an_empty_folder_is_done_at_once(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    code = site.run()

    assert code == 0
    assert capsys.readouterr().out.startswith("0 de-identified, 0 held, 0 rejected\n")
    assert site.pairs("uids.csv") == [["id_old", "id_new"]]


def test_odd_names_are_reported_as_they_are(site: Site) -> None:
    odd = os.fsdecode(b"caf\xe9 \xf0.dcm")
    site.put(odd, ct())

    site.run()

    assert list(site.report()) == [odd]


def test_nothing_heavy_is_imported_for_it() -> None:
    heavy = {"dbos", "sqlalchemy", "pydicom", "numpy", "jsonschema", "fastapi", "rich", "requests"}
    script = (
        f"import sys, gatehouse.commands.deidentify;print(sorted({heavy!r} & set(sys.modules)))"
    )

    printed = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout

    assert printed == "[]\n"


def test_a_large_file_does_not_come_into_memory_as_a_whole(site: Site) -> None:
    length = 105 << 20
    image = ct(rows=1, columns=1)
    image.Rows, image.Columns = 7168, 7680
    head = to_bytes(image)
    file = site.put("large.dcm", head[:-6] + length.to_bytes(4, "little"))
    with file.open("r+b") as opened:
        opened.truncate(len(head) - 2 + length)

    script = (
        "import re, resource, sys; from gatehouse.cli import main;"
        "main(sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,"
        "re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *site.words("--jobs", "1")],
        check=True,
        capture_output=True,
        text=True,
    )

    (record,) = site.report().values()
    peaks_kib = [int(word) for word in done.stdout.splitlines()[-1].split()]
    assert record["outcome"] == "deidentified"
    assert (site.target / record["output"]).stat().st_size > length
    assert max(peaks_kib) < 64 * 1024


def test_what_was_added_to_the_report_is_there_when_a_run_is_stopped(site: Site) -> None:
    maps = folder_maps.FolderMaps(site.maps)
    maps.open({})

    def work(report: folder_maps.Report) -> None:
        report.add('{"source": "a"}', [("1.2", "2.25.1")], [("ID", "X")])
        report.add('{"source": "b"}', [("1.2", "2.25.1"), ("1.3", "2.25.2")])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), maps.report() as report:
        work(report)

    assert list(site.report()) == ["a", "b"]
    assert (site.maps / "uids.csv").read_text() == "id_old,id_new\n1.2,2.25.1\n1.3,2.25.2\n"
    assert (site.maps / "patients.csv").read_text() == "id_old,id_new\nID,X\n"


def test_identifiers_are_in_the_maps_before_their_file_is_in_the_report(site: Site) -> None:
    maps = folder_maps.FolderMaps(site.maps)
    maps.open({})

    with pytest.raises(UnicodeEncodeError), maps.report() as report:
        # A line that can't be written stands for a crash between the two.
        report.add("\ud800", [("1.2", "2.25.1")], [("ID", "X")])

    assert (site.maps / "uids.csv").read_text() == "id_old,id_new\n1.2,2.25.1\n"
    assert (site.maps / "patients.csv").read_text() == "id_old,id_new\nID,X\n"


def test_identifiers_are_answered_once_unless_an_earlier_file_comes_late() -> None:
    answered = folder_work.Answered()
    study, other = ("1.2", "2.25.1"), ("1.3", "2.25.2")

    assert answered.fresh(5, [study]) == [study]
    assert answered.fresh(9, [study, other]) == [other]
    assert answered.fresh(3, [study]) == [study]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_texts_lose_the_names_that_other_files_of_the_study_know(site: Site, jobs: str) -> None:
    site.write_policy(options=", options: [clean-descriptors]")
    first, second = series(2, PatientName="Quimby^Jane", StudyDescription="LUNG HAND")
    second.OperatorsName = "Hand^Ada"
    site.put("1.dcm", first)
    site.put("2.dcm", second)

    site.run("--jobs", jobs)

    described = [dcmread(site.target / name).StudyDescription for name in site.outputs()]
    assert described == ["LUNG", "LUNG"]


def test_texts_are_cleaned_again_when_a_later_file_knows_more_names(site: Site) -> None:
    site.write_policy(options=", options: [clean-descriptors]")
    first, second = series(2, PatientName="Quimby^Jane", StudyDescription="LUNG HAND")
    second.OperatorsName = "Hand^Ada"
    site.put("1.dcm", first)
    site.run()
    before = [dcmread(site.target / name).StudyDescription for name in site.outputs()]
    site.put("2.dcm", second)

    site.run()

    described = [dcmread(site.target / name).StudyDescription for name in site.outputs()]
    assert before == ["LUNG HAND"]
    assert described == ["LUNG", "LUNG"]


def test_what_is_cleaned_already_is_not_done_again(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.write_policy(options=", options: [clean-descriptors]")
    put_series(site)
    site.run()
    capsys.readouterr()

    site.run()

    assert capsys.readouterr().out.startswith("3 de-identified (3 of them before)")


def test_a_terminal_sees_a_bar(site: Site) -> None:
    put_series(site)
    ours, theirs = os.openpty()

    process = subprocess.run(
        [sys.executable, "-m", "gatehouse.cli", *site.words()],
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
    )

    shown = os.read(ours, 1 << 16)
    os.close(ours)
    os.close(theirs)
    assert b"3/3" in shown
    assert process.stdout.startswith(b"3 de-identified, 0 held, 0 rejected\n")
