"""Goal: each action gives a valid value for every VR, and keeps nothing that it should not.

Method: actions are called with a value, an element and a context of plain answers.
"""

from __future__ import annotations

import re

import pytest

from gatehouse.deid import actions, pseudonyms
from gatehouse.deid.actions import ACTIONS, Occurrence
from gatehouse.deid.known_values import KnownValues
from gatehouse.dicom import charsets, code_extensions
from gatehouse.errors import DeidentificationError
from support.engine_run import KEYS

PATIENT = "AAAABBBBCCCCDDDDEEEE"
ANY_TAG = 0x00081030


class Context:
    """A patient, an offset of one day, and a character set."""

    keys = KEYS
    keeps_characteristics = False

    def __init__(self, terms: bytes = b"ISO_IR 100") -> None:
        self.character_set = charsets.character_set(terms)

    def patient_pseudonym(self) -> str:
        return PATIENT

    def is_patient(self, tag: int, value: bytes) -> bool:
        return tag == actions.PATIENT_ID and value == b"PAT "

    def offset_days(self) -> int:
        return -1

    def study_date(self) -> str:
        return "20240229"

    def known_values(self) -> KnownValues:
        return KnownValues(frozenset({"Quimby^Jane", "山田^太郎"}))


def act(
    name: str,
    value: bytes,
    vr: str,
    tag: int = ANY_TAG,
    *,
    is_top: bool = True,
    terms: bytes = b"ISO_IR 100",
    **parameters: str | int,
) -> bytes | None:
    return ACTIONS[name](value, Occurrence(tag, vr, is_top, parameters), Context(terms))


VALID = {
    "AE": r"[ -\[\]-~]{1,16}",
    "AS": r"\d{3}[DWMY]",
    "CS": r"[A-Z0-9 _]{1,16}",
    "DA": r"\d{8}",
    "DS": r"[0-9+\-eE.]{1,16}",
    "DT": r"\d{14}",
    "IS": r"[+-]?\d{1,12}",
    "LO": r"[^\\]{1,64}",
    "LT": r".+",
    "PN": r"[^\\]{1,64}",
    "SH": r"[^\\]{1,16}",
    "ST": r".+",
    "TM": r"\d{6}",
    "UC": r".+",
    "UI": r"[0-9.]{1,64}\0?",
    "UR": r"[a-z]+:\S+",
    "UT": r".+",
}


@pytest.mark.parametrize("vr", VALID)
def test_a_dummy_is_valid_for_its_text_vr_and_not_the_original(vr: str) -> None:
    new = act("dummy", b"CANARY", vr)

    assert new is not None
    assert re.fullmatch(VALID[vr], new.decode("ascii"))
    assert b"CANARY" not in new


@pytest.mark.parametrize(
    ("vr", "size"),
    [
        ("AT", 4),
        ("FD", 8),
        ("FL", 4),
        ("OB", 2),
        ("OD", 8),
        ("OF", 4),
        ("OL", 4),
        ("OV", 8),
        ("OW", 2),
        ("SL", 4),
        ("SS", 2),
        ("SV", 8),
        ("UL", 4),
        ("UN", 2),
        ("US", 2),
        ("UV", 8),
    ],
)
def test_a_binary_dummy_has_zeros_for_as_many_values(vr: str, size: int) -> None:
    assert act("dummy", b"C" * size * 3, vr) == bytes(size * 3)
    assert act("dummy", b"", vr) == bytes(size)


@pytest.mark.parametrize(
    ("vr", "value", "dummy"),
    [
        ("DS", b"1.5\\2.5\\3.5 ", b"0\\0\\0"),
        ("DA", b"20240101\\20240102", b"19000101\\19000101"),
        ("PN", b"A\\B", b"REMOVED"),
        ("LT", b"A\\B", b"REMOVED"),
    ],
)
def test_numbers_and_dates_keep_how_many_they_are(vr: str, value: bytes, dummy: bytes) -> None:
    assert act("dummy", value, vr) == dummy


@pytest.mark.parametrize(
    ("tag", "value"), [(0x00100040, b"O"), (0x00102203, b"UNALTERED"), (0x04000565, b"COERCE")]
)
def test_a_dummy_is_a_defined_term_where_there_are_some(tag: int, value: bytes) -> None:
    assert act("dummy", b"CANARY", "CS", tag) == value


