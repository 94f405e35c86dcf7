"""The plan gives each element the rule of profile, options and policy.

Goal: compound codes follow the Type of the instance's IOD at the path, sequences mean something for
what is in them, and exceptions win. Method: compile recipes and look rules up, with Types that were
read in PS3.3 by hand.
"""

from __future__ import annotations

import pickle

import pytest

from gatehouse.deid.plan import KEEP, ObjectPlan, compile_plan
from gatehouse.deid.recipe import AttributeRule, Recipe
from gatehouse.errors import PolicyError
from gatehouse.standard import dictionary

CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
ECG = "1.2.840.10008.5.1.4.1.1.9.1.1"
GSPS = "1.2.840.10008.5.1.4.1.1.11.1"
COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33"
ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
OF_NOBODY = "1.2.3.4.5"

CONTENT = 0x0040A730
REFERENCED_IMAGES = 0x00081140
SOURCE_IMAGES = 0x00082112


def plan(
    *options: str, sop_class: str = CT, attributes: dict[str, str] | None = None
) -> ObjectPlan:
    rules = tuple(
        AttributeRule(path, action, "a reason", line)  # type: ignore[arg-type]
        for line, (path, action) in enumerate((attributes or {}).items(), start=10)
    )
    recipe = Recipe("project", options=frozenset(options), attributes=rules)
    return compile_plan(recipe).for_sop_class(sop_class)


@pytest.mark.parametrize(
    ("sop_class", "path", "tag", "action", "code"),
    [
        pytest.param(CT, (), 0x00080021, "remove", "X", id="X/D, Type 3: series date"),
        pytest.param(CT, (), 0x0008002A, "remove", "X", id="X/Z/D, Type 3: acquisition datetime"),
        pytest.param(ENHANCED_CT, (), 0x0008002A, "dummy", "D", id="X/Z/D, Type 1C"),
        pytest.param(ENHANCED_CT, (), 0x00181000, "dummy", "D", id="X/Z/D, Type 1: serial number"),
        pytest.param(CT, (), 0x00181000, "remove", "X", id="X/Z/D, Type 3: serial number"),
        pytest.param(CT, (), 0x00080023, "empty", "Z", id="Z/D, Type 2C: content date"),
        pytest.param(ECG, (), 0x00080023, "dummy", "D", id="Z/D, Type 1: content date"),
        pytest.param(CT, (), 0x00180010, "empty", "Z", id="Z/D, Type 2: contrast agent"),
        pytest.param(CT, (), 0x00080020, "empty", "Z", id="Z, Type 2: study date"),
        pytest.param(ECG, (), 0x00400555, "empty", "Z", id="X/Z, Type 2: acquisition context"),
        pytest.param(CT, (), REFERENCED_IMAGES, "remove", "X", id="X/Z/U*, Type 3"),
        pytest.param(GSPS, (0x00081115,), REFERENCED_IMAGES, "keep", "U", id="X/Z/U*, Type 1"),
        pytest.param(
            SEGMENTATION, (0x52009230, 0x00089124), SOURCE_IMAGES, "keep", "U", id="X/Z/U*, Type 2"
        ),
        pytest.param(GSPS, (), 0x00700082, "dummy", "D", id="X, but Type 1 in the IOD"),
        pytest.param(CT, (), 0x00700082, "remove", "X", id="X, not in the IOD"),
        pytest.param(
            OF_NOBODY, (0x300A0610,), 0x300A0611, "dummy", "Z", id="Z, Type 1 by the sequence"
        ),
        pytest.param(
            COMPREHENSIVE_SR, (0x0040A370,), 0x00401001, "empty", "Z", id="X, but Type 2 in the IOD"
        ),
        pytest.param(OF_NOBODY, (), 0x0008002A, "dummy", "D", id="X/Z/D, no IOD"),
        pytest.param(OF_NOBODY, (), 0x00081070, "empty", "Z", id="X/Z/D, nowhere Type 1, no IOD"),
        pytest.param(OF_NOBODY, (), 0x00700082, "remove", "X", id="X, no IOD"),
    ],
)
def test_the_type_decides_a_compound_code(
    sop_class: str, path: tuple[int, ...], tag: int, action: str, code: str
) -> None:
    rule = plan(sop_class=sop_class).level(path)[tag]

    assert (rule.action, rule.code, rule.source) == (action, code, "profile")


