"""Goal: `gatehouse run` asks for the studies that a file or a query names, and for no others.

Method: files and words as an administrator gives them; what would be asked is compared.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gatehouse.cli import main
from gatehouse.commands.run import _queries
from gatehouse.errors import ConfigurationError


@pytest.mark.parametrize(
    "text",
    [
        "A1\nA2\n",
        "AccessionNumber\nA1\nA2\n",
        "\ufeffSite;,accessionnumber , x\nhere, A1 ,1\nhere,A2,2\n",
        "A1\n\nA2\nA1\n",
    ],
)
def test_accession_numbers_come_from_their_column_each_once(tmp_path: Path, text: str) -> None:
    file = tmp_path / "studies.csv"
    file.write_text(text, encoding="utf-8")

    assert list(_queries([], file)) == [{"AccessionNumber": "A1"}, {"AccessionNumber": "A2"}]


def test_what_is_asked_for_besides_holds_for_each_of_them(tmp_path: Path) -> None:
    file = tmp_path / "studies.csv"
    file.write_text("A1\n")

    assert list(_queries(["ModalitiesInStudy=CT"], file)) == [
        {"ModalitiesInStudy": "CT", "AccessionNumber": "A1"}
    ]


def test_a_query_is_one_for_all_its_words() -> None:
    assert list(_queries(["StudyDate=2020-2021", "Modality=CT"], None)) == [
        {"StudyDate": "2020-2021", "Modality": "CT"}
    ]
    assert list(_queries([], None)) == []


@pytest.mark.parametrize("number", ["*", "A?", "A1\\A2"])
def test_an_accession_number_that_would_find_others_is_refused_and_not_shown(
    tmp_path: Path, number: str
) -> None:
    file = tmp_path / "studies.csv"
    file.write_text(f"{number}\n")

    with pytest.raises(ConfigurationError, match="with wildcards, which find others") as caught:
        list(_queries([], file))

    assert number not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"), [(None, "can't be read"), (b"\xff\xfe\x00", "is no CSV file in UTF-8")]
)
def test_a_file_that_can_t_be_used_is_named(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    file = tmp_path / "studies.csv"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ConfigurationError, match=said):
        list(_queries([], file))


def test_words_that_are_no_query_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="--find takes words like"):
        list(_queries(["everything"], None))


@pytest.mark.parametrize("window", ["7-8", "18:00", "18:00-25:00"])
def test_a_window_that_is_none_is_refused_before_a_run_is_made(
    tmp_path: Path, window: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "up.json").write_text('{"gateway_http": "http://127.0.0.1:1"}')
    (tmp_path / "credentials.json").write_text('{"user": "oscar", "password": "secret"}')
    words = ["run", "--home", str(tmp_path), "--policy", "basic", "--find", "Modality=CT"]

    assert main([*words, "--window", window]) == 2

    assert "--window takes two times of day, such as 18:00-07:00" in capsys.readouterr().err
