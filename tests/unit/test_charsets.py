"""Goal: text is decoded as PS3.5 section 6.1.2 says, or not at all.

Method: the examples of PS3.5 Annexes H to K and of pydicom's test files, as bytes.
"""

from __future__ import annotations

import pytest

from gatehouse.dicom.charsets import character_set, decode, encode


@pytest.mark.parametrize(
    ("terms", "value", "text"),
    [
        (b"", b"Doe^Jane", "Doe^Jane"),
        (b"", b"M\xfcller", "Müller"),
        (b"ISO_IR 100", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
        (b"ISO_IR 101", b"W\xb3odek", "Włodek"),
        (b"ISO_IR 144", "Иванов".encode("iso8859_5"), "Иванов"),
        (b"ISO_IR 127", b"\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd2\xc7\xd1", "قباني^لنزار"),
        (b"ISO_IR 126", b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος"),
        (b"ISO_IR 138", b"\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4", "שרון^דבורה"),
        (b"ISO_IR 166", "สมชาย".encode("iso8859_11"), "สมชาย"),
        (b"ISO_IR 148", "Çelik".encode("iso8859_9"), "Çelik"),
        (b"ISO_IR 203", "Œuvre €".encode("iso8859_15"), "Œuvre €"),
        (b"ISO_IR 13", b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        (b"ISO_IR 192", "王^小東".encode(), "王^小東"),
        (b"GB18030", "王^小东".encode("gb18030"), "王^小东"),
        (b"GBK", "王^小东".encode("gbk"), "王^小东"),
        (
            b"\\ISO 2022 IR 87",
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
            "Yamada^Tarou=山田^太郎",
        ),
        (
            b"ISO 2022 IR 13\\ISO 2022 IR 87",
            b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J",
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
        ),
        (
            b"\\ISO 2022 IR 149",
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7",
            "Hong^Gildong=洪^吉洞",
        ),
        (b"\\ISO 2022 IR 58", b"Zhang=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab", "Zhang=张^小东"),
        (
            b"ISO 2022 IR 6\\ISO 2022 IR 100\\ISO 2022 IR 144",
            b"\x1b-A\xe4\xe7\xe9 \x1b-L\xda\xdd\xd8\xd3\xd0",
            "äçé книга",
        ),
        (b"\\ISO 2022 IR 159", "丂".encode("iso2022_jp_2"), "丂"),
    ],
)
def test_text_is_decoded_by_its_character_set(terms: bytes, value: bytes, text: str) -> None:
    assert decode(value, character_set(terms)) == text


@pytest.mark.parametrize("terms", [b"ISO-IR 100", b"iso_ir 100", b"ISO_IR_100 ", b"ISO IR 100\0"])
def test_common_misspellings_of_a_character_set_are_understood(terms: bytes) -> None:
    assert decode(b"\xe9", character_set(terms)) == "é"


@pytest.mark.parametrize(
    ("terms", "value"),
    [
        (b"ISO_IR 192", b"\xff\xfe"),
        (b"ISO_IR 9999", b"\xe9"),
        (b"Jane", b"\xe9"),
        (b"GB18030", b"\xff\xff"),
        (b"\\ISO 2022 IR 87", b"\x1b$B\xff\xff\x1b(B"),
        (b"ISO_IR 100", b"\x1b%G\xc3\xa9"),
    ],
)
def test_what_can_not_be_decoded_is_not_guessed_at(terms: bytes, value: bytes) -> None:
    assert decode(value, character_set(terms)) is None


def test_ascii_needs_no_character_set() -> None:
    assert decode(b"Doe^Jane", character_set(b"no such set")) == "Doe^Jane"


@pytest.mark.parametrize(
    ("terms", "text", "value"),
    [
        (b"", "study", b"study"),
        (b"ISO_IR 100", "Müller", b"M\xfcller"),
        (b"ISO_IR 192", "王", "王".encode()),
        (b"ISO_IR 100", "王", None),
        (b"", "Müller", None),
        (b"ISO_IR 6", "Müller", None),
        (b"\\ISO 2022 IR 87", "山", None),
        (b"unknown", "Müller", None),
    ],
)
def test_text_is_encoded_only_where_the_character_set_has_it(
    terms: bytes, text: str, value: bytes | None
) -> None:
    assert encode(text, character_set(terms)) == value