def test_what_no_table_speaks_of_is_kept_and_is_the_same_object() -> None:
    assert plan().level(())[0x00080060] is KEEP
    assert plan().level((0x00081115, 0x00081199))[0x00281050] is KEEP


@pytest.mark.parametrize(
    ("tag", "source"),
    [
        pytest.param(0x0008FFFE, "unknown", id="not in the dictionary"),
        pytest.param(0x00020010, "unknown", id="file meta information in the data set"),
        pytest.param(0x00290010, "private", id="private creator"),
        pytest.param(0x00291010, "private", id="private"),
        pytest.param(0x60013000, "private", id="odd group among the overlays"),
        pytest.param(0x00080000, "profile", id="group length"),
        pytest.param(0x00080001, "profile", id="length to end"),
        pytest.param(0x50FE0103, "profile", id="curve"),
        pytest.param(0x60003000, "profile", id="overlay data"),
        pytest.param(0x601E1500, "profile", id="overlay label"),
        pytest.param(0x00420015, "profile", id="length of a document that was replaced"),
        pytest.param(0xFFFCFFFC, "profile", id="padding"),
    ],
)
def test_what_can_not_be_known_to_be_harmless_is_removed(tag: int, source: str) -> None:
    rule = plan().level(())[tag]

    assert (rule.action, rule.code, rule.source) == ("remove", "X", source)


@pytest.mark.parametrize("path", [(), (0x00081115,), (0x00081115, 0x00081199, 0x0040A170)])
def test_the_patients_name_and_id_become_a_pseudonym_at_every_depth(path: tuple[int, ...]) -> None:
    level = plan().level(path)

    assert level[0x00100010].action == level[0x00100020].action == "pseudonym"


def test_a_dummy_uid_is_a_uid() -> None:
    rule = plan().level(())[0x006A0003]

    assert (rule.action, rule.code) == ("new-uid", "D")


def test_an_encapsulated_document_is_replaced_by_one_of_its_kind() -> None:
    rule = plan(sop_class=ENCAPSULATED_PDF).level(())[0x00420011]

    assert (rule.action, rule.code) == ("dummy", "D")
    assert rule.parameters["with"].startswith(b"%PDF-")


def test_a_document_is_only_left_without_a_dummy_where_its_kind_can_not_be_known() -> None:
    assert plan(sop_class=CT).level(())[0x00420011].parameters["with"] == b"\0\0"
    assert "with" not in plan(sop_class=OF_NOBODY).level(())[0x00420011].parameters


def test_a_sequence_with_d_brings_an_item_and_lets_nothing_in_it_stay() -> None:
    objects = plan(sop_class=COMPREHENSIVE_SR)

    assert len(objects.level(())[CONTENT].parameters["items"]) == 1
    assert objects.level((CONTENT,))[0x0040A160].action == "dummy"
    assert objects.level((CONTENT,))[0x0040A168].action == "dummy"
    assert objects.level((CONTENT, 0x0040A168))[0x00080100].action == "dummy"
    assert objects.level((CONTENT, 0x00291010))[0x00080104].action == "dummy"


def test_no_option_keeps_anything_in_a_sequence_that_is_replaced() -> None:
    level = plan("retain-uids", "retain-full-dates", sop_class=COMPREHENSIVE_SR).level((CONTENT,))

    assert level[0x0040A124].action == "new-uid"
    assert level[0x0040A120].action == "dummy"
    assert level[0x00100030].action == "dummy"


def test_a_sequence_with_u_keeps_its_items_with_new_uids() -> None:
    level = plan(sop_class=GSPS).level((0x00081115, REFERENCED_IMAGES))

    assert level[0x00081155].action == "new-uid"
    assert level[0x00081150] is KEEP


