"""The values that the steps of de-identification hand to each other.

Each step takes the result of the one before, so that none can be skipped:
``bytes -> Deidentified -> Verified``.

Named tuples, not data classes, which bring `inspect` with them: a tenth of the start of a command.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Change(NamedTuple):
    """One element that was not passed on as it came. Holds no values."""

    path: str
    """E.g. ``"RequestAttributesSequence[0]/ScheduledProcedureStepID"``."""
    code: str
    """Action code of PS3.15 Table E.1-1a as it was resolved: D, Z, X, C or U."""
    rule: str
    """``profile``, an option's name, ``policy``, ``private``, ``unknown``, ``stamp``, ``repair``
    for a value that was padded, ``code-stream`` for comments in compressed pixels."""
    line: int
    """Line in the policy for the rule ``"policy"``; else 0."""


class ProjectKeys(NamedTuple):
    """The keys of one project, each for one purpose (HKDF-SHA-256 of the master key).

    Parameters
    ----------
    key_id : str
        Public name of the master key; stored with every output, so that rotation is possible.
    """

    key_id: str
    pseudonym: bytes
    uid: bytes
    date: bytes

    def __repr__(self) -> str:
        return f"ProjectKeys(key_id={self.key_id!r})"


class Deidentified(NamedTuple):
    """A de-identified object that nobody has checked yet.

    Parameters
    ----------
    chunks : sequence of bytes or memoryview
        The whole DICOM file (preamble, file meta, data set); untouched stretches are views of
        the input, so pixel bytes are never copied. Written with ``writelines`` or joined once.
    changes : sequence of Change
        Every element that was not passed on as it came, in order. Put into words when it is read.
    """

    chunks: Sequence[bytes | memoryview]
    changes: Sequence[Change]
    sop_instance_uid_old: str
    sop_instance_uid_new: str
    series_instance_uid_new: str
    study_instance_uid_new: str
    patient_id_new: str

    def to_bytes(self) -> bytes:
        """Join the chunks to one file."""
        return b"".join(self.chunks)


class Verified(NamedTuple):
    """A de-identified object that passed the independent check: the only thing that may leave."""

    deidentified: Deidentified
    needles: int
    """How many identifying values of the original were looked for."""
