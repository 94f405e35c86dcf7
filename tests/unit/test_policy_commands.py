"""The commands validate, test, explain, diff, schema and lock, as a person at a terminal sees them.

Goal: what is printed is right and enough, exit codes are as documented, and no value of a study is
shown unless asked for. Method: the commands are called with their words; output is compared.
"""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gatehouse.cli import main
from support.dicom_builder import INSTANCE_UID, add_private, ct, to_bytes
from support.policies import pack_files, policy_text

LUNG = policy_text(
    policy="lung",
    match="{all: [{called-aet: {is: LUNGAI}}, {Modality: {is: CT}}]}",
    check="[{id: adults, every-instance: {PatientAge: {at-least: 18Y}}, because: approval}]",
    deidentify="{profile: basic, project: p, options: [retain-patient-characteristics], "
    "attributes: {StudyDescription: {action: keep, because: fixed list}, "
    '"(0019,{MAKER},0C)": {action: keep, because: b-value}}}',
)
REST = policy_text(policy="rest")
CASES = """\
policy: {0}
cases:
  - name: it works
    study: {{origin: {{called-aet: LUNGAI}}, instances: [{{Modality: CT, PatientAge: 054Y}}]}}
    expect: {{decision: accept, changes: {{PatientAge: {1}}}, groups: [uids, stamp]}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two policies, locked, with a case each."""
    more = {
        "lung/lung.test.yaml": CASES.format("lung", "kept"),
        "rest/rest.test.yaml": CASES.format("rest", "removed"),
    }
    folder = tmp_path / "policies"
    for name, content in pack_files(LUNG, REST, **more).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Return a folder with two slices of a CT, and a file that is none."""
    folder = tmp_path / "study"
    folder.mkdir()
    for number in (1, 2):
        data_set = ct(
            SOPInstanceUID=f"{INSTANCE_UID}.{number}",
            StudyDescription="CT chest",
            PatientName="CANARY^Jane",
        )
        add_private(data_set, 0x0019, "MAKER", [(0x0C, "IS", "1000")])
        add_private(data_set, 0x0029, "CANARY MAKER", [(0x10, "LO", "CANARY")])
        (folder / f"{number}.dcm").write_bytes(to_bytes(data_set))
    return folder


def output(capsys: pytest.CaptureFixture[str]) -> tuple[list[str], list[str]]:
    captured = capsys.readouterr()
    return captured.out.splitlines(), captured.err.splitlines()


def test_validate_says_which_policies_there_are(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", str(folder)]) == 0

    out, err = output(capsys)
    assert err == []
    assert out[:3] == [
        f"{folder}: no problems",
        "  lung, version 1, active",
        "  rest, version 1, active",
    ]
    assert out[3].startswith("  digest ")


def test_validate_prints_every_problem_with_its_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "rest/rest.yaml").write_text(REST.replace("basic", "basik"))
    (folder / "lung/lung.test.yaml").write_text("policy: lung\n")

    assert main(["validate", str(folder)]) == 1

    out, err = output(capsys)
    assert err == [
        f'{folder}/lung/lung.test.yaml:1: error: the test file has no key "cases"',
        f'{folder}/rest/rest.yaml:5: error: "profile" can\'t be "basik"',
        "hint: did you mean basic?",
    ]
    assert out == [f"{folder}: 2 errors, 0 warnings"]


def test_validate_warns_of_a_schema_that_is_not_of_this_version(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "policy.schema.json").write_text("{}")

    assert main(["validate", str(folder)]) == 0

    out, err = output(capsys)
    assert err[0].startswith(f"{folder}/policy.schema.json:1: warning: the schema is not that of")
    assert out[0] == f"{folder}: 0 errors, 1 warning"


@pytest.mark.parametrize(
    ("configuration", "code"),
    [
        ('{"DicomModalities": {"research-pacs": ["R", "localhost", 4242]}}', 0),
        ('{\n// with a comment\n"DicomModalities": {"other": ["R", "localhost", 4242]}}', 1),
        ("{}", 1),
        ("not JSON", 2),
        ("[]", 2),
    ],
)
def test_validate_can_check_destinations_against_orthanc_s_configuration(
    folder: Path, tmp_path: Path, configuration: str, code: int
) -> None:
    (tmp_path / "orthanc.json").write_text(configuration)

    assert main(["validate", str(folder), "--orthanc", str(tmp_path / "orthanc.json")]) == code


def test_validate_of_no_folder_is_unusable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", str(tmp_path / "nowhere")]) == 2

    assert output(capsys)[1] == [
        f"gatehouse: error: {tmp_path}/nowhere is not a folder of policies"
    ]


def test_test_runs_all_cases_and_sums_up(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(folder)]) == 0

    assert output(capsys)[0] == [
        "lung",
        "  ok    it works",
        "rest",
        "  ok    it works",
        "2 policies: 2 passed, 0 failed",
    ]


def test_test_shows_where_a_case_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "lung/lung.test.yaml"
    file.write_text(CASES.format("lung", "removed"))

    assert main(["test", str(folder), "--policy", "lung"]) == 1

    assert output(capsys)[0] == [
        "lung",
        "  FAIL  it works",
        f"        {file}:5: PatientAge should be removed, and was kept",
        "1 policy: 0 passed, 1 failed",
    ]


def test_a_policy_without_cases_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "rest/rest.test.yaml").unlink()

    assert main(["test", str(folder)]) == 1

    out, _ = output(capsys)
    assert out[2:] == [
        "rest",
        "  FAIL  no cases",
        f"        {folder}/rest/rest.test.yaml: a policy without cases fails",
        "2 policies: 1 passed, 1 failed",
    ]


def test_policies_that_do_not_load_are_not_tested(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "rest/rest.yaml").write_text(REST.replace("basic", "basik"))

    assert main(["test", str(folder)]) == 2

    out, err = output(capsys)
    assert out == []
    assert err[-1] == f"{folder}: the policies have errors; no case was run"


def test_a_policy_that_is_not_there_can_not_be_tested(folder: Path) -> None:
    assert main(["test", str(folder), "--policy", "nope"]) == 2


def test_lock_adds_what_is_new_and_keeps_what_was(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "pack.lock").read_text().split()
    (folder / "rest/rest.yaml").write_text(REST.replace("version: 1", "version: 2"))

    assert main(["lock", str(folder)]) == 0

    assert output(capsys)[0] == ["rest, version 2: locked", f"{folder}/pack.lock: written"]
    assert set(before) <= set((folder / "pack.lock").read_text().split())
    assert main(["validate", str(folder)]) == 0
    assert main(["lock", str(folder)]) == 0
    assert output(capsys)[0][-1] == f"{folder}/pack.lock: nothing to change"


def test_lock_refuses_a_change_without_a_higher_version(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "pack.lock").read_text()
    (folder / "rest/rest.yaml").write_text(REST.replace("For tests", "Changed"))

    assert main(["lock", str(folder)]) == 1

    assert output(capsys)[1] == [
        f"{folder}/rest/rest.yaml:2: error: the file differs from version 1, which is in pack.lock",
        "hint: write version: 2",
    ]
    assert (folder / "pack.lock").read_text() == before


def test_schema_prints_the_schema_of_a_policy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0

    assert json.loads(capsys.readouterr().out)["title"] == "Gatehouse policy"


def test_schema_writes_all_schemas_beside_the_policies(folder: Path) -> None:
    assert main(["schema", "--write", str(folder)]) == 0

    assert {file.name for file in folder.glob("*.schema.json")} == {
        "policy.schema.json",
        "pack.schema.json",
        "test.schema.json",
    }
    assert main(["validate", str(folder)]) == 0


def test_explain_shows_the_decision_with_every_answer(
    folder: Path, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["explain", "--policies", str(folder), "--called-aet", "LUNGAI", str(study)]

    assert main(words) == 0

    out, err = output(capsys)
    assert err == []
    assert out[:8] == [
        "Study 1, 2 instances: accept by match",
        "  the policy lung, version 1, is for this study",
        "  yes     lung:4: match",
        "  yes     lung:4: match: called-aet is LUNGAI",
        "  yes     lung:4: match: Modality is CT",
        "  yes     lung:7: check adults",
        "  yes     lung:7: check adults: every-instance PatientAge at-least 18Y",
        "",
    ]


def test_explain_shows_for_every_element_action_rule_line_and_clause_and_no_value(
    folder: Path, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["explain", "--policies", str(folder), "--called-aet", "LUNGAI", str(study)]

    assert main(words) == 0

    out, _ = output(capsys)
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in out if line.startswith("  ")}
    assert rows["PatientName"] == "replaced pseudonym Z profile (PS3.15 E.2, Table E.1-1)"
    assert rows["PatientAge"] == "kept keep K retain-patient-characteristics (PS3.15 E.3.7)"
    assert rows["StudyDescription"] == "kept keep K policy lung.yaml:5 (fixed list)"
    assert rows["Modality"] == "kept keep K profile (not in PS3.15 Table E.1-1)"
    assert rows["(0019,100C)"] == "kept keep K policy lung.yaml:5 (b-value)"
    assert rows["(0029,1010)"] == "removed remove X private (PS3.15 E.2, Private Attributes)"
    assert rows["PatientIdentityRemoved"] == "added write D stamp (PS3.15 E.1.1)"
    assert "CANARY" not in "\n".join(out)
    assert f"  as {study}/1.dcm" in out
    assert out[-2] == "to research-pacs via dicom"


def test_explain_shows_values_before_and_after_only_if_asked(
    folder: Path, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = study / "1.dcm"

    assert main(["explain", "--policies", str(folder), "--show-values", str(file)]) == 0

    lines = [line.strip() for line in output(capsys)[0]]
    place = next(number for number, line in enumerate(lines) if line.startswith("PatientName"))
    assert lines[place + 1] == "before: CANARY^Jane"
    assert lines[place + 2].startswith("after:  ")
    assert "CANARY" not in lines[place + 2]


def test_explain_of_a_named_policy_asks_only_it_and_shows_what_it_would_do(
    folder: Path, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["explain", "--policies", str(folder), "--policy", "lung", str(study)]

    assert main(words) == 0

    out, _ = output(capsys)
    assert out[:2] == [
        "Study 1, 2 instances: hold by match-unknown",
        "  it can't be told whether the policy lung is for this study: "
        '"called-aet is LUNGAI" has no answer where the value is absent or unreadable',
    ]
    assert "What lung would do if the study were accepted:" in out


@pytest.mark.parametrize("command", [["explain", "--policy", "lunk"], ["conformance", "lunk"]])
def test_a_policy_s_name_that_is_misspelt_gets_the_nearest_as_a_hint(
    folder: Path, study: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    files = [str(study)] if command[0] == "explain" else []

    assert main([*command, "--policies", str(folder), *files]) == 2

    assert output(capsys)[1] == [
        f"gatehouse: error: there is no policy lunk in {folder}",
        "hint: did you mean lung?",
    ]


def test_explain_takes_a_policy_file_that_is_in_no_pack(
    tmp_path: Path, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draft = tmp_path / "draft.yaml"
    draft.write_text(policy_text(policy="draft"))

    assert main(["explain", "--policy", str(draft), str(study)]) == 0

    assert output(capsys)[0][1] == "  the policy draft, version 1, is for this study"


def test_explain_says_which_files_it_can_not_read_and_goes_on(
    folder: Path, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (study / "0.txt").write_text("CANARY")

    assert main(["explain", "--policies", str(folder), str(study)]) == 1

    out, err = output(capsys)
    assert err == [f"{study}/0.txt: would be held by dicom.not-dicom: it is not a DICOM file"]
    assert out[0].startswith("Study 1, 2 instances")


def test_explain_says_which_instances_would_be_held_and_why(
    folder: Path, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (study / "1.dcm").write_bytes(to_bytes(ct(BurnedInAnnotation="YES")))

    assert main(["explain", "--policies", str(folder), "--policy", "rest", str(study)]) == 0

    out, _ = output(capsys)
    assert (
        "  would be held by pixels.suspicious: may carry burned-in text: Burned In Annotation says "
        "that there is text in the image"
    ) in out


def test_explain_of_studies_that_no_policy_is_for_says_so(
    folder: Path, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "pack.yaml").write_text("policies: [lung]\n")
    (folder / "rest/rest.yaml").unlink()
    (folder / "rest/rest.test.yaml").unlink()
    words = ["explain", "--policies", str(folder), "--called-aet", "OTHER", str(study)]

    assert main(words) == 0

    assert output(capsys)[0][-2:] == ["No policy, so nothing is done to its elements.", ""]


def test_diff_says_what_a_new_version_means_otherwise(
    tmp_path: Path, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "old.yaml").write_text(LUNG)
    new = LUNG.replace("version: 1", "version: 2").replace("at-least: 18Y", "at-least: 60Y")
    (tmp_path / "new.yaml").write_text(
        new.replace("StudyDescription: {action: keep", "StudyID: {action: keep")
    )

    files = [str(tmp_path / "old.yaml"), str(tmp_path / "new.yaml")]

    assert main(["diff", *files, "--study", str(study), "--called-aet", "LUNGAI"]) == 1

    out, _ = output(capsys)
    assert out == [
        "lung 1 -> lung 2",
        "  check adults: every-instance (PatientAge at-least 18Y), otherwise hold -> "
        "every-instance (PatientAge at-least 60Y), otherwise hold",
        "  StudyDescription: keep (K, policy) -> remove (X, profile)",
        "  StudyID: empty (Z, profile) -> keep (K, policy)",
        "1 of 1 study would be decided otherwise",
        f"  {study}/1.dcm: accept by lung -> hold by lung/adults",
    ]


def test_diff_of_two_folders_compares_policies_and_their_order(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    files = pack_files(
        REST.replace("project: lung-ai", "project: other"), LUNG.replace("lung", "new", 1)
    )
    for name, content in files.items():
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        (other / name).write_bytes(content)
    (other / "pack.yaml").write_text("policies: [new, rest]\n")

    assert main(["diff", str(folder), str(other)]) == 1

    out, _ = output(capsys)
    assert out[:4] == [
        "lung: only in A",
        "new: only in B",
        "rest 1 -> 1",
        "  project: lung-ai -> other",
    ]
    assert out[4].startswith("  mind: another project: pseudonyms")


def test_diff_of_two_texts_that_mean_the_same_finds_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "old.yaml").write_text(LUNG)
    (tmp_path / "new.yaml").write_text("# a comment\n" + LUNG.replace("version: 1", "version: 2"))

    assert main(["diff", str(tmp_path / "old.yaml"), str(tmp_path / "new.yaml")]) == 0

    assert output(capsys)[0] == ["no difference in meaning"]


def test_test_tells_what_no_case_has_tried(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["test", str(folder), "--coverage"]) == 1

    out, _ = output(capsys)
    assert out[:11] == [
        "lung",
        "  ok    it works",
        "  coverage: 3 of 11",
        f'        {folder}/lung/lung.yaml:4: no case answers no to "called-aet is LUNGAI"',
        f'        {folder}/lung/lung.yaml:4: no case answers unknown to "called-aet is LUNGAI"',
        f'        {folder}/lung/lung.yaml:4: no case answers no to "Modality is CT"',
        f'        {folder}/lung/lung.yaml:4: no case answers unknown to "Modality is CT"',
        f"        {folder}/lung/lung.yaml:5: no case has the attribute StudyDescription",
        f"        {folder}/lung/lung.yaml:5: no case has the attribute (0019,{{MAKER}},0C)",
        f'        {folder}/lung/lung.yaml:7: no case answers no to "PatientAge at-least 18Y"',
        f'        {folder}/lung/lung.yaml:7: no case answers unknown to "PatientAge at-least 18Y"',
    ]
    assert out[-2:] == ["  coverage: 0 of 0", "2 policies: 2 passed, 0 failed"]


def test_test_writes_its_results_for_continuous_integration(folder: Path, tmp_path: Path) -> None:
    file = folder / "lung/lung.test.yaml"
    file.write_text(CASES.format("lung", "removed").replace("it works", '"<it> & \\"works\\""'))
    (folder / "rest/rest.test.yaml").unlink()

    assert main(["test", str(folder), "--junit", str(tmp_path / "junit.xml")]) == 1

    top = ElementTree.parse(tmp_path / "junit.xml").getroot()  # noqa: S314 our own file
    assert [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in top] == [
        ("lung", "1", "1"),
        ("rest", "1", "1"),
    ]
    case = top[0][0]
    assert case.get("name") == '<it> & "works"'
    assert case[0].get("message") == "PatientAge should be removed, and was kept"
    assert case[0].text == "lung/lung.test.yaml:5"


def test_test_update_writes_golden_files_and_a_change_fails_afterwards(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "lung/lung.test.yaml"
    text = CASES.format("lung", "kept").replace(", groups: [uids, stamp]", "")
    file.write_text(text.replace("changes: {PatientAge: kept}", "golden: cases/it.golden.txt"))
    golden = folder / "lung/cases/it.golden.txt"

    assert main(["test", str(folder), "--policy", "lung"]) == 1
    assert main(["test", str(folder), "--policy", "lung", "--update"]) == 0
    assert main(["test", str(folder), "--policy", "lung"]) == 0
    written = golden.read_text()
    golden.write_text(
        written.replace("  PatientAge: kept: 054Y", "  PatientAge: removed by profile:")
    )
    capsys.readouterr()
    assert main(["test", str(folder), "--policy", "lung"]) == 1

    assert "  PatientAge: kept: 054Y\n" in written
    number = written.splitlines().index("  PatientAge: kept: 054Y") + 1
    assert output(capsys)[0][2] == (
        f"        {file}:5: cases/it.golden.txt:{number} says "
        '"PatientAge: removed by profile:", and it was "PatientAge: kept: 054Y"'
    )