def test_free_text_in_a_cleaned_sequence_is_cleaned_at_every_depth() -> None:
    objects = plan("clean-structured-content", sop_class=COMPREHENSIVE_SR)

    text = objects.level((CONTENT, CONTENT, CONTENT))[0x0040A160]
    meaning = objects.level((CONTENT, 0x0040A043))[0x00080104]
    assert (text.action, text.code, text.source) == ("clean-text", "C", "clean-structured-content")
    assert meaning.action == "clean-text"
    assert objects.level((CONTENT, 0x0040A043))[0x00080100] is KEEP
    assert objects.level((CONTENT,))[0x0040A124].action == "new-uid"
    assert objects.level((CONTENT,))[0x0040A123].action == "dummy"
    assert objects.level(())[0x0040A043] is KEEP


def test_a_content_tree_has_the_same_types_at_every_depth() -> None:
    objects = plan("clean-structured-content", sop_class=COMPREHENSIVE_SR)

    actions = [objects.level((CONTENT,) * depth)[0x0040A032].action for depth in (1, 2, 5)]
    assert actions == ["dummy", "dummy", "dummy"]


@pytest.mark.parametrize(
    ("options", "tag", "action", "code", "source"),
    [
        pytest.param(["retain-uids"], 0x00080018, "keep", "K", "retain-uids", id="uids"),
        pytest.param(
            ["retain-full-dates"], 0x00080020, "keep", "K", "retain-full-dates", id="full"
        ),
        pytest.param(
            ["retain-modified-dates"],
            0x00080020,
            "shift-date",
            "C",
            "retain-modified-dates",
            id="DA",
        ),
        pytest.param(
            ["retain-modified-dates"],
            0x00080201,
            "shift-date",
            "C",
            "retain-modified-dates",
            id="zone",
        ),
        pytest.param(
            ["retain-modified-dates"], 0x00340007, "dummy", "D", "profile", id="a date of VR OB"
        ),
        pytest.param(
            ["clean-descriptors"], 0x00081030, "clean-text", "C", "clean-descriptors", id="LO"
        ),
        pytest.param(["clean-descriptors"], 0x00400275, "keep", "C", "clean-descriptors", id="SQ"),
        pytest.param(["clean-descriptors"], 0x0016002B, "remove", "X", "profile", id="maker note"),
        pytest.param(["clean-graphics"], 0x60003000, "remove", "X", "profile", id="bitmap"),
        pytest.param(
            ["retain-patient-characteristics"],
            0x00101010,
            "keep",
            "K",
            "retain-patient-characteristics",
            id="age",
        ),
        pytest.param(
            ["retain-device-identity"],
            0x00081010,
            "keep",
            "K",
            "retain-device-identity",
            id="station",
        ),
        pytest.param(
            ["retain-device-identity"],
            0x00080055,
            "clean-text",
            "C",
            "retain-device-identity",
            id="AE",
        ),
        pytest.param(
            ["retain-institution-identity"],
            0x00080080,
            "keep",
            "K",
            "retain-institution-identity",
            id="institution",
        ),
    ],
)
def test_an_option_overrides_the_profile(
    options: list[str], tag: int, action: str, code: str, source: str
) -> None:
    rule = plan(*options).level(())[tag]

    assert (rule.action, rule.code, rule.source) == (action, code, source)


CALIBRATION_DATES = (
    "BeamHoldTransitionDateTime CalibrationDate CalibrationDateTime CalibrationTime "
    "DateOfInstallation DateOfLastCalibration DateOfLastDetectorCalibration DateOfManufacture "
    "DateTimeOfLastCalibration TimeOfLastCalibration TimeOfLastDetectorCalibration"
)


@pytest.mark.parametrize("keyword", CALIBRATION_DATES.split())
def test_modified_dates_win_over_device_identity(keyword: str) -> None:
    rule = plan("retain-device-identity", "retain-modified-dates").level(())[
        dictionary.tag_of(keyword) or 0
    ]

    assert (rule.action, rule.source) == ("shift-date", "retain-modified-dates")


