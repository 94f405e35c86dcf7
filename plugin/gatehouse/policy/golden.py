"""Golden files of cases: one line for each element that was in the study or is in the output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gatehouse.policy.cases import Golden
from gatehouse.policy.differences import Difference

HEADER = "# Written by `gatehouse test --update`; read the difference before you keep it.\n"


def render_golden(instances: Iterable[Sequence[Difference]]) -> str:
    """Return the text of a golden file: path, fate, rule and the value that would leave."""
    lines = [HEADER]
    for number, differences in enumerate(instances, 1):
        lines.append(f"instance {number}\n")
        lines += [_line(difference) for difference in differences]
    return "".join(lines)


def golden_difference(golden: Golden, actual: str) -> str:
    """Say where the output is not as in the golden file; empty if it is."""
    if golden.content is None:
        return f"there is no file {golden.file} yet; write it with `gatehouse test --update`"
    expected = golden.content.decode("utf-8", "replace")
    if expected == actual:
        return ""
    before, after = expected.splitlines(), actual.splitlines()
    for number, (one, other) in enumerate(zip(before, after, strict=False), 1):
        if one != other:
            return f'{golden.file}:{number} says "{one.strip()}", and it was "{other.strip()}"'
    return f"{golden.file} has {len(before)} lines, and it should have {len(after)}"


def _line(difference: Difference) -> str:
    change = difference.change
    by = f" by {change.rule}" if change.rule else ""
    # Whatever is in a value, a line stays a line.
    after = difference.after.encode("unicode_escape").decode("ascii")
    return f"  {difference.path}: {difference.fate}{by}: {after}".rstrip() + "\n"
