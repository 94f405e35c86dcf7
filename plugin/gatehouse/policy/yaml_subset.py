"""Read the subset of YAML in which policies are written, with the line of everything.

Only ``true``, ``false``, ``null`` and plain decimal integers are not text: ``NO`` is "NO", and
``00100010`` and ``12:30:00`` are text. Keys are always text. Duplicate keys, anchors, aliases, tags
and several documents are problems. Size, depth and number of nodes are limited.

Built on the events of PyYAML's parser (libyaml), so none of PyYAML's own types or constructors is
ever used. Does not know what a policy is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import yaml

from gatehouse.policy.report import Report

SIZE_MAX = 4 * 1024 * 1024  # a policy has some kilobytes; cases with DICOM JSON have more
DEPTH_MAX = 64  # conditions, paths and DICOM JSON need about a dozen
NODES_MAX = 200_000

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_WORDS = {"true": True, "false": False, "null": None, "": None}

Kind = Literal["mapping", "sequence", "text", "integer", "boolean", "null"]


@dataclass(slots=True)
class Node:
    """A value with its line (from 1). ``value`` is a dict or a list of nodes, or a plain value."""

    kind: Kind
    value: Any
    line: int
    key_lines: dict[str, int]
    """For a mapping: the line of each key."""

    def get(self, key: str) -> Node | None:
        """Return the node at a key of a mapping; None if this is no mapping or has no such key."""
        found: Node | None = self.value.get(key) if self.kind == "mapping" else None
        return found

    def items(self) -> list[tuple[str, Node]]:
        """Return keys and nodes of a mapping; nothing for other kinds."""
        return list(self.value.items()) if self.kind == "mapping" else []

    def elements(self) -> list[Node]:
        """Return the nodes of a sequence; nothing for other kinds."""
        return list(self.value) if self.kind == "sequence" else []

    def line_of(self, key: str) -> int:
        """Return the line of a key; of the mapping itself if the key is not there."""
        return self.key_lines.get(key, self.line)

    def plain(self) -> Any:
        """Return the value without lines."""
        if self.kind == "mapping":
            return {key: node.plain() for key, node in self.value.items()}
        if self.kind == "sequence":
            return [node.plain() for node in self.value]
        return self.value


class _Stop(Exception):  # noqa: N818 - it is control flow, not an error
    """A problem after which the rest of the file can't be read."""


def parse(content: bytes, report: Report) -> Node | None:
    """Parse a file.

    Parameters
    ----------
    content : bytes
        The file, UTF-8.
    report : Report
        Takes the problems.

    Returns
    -------
    Node or None
        The top node; None if the file can't be read at all.
    """
    text = _decode(content, report)
    if text is None:
        return None
    try:
        return _Builder(report).build(yaml.parse(text, Loader=yaml.CSafeLoader))
    except _Stop:
        return None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, int(error.position or 0)) + 1
        report.error(line, "control characters are not allowed")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        report.error(
            mark.line + 1 if mark else 1,
            f"this is not YAML: {error.problem}",
            "look at the indentation, colons and quotes of this line and the one before",
        )
    return None


def _decode(content: bytes, report: Report) -> str | None:
    if len(content) > SIZE_MAX:
        report.error(1, f"the file is larger than {SIZE_MAX // 1024 // 1024} MiB")
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        report.error(line, "the file is not UTF-8", "save it as UTF-8")
        return None


class _Builder:
    """Makes nodes of events, without recursion over the file's nesting."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.nodes = 0
        self._key_line = 0

    def build(self, events: Iterator[Any]) -> Node | None:
        documents = 0
        top: Node | None = None
        stack: list[Node] = []
        keys: list[str | None] = []  # for each open mapping the key that waits for its value
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._stop(event, "a second document begins here; a file holds one")
            elif isinstance(event, yaml.CollectionEndEvent):
                stack.pop()
                keys.pop()
            elif isinstance(event, yaml.NodeEvent):
                node = self._node(event)
                if not stack:
                    top = node
                elif not self._attach(node, event, stack[-1], keys):
                    continue
                if isinstance(event, yaml.CollectionStartEvent):
                    stack.append(node)
                    keys.append(None)
                    if len(stack) > DEPTH_MAX:
                        self._stop(event, f"nested deeper than {DEPTH_MAX} levels")
        if top is None or top.kind == "null":
            self.report.error(1, "the file is empty")
            return None
        return top

    def _attach(self, node: Node, event: Any, parent: Node, keys: list[str | None]) -> bool:
        """Put a node into its parent; False if it was a key."""
        if parent.kind == "sequence":
            parent.value.append(node)
            return True
        key = keys[-1]
        if key is not None:
            first = parent.key_lines.get(key)
            if first is not None:
                self.report.error(
                    self._key_line,
                    f'the key "{key}" is there twice',
                    f"it is also on line {first}; remove one of them",
                )
            else:
                parent.value[key] = node
                parent.key_lines[key] = self._key_line
            keys[-1] = None
            return True
        if node.kind in ("mapping", "sequence"):
            self._stop(event, "a key must be text")
        keys[-1] = event.value
        self._key_line = node.line
        return False

    def _node(self, event: Any) -> Node:
        self.nodes += 1
        if self.nodes > NODES_MAX:
            self._stop(event, f"more than {NODES_MAX} values")
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            self._stop(event, "aliases are not allowed", "write the value out")
        if event.anchor is not None:
            self._stop(event, "anchors are not allowed", "write the value out where it is used")
        if event.tag is not None:
            self._stop(event, "tags are not allowed", "remove the word that begins with !")
        if isinstance(event, yaml.MappingStartEvent):
            return Node("mapping", {}, line, {})
        if isinstance(event, yaml.SequenceStartEvent):
            return Node("sequence", [], line, {})
        return _scalar(event, line)

    def _stop(self, event: Any, message: str, hint: str = "") -> NoReturn:
        self.report.error(event.start_mark.line + 1, message, hint)
        raise _Stop


def _scalar(event: Any, line: int) -> Node:
    text = event.value
    if event.implicit[0]:  # plain: neither quoted nor a block
        if text in _WORDS:
            value = _WORDS[text]
            return Node("null" if value is None else "boolean", value, line, {})
        if _INTEGER.fullmatch(text):
            return Node("integer", int(text), line, {})
    return Node("text", text, line, {})