@pytest.mark.parametrize("keyword", CALIBRATION_DATES.split())
def test_device_identity_alone_keeps_calibration_dates(keyword: str) -> None:
    rule = plan("retain-device-identity").level(())[dictionary.tag_of(keyword) or 0]

    assert (rule.action, rule.source) == ("keep", "retain-device-identity")


def test_an_exception_wins_over_option_and_profile_at_every_depth() -> None:
    objects = plan("clean-descriptors", attributes={"StudyDescription": "keep"})

    for path in ((), (0x00081115,)):
        rule = objects.level(path)[0x00081030]
        assert (rule.action, rule.code, rule.source, rule.line) == ("keep", "K", "policy", 10)


def test_an_exception_with_a_path_is_meant_there_and_wins_over_the_attribute_alone() -> None:
    objects = plan(
        attributes={
            "PatientID": "remove",
            "SourcePatientGroupIdentificationSequence/(0010,0020)": "empty",
        }
    )

    assert objects.level((0x00100026,))[0x00100020].action == "empty"
    assert objects.level(())[0x00100020].action == "remove"
    assert objects.level((0x00081115, 0x00100026))[0x00100020].action == "remove"


def test_a_sequence_that_a_policy_keeps_has_the_profile_applied_to_its_items() -> None:
    objects = plan(sop_class=COMPREHENSIVE_SR, attributes={"ContentSequence": "keep"})

    assert objects.level((CONTENT,))[0x0040A123].action == "dummy"
    assert objects.level((CONTENT,))[0x0040A160].action == "dummy"


def test_a_policy_may_keep_a_sequence_with_its_text_in_one_that_is_cleaned() -> None:
    objects = plan(
        "clean-structured-content",
        sop_class=COMPREHENSIVE_SR,
        attributes={"ConceptCodeSequence": "keep"},
    )

    assert objects.level((CONTENT, 0x0040A168))[0x00080104] is KEEP
    assert objects.level((CONTENT, 0x0040A043))[0x00080104].action == "clean-text"


def test_private_elements_go() -> None:
    rule = plan().private((), 0x0019, "SIEMENS MR HEADER", 0x0C)

    assert (rule.action, rule.code, rule.source) == ("remove", "X", "private")


@pytest.mark.parametrize("creator", ["SIEMENS MR HEADER", " SIEMENS MR HEADER  "])
def test_a_policy_lists_private_elements_by_creator(creator: str) -> None:
    objects = plan(attributes={"(0019,{SIEMENS MR HEADER},0C)": "keep"})

    assert objects.private((), 0x0019, creator, 0x0C).source == "policy"
    assert objects.private((0x00081115,), 0x0019, creator, 0x0C).action == "keep"
    assert objects.private((), 0x0019, creator, 0x0D).source == "private"
    assert objects.private((), 0x0019, "ANOTHER", 0x0C).source == "private"
    assert objects.private((), 0x0029, creator, 0x0C).source == "private"


@pytest.mark.parametrize(
    ("group", "creator", "element", "action", "code"),
    [
        pytest.param(0x0019, "SIEMENS MR HEADER", 0x0C, "keep", "K", id="b-value, IS"),
        pytest.param(0x2001, "Philips Imaging DD 001", 0x5F, "keep", "C", id="SQ"),
        pytest.param(0x0019, "GEMS_ACQU_01", 0x9E, "clean-text", "C", id="LO"),
        pytest.param(0x0099, "NQHeader", 0x02, "new-uid", "C", id="UI"),
        pytest.param(0x0099, "NQHeader", 0xFF, "remove", "X", id="not in the table"),
        pytest.param(0x0019, "UNHEARD OF", 0x0C, "remove", "X", id="another creator"),
    ],
)
def test_safe_private_elements_are_kept_as_their_vr_allows(
    group: int, creator: str, element: int, action: str, code: str
) -> None:
    rule = plan("retain-safe-private").private((), group, creator, element)

    assert (rule.action, rule.code) == (action, code)