@pytest.mark.parametrize("vr", ["SQ", ""])
def test_there_is_no_dummy_for_what_is_no_value(vr: str) -> None:
    with pytest.raises(DeidentificationError) as caught:
        act("dummy", b"CANARY", vr)

    assert caught.value.rule == "deid.no-dummy"


def test_a_document_without_a_dummy_of_its_kind_holds_the_instance() -> None:
    with pytest.raises(DeidentificationError) as caught:
        act("dummy", b"CANARY", "OB", actions.ENCAPSULATED_DOCUMENT)

    assert caught.value.rule == "deid.no-dummy"


def test_remove_and_empty_keep_nothing() -> None:
    assert act("remove", b"CANARY", "LO") is None
    assert act("empty", b"CANARY", "LO") == b""


def test_replace_gives_what_the_policy_says_in_the_data_sets_character_set() -> None:
    assert act("replace", b"CANARY", "LO", **{"with": "Müller"}) == b"M\xfcller"
    assert act("replace", b"CANARY", "IS", **{"with": 12}) == b"12"


@pytest.mark.parametrize(("vr", "terms"), [("LO", b"ISO_IR 6"), ("US", b"ISO_IR 100")])
def test_replace_holds_what_can_not_be_written(vr: str, terms: bytes) -> None:
    with pytest.raises(DeidentificationError):
        act("replace", b"CANARY", vr, terms=terms, **{"with": "Müller"})


@pytest.mark.parametrize("tag", [actions.PATIENT_ID, actions.PATIENT_NAME])
@pytest.mark.parametrize("value", [b"PAT ", b"", b"anything"])
def test_the_patient_gets_one_pseudonym_for_name_and_id(tag: int, value: bytes) -> None:
    assert act("pseudonym", value, "LO", tag) == PATIENT.encode()


def test_the_patients_id_further_inside_is_the_same_and_another_id_another() -> None:
    own = act("pseudonym", b"PAT ", "LO", actions.PATIENT_ID, is_top=False)
    other = act("pseudonym", b"PAT2", "LO", actions.PATIENT_ID, is_top=False)
    none = act("pseudonym", b"", "LO", actions.PATIENT_ID, is_top=False)

    assert own == PATIENT.encode()
    assert other == pseudonyms.pseudonym(KEYS, "PAT2").encode()
    assert none == b""


def test_a_pseudonym_depends_on_the_text_and_not_on_its_encoding() -> None:
    latin = act("pseudonym", b"M\xfcller", "PN", terms=b"ISO_IR 100")
    utf8 = act("pseudonym", "Müller".encode(), "PN", terms=b"ISO_IR 192")

    assert latin == utf8 == pseudonyms.value_pseudonym(KEYS, "PN", "Müller").encode()


def test_each_of_several_values_gets_its_pseudonym() -> None:
    new = act("pseudonym", b"A\\\\B", "SH")

    one, none, two = (new or b"").decode().split("\\")
    assert (len(one), none, len(two)) == (16, "", 16)
    assert one != two


def test_a_text_that_can_not_be_decoded_still_gets_a_pseudonym() -> None:
    assert act("pseudonym", b"\xff\xfe", "LO", terms=b"ISO_IR 192")


@pytest.mark.parametrize(
    ("vr", "value", "shifted"),
    [
        ("DA", b"20240301", b"20240229"),
        ("DA", b"20240301\\20240302", b"20240229\\20240301"),
        ("DA", b"", b""),
        ("DA", b"CANARY", b""),
        ("DA", b"20240301\\CANARY", b"20240229\\"),
        ("DT", b"20240301101112+0100 ", b"20240229101112+0100"),
        ("TM", b"101112", b"101112"),
        ("TM", b"CANARY", b""),
        ("AS", b"054Y", b"054Y"),
        ("AS", b"CANARY", b""),
        ("SH", b"+0100 ", b"+0100"),
        ("SH", b"CANARY", b""),
        ("LO", b"CANARY", b"REMOVED"),
        ("OB", b"CANARY", b"\0\0\0\0\0\0"),
    ],
)
def test_dates_are_shifted_and_what_is_none_does_not_stay(
    vr: str, value: bytes, shifted: bytes
) -> None:
    assert act("shift-date", value, vr) == shifted


