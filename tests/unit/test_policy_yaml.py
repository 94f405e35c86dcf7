"""The YAML subset: what is text, what has a type, and what is refused.

Goal: an administrator's text means what it looks like. Method: small texts; plain values, lines,
and whole messages are compared.
"""

from __future__ import annotations

from typing import Any

import pytest

from gatehouse.policy import yaml_subset
from gatehouse.policy.report import Report, render
from gatehouse.policy.yaml_subset import Node, parse


def parsed(text: str) -> Any:
    node = parse(text.encode(), Report("x.yaml"))
    assert node is not None
    return node.plain()


def problems(content: bytes) -> list[str]:
    report = Report("x.yaml")
    parse(content, report)
    return [render(problem) for problem in report.problems]


@pytest.mark.parametrize(
    "text",
    [
        *["NO", "yes", "on", "Off", "TRUE", "False", "~", "Null", "00100010", "12:30:00", "1.5"],
        *["0x10", "0o7", "1_000", "+5", "1e3", "2026-03-31", ".inf", "=", "<<"],
    ],
)
def test_what_other_yaml_readers_guess_at_is_text(text: str) -> None:
    assert parsed(f"key: {text}") == {"key": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("", None),
        ("0", 0),
        ("18", 18),
        ("-3", -3),
    ],
)
def test_only_true_false_null_and_plain_integers_have_a_type(text: str, value: object) -> None:
    found = parsed(f"key: {text}")["key"]

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["'true'", '"18"', "'null'", '""'])
def test_what_is_quoted_is_always_text(text: str) -> None:
    assert parsed(f"key: {text}") == {"key": text[1:-1]}


def test_a_block_of_text_is_text() -> None:
    assert parsed("key: |\n  18\n") == {"key": "18\n"}


def test_keys_are_always_text() -> None:
    assert parsed("true: 1\n18: 2\nnull: 3\n") == {"true": 1, "18": 2, "null": 3}


def test_nodes_and_keys_know_their_lines() -> None:
    top = parse(b"# first\na: 1\nb:\n  - x\n  - {c: y}\n", Report("x.yaml"))

    assert isinstance(top, Node)
    assert (top.line, top.line_of("a"), top.line_of("b"), top.line_of("absent")) == (2, 2, 3, 2)
    assert [element.line for element in top.value["b"].elements()] == [4, 5]


def test_a_byte_order_mark_is_no_text() -> None:
    assert parse(b"\xef\xbb\xbfa: 1", Report("x.yaml")).plain() == {"a": 1}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"a: 1\nb: 2\na: 3\n",
            'x.yaml:3: error: the key "a" is there twice\n'
            "hint: it is also on line 1; remove one of them",
        ),
        (
            b"a: {b: 1,\n    b: 2}\n",
            'x.yaml:2: error: the key "b" is there twice\n'
            "hint: it is also on line 1; remove one of them",
        ),
        (
            b"a: 1\nb: &x 2\n",
            "x.yaml:2: error: anchors are not allowed\nhint: write the value out where it is used",
        ),
        (b"a: *x\n", "x.yaml:1: error: aliases are not allowed\nhint: write the value out"),
        (
            b"a: 1\nb: !!python/name:os.system x\n",
            "x.yaml:2: error: tags are not allowed\nhint: remove the word that begins with !",
        ),
        (
            b"a: ! 5\n",
            "x.yaml:1: error: tags are not allowed\nhint: remove the word that begins with !",
        ),
        (
            b"a: 1\n---\nb: 2\n",
            "x.yaml:2: error: a second document begins here; a file holds one",
        ),
        (b"? [a, b]\n: 1\n", "x.yaml:1: error: a key must be text"),
        (b"", "x.yaml:1: error: the file is empty"),
        (b"# nothing\n", "x.yaml:1: error: the file is empty"),
        (b"a: 1\nb: \xff\n", "x.yaml:2: error: the file is not UTF-8\nhint: save it as UTF-8"),
        (b"a: 1\nb: \x07\n", "x.yaml:2: error: control characters are not allowed"),
        (
            b"a: [1,\nb: 2\n",
            "x.yaml:3: error: this is not YAML: did not find expected ',' or ']'\n"
            "hint: look at the indentation, colons and quotes of this line and the one before",
        ),
        (
            b"a: b: c\n",
            "x.yaml:1: error: this is not YAML: mapping values are not allowed in this context\n"
            "hint: look at the indentation, colons and quotes of this line and the one before",
        ),
    ],
)
def test_what_is_refused_is_named_with_its_line(content: bytes, message: str) -> None:
    assert problems(content) == [message]


def test_two_keys_that_are_there_twice_are_both_reported() -> None:
    assert len(problems(b"a: 1\na: 2\nb: 1\nb: 2\n")) == 2


def test_nesting_has_a_limit() -> None:
    deep = b"[" * 65 + b"]" * 65

    assert problems(deep) == ["x.yaml:1: error: nested deeper than 64 levels"]


def test_a_hundred_thousand_levels_do_not_exhaust_the_stack() -> None:
    assert problems(b"[" * 100_000) == ["x.yaml:1: error: nested deeper than 64 levels"]


def test_the_number_of_values_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_subset, "NODES_MAX", 5)

    assert problems(b"[1, 2, 3, 4, 5]") == ["x.yaml:1: error: more than 5 values"]


def test_the_size_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_subset, "SIZE_MAX", 2 * 1024 * 1024)

    assert problems(b"#" * (2 * 1024 * 1024 + 1)) == [
        "x.yaml:1: error: the file is larger than 2 MiB"
    ]