def test_what_is_in_a_private_sequence_is_treated_as_elsewhere_and_its_free_text_cleaned() -> None:
    objects = plan("retain-safe-private")
    path = (0x2001105F,)

    assert objects.level(path)[0x00100010].action == "pseudonym"
    assert objects.level(path)[0x00080104].action == "clean-text"
    assert objects.level(path)[0x00080060] is KEEP


def test_nothing_private_stays_in_a_sequence_that_is_replaced() -> None:
    objects = plan("retain-safe-private", sop_class=COMPREHENSIVE_SR)

    assert objects.private((CONTENT,), 0x0019, "SIEMENS MR HEADER", 0x0C).source == "private"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["clean-pixel-data"], "can't be carried out"),
        (["clean-recognizable-visual-features"], "can't be carried out"),
        (["retain-full-dates", "retain-modified-dates"], "exclude each other"),
        (["retain-everything"], "there is no option 'retain-everything'"),
    ],
)
def test_options_that_can_not_be_carried_out_are_refused(options: list[str], message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        plan(*options)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"PatientNam": "keep"}, "there is no attribute PatientNam"),
        ({"PatientName/": "keep"}, "not an attribute"),
        ({"PatientName PatientID": "keep"}, "joined with /"),
        ({"(0019,100C)": "keep"}, "written with its creator"),
        ({"(0010,{ACME},0C)": "keep"}, "is odd"),
        ({"(0019,{ACME},0C)/PatientName": "keep"}, "through a private sequence"),
        ({"PatientName": "keep", "(0010,0010)": "remove"}, "two rules for this attribute"),
        ({"PatientName": "obliterate"}, "there is no action 'obliterate'"),
        ({"": "keep"}, "not an attribute"),
        ({"ReferencedSeriesSequence": "dummy"}, "no dummy for this sequence"),
    ],
)
def test_exceptions_that_are_not_understood_are_refused(
    attributes: dict[str, str], message: str
) -> None:
    with pytest.raises(PolicyError, match=message):
        plan(attributes=attributes)


def test_a_policy_may_ask_for_a_dummy_of_a_sequence() -> None:
    objects = plan("clean-structured-content", attributes={"ContentSequence": "dummy"})

    assert len(objects.level(())[CONTENT].parameters["items"]) == 1


def test_a_private_creator_may_contain_a_slash() -> None:
    objects = plan(attributes={"(0019,{A/B, inc. (C)},0C)": "keep"})

    assert objects.private((), 0x0019, "A/B, inc. (C)", 0x0C).action == "keep"


def test_a_plan_can_be_sent_to_another_process() -> None:
    recipe = Recipe("project", options=frozenset({"retain-uids"}))
    sent = pickle.loads(pickle.dumps(compile_plan(recipe)))  # noqa: S301 - our own bytes

    assert sent.recipe == recipe
    assert sent.for_sop_class(CT).level(())[0x00080060] is KEEP


@pytest.mark.parametrize(
    ("options", "codes", "longitudinal"),
    [
        ([], ("113100",), "REMOVED"),
        (["retain-uids", "clean-descriptors"], ("113100", "113105", "113110"), "REMOVED"),
        (["retain-full-dates"], ("113100", "113106"), "UNMODIFIED"),
        (["retain-modified-dates"], ("113100", "113107"), "MODIFIED"),
    ],
)
def test_a_plan_says_what_is_to_be_stamped(
    options: list[str], codes: tuple[str, ...], longitudinal: str
) -> None:
    compiled = compile_plan(Recipe("project", options=frozenset(options)))

    assert (compiled.method_codes, compiled.longitudinal) == (codes, longitudinal)


def test_a_file_with_endless_tags_and_paths_does_not_fill_the_memory() -> None:
    objects = plan()
    level = objects.level(())

    for number in range(20_000):
        assert level[0x0008_0000 + (number << 17) % 0x7FF00000 + number % 7] is not None
        objects.level((number,))

    assert len(level) <= 8192
    assert len(objects._levels) <= 4096