@pytest.mark.parametrize(
    ("vr", "value", "cut"),
    [
        ("DA", b"19700131", b"19700101"),
        ("DT", b"19700131101112", b"197001"),
        ("DA", b"CANARY", b""),
        ("TM", b"101112", b"000000"),
        ("LO", b"CANARY", b"REMOVED"),
    ],
)
def test_dates_are_cut_short(vr: str, value: bytes, cut: bytes) -> None:
    assert act("truncate-date", value, vr, to="month") == cut


@pytest.mark.parametrize(
    ("birth", "cut"),
    [
        (b"19340301", b"19340101"),  # 89 years, on the day before the birthday
        (b"19340229", b"19340101"),  # 90 years
        (b"19200101", b"19340101"),
        (b"1920.01.01", b"19340101"),
        (b"19700131", b"19700101"),
        (b"CANARY", b""),
    ],
)
def test_the_year_of_birth_of_somebody_above_89_is_that_of_somebody_of_90(
    birth: bytes, cut: bytes
) -> None:
    assert act("truncate-date", birth, "DA", actions.PATIENT_BIRTH_DATE, to="year") == cut


def test_ages_are_made_coarse_and_other_values_dummies() -> None:
    assert act("generalize", b"095Y", "AS") == b"090Y"
    assert act("generalize", b"CANARY", "LO") == b"REMOVED"


@pytest.mark.parametrize(
    ("vr", "value", "new"),
    [
        ("LO", b"CT CHEST ", b"CT CHEST "),
        ("LO", b"CT CHEST QUIMBY\\KNEE", b"CT CHEST\\KNEE"),
        ("LO", b"QUIMBY", b"REMOVED"),
        ("LO", b"  ", b""),
        ("SH", b"KNEE KNEE KNEE KNEE KNEE ", b"KNEE KNEE KNEE K"),
        ("LT", b"Chest of Quimby.\r\nNo effusion.", b"Chest of [name].\r\nNo effusion."),
        ("PN", b"Quimby^Jane", b"REMOVED"),
        ("UR", b"http://quimby", b"about:blank"),
        ("AE", b"CHEST", b"REMOVED"),
    ],
)
def test_a_text_that_is_to_be_cleaned_loses_what_identifies(
    vr: str, value: bytes, new: bytes
) -> None:
    assert act("clean-text", value, vr) == new


@pytest.mark.parametrize(
    ("terms", "value", "new"),
    [
        (b"ISO_IR 192", "Thorax für Quimby", "Thorax für".encode()),
        (b"ISO_IR 100", "Thorax für Quimby", "Thorax für".encode("latin-1")),
        (b"ISO_IR 192", "胸部 山田太郎", "胸部".encode()),
        (b"\\ISO 2022 IR 87", "胸部 Quimby", b"\x1b$B6;It\x1b(B"),
    ],
)
def test_a_cleaned_text_is_in_the_character_set_of_its_data_set(
    terms: bytes, value: str, new: bytes
) -> None:
    before = code_extensions.encode(value, charsets.character_set(terms))

    assert act("clean-text", before or b"", "LO", terms=terms) == new


@pytest.mark.parametrize(
    "value",
    [
        "Jane Doe".encode("utf-16-le"),
        "Jane Doe".encode("utf-16-be"),
        "J\u200ba\u200bn\u200be".encode(),
        b"chest\x07Jane",
        "chest \ue000".encode(),
    ],
)
def test_a_text_with_what_is_not_seen_between_its_letters_is_replaced_whole(value: bytes) -> None:
    assert act("clean-text", value, "LT", terms=b"ISO_IR 192") == b"REMOVED"


@pytest.mark.parametrize("value", [b"chest\r\n\tabdomen", "chest\xa0abdomen".encode()])
def test_line_breaks_and_blanks_are_no_reason_to_replace_a_text(value: bytes) -> None:
    assert b"abdomen" in (act("clean-text", value, "LT", terms=b"ISO_IR 192") or b"")


def test_a_text_that_can_not_be_decoded_is_replaced_whole() -> None:
    assert act("clean-text", b"CHEST \xff\xfe", "LO", terms=b"ISO_IR 192") == b"REMOVED"


@pytest.mark.parametrize("name", ACTIONS)
def test_every_action_says_what_it_does(name: str) -> None:
    assert (ACTIONS[name].__doc__ or "").endswith(".")
