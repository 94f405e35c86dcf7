"""What the instances of a study answer, and which of them can't."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import or_
from typing import TypeVar

from gatehouse.deid.known_values import NOTHING, KnownValues
from gatehouse.pipeline.ports import Held, KnownJob
from gatehouse.pipeline.records import InstanceRecord
from gatehouse.pipeline.tools import Tools

T = TypeVar("T")

HOLDS_MAX = 20
"""Instances that are named when a study is held; the rest of it is not looked at any more."""


def known_values(
    tools: Tools, instances: Sequence[InstanceRecord]
) -> tuple[KnownValues, list[Held]]:
    """Return what instances say of persons, and those that can't be asked."""
    jobs = [KnownJob(one.orthanc_id, one.file_uuid) for one in instances]
    found, held = sorted_out(tools.workshop.known(jobs))
    return reduce(or_, found, NOTHING), held


def sorted_out(results: Iterator[T | Held]) -> tuple[list[T], list[Held]]:
    """Return what was found, and what is held; no more is looked at than is named."""
    found: list[T] = []
    held: list[Held] = []
    for result in results:
        if isinstance(result, Held):
            held.append(result)
            if len(held) >= HOLDS_MAX:
                break
        else:
            found.append(result)
    return found, held
