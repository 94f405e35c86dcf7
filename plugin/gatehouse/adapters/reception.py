"""Orthanc's received-instance callback in reception mode.

Runs inside Orthanc, on one instance at a time. Its answer starts as the refusal and is only ever
upgraded: an exception that left it, None, or a wrong type would have Orthanc store the original and
tell the sender that all is well (measured on all versions).
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from gatehouse.adapters import lent, reception_files
from gatehouse.adapters.keys import read_key_file
from gatehouse.adapters.own_output import OwnOutputs
from gatehouse.adapters.reception_journal import JournalWriter
from gatehouse.errors import ConfigurationError, PolicyError
from gatehouse.pipeline.reception import Reception, TakenIn
from gatehouse.pipeline.reception_journal import ReceptionRefusal

PROTOCOLS = {2: "dicom", 3: "http", 4: "plugin", 5: "lua"}
"""``OrthancPluginInstanceOrigin`` -> ``Origin.protocol``, as for what the inbox reads."""

MUST_NOT_BE_SET = {
    "IngestTranscoding": "the bytes that were verified would not be those that are stored",
}
"""Options of Orthanc with which reception mode does not start."""

GC_THRESHOLDS = (50_000, 20, 20)
"""The work on an instance makes many short-lived objects and no cycles: looking for these after
each 700 of them, as Python does by itself, takes a tenth of the time."""

Received = Callable[[Any, Any], tuple[Any, bytes]]


class Desk:
    """Takes instances in under the pack that decides now.

    Parameters
    ----------
    home : Path
        The private folder of Gatehouse.
    key_file : Path
        The master key; it is read once.
    own_outputs : OwnOutputs
        Whom to ask about instances that say that they are de-identified.

    Raises
    ------
    ConfigurationError
        If reception can't begin: Orthanc must not start.
    """

    def __init__(self, home: Path, key_file: Path, own_outputs: OwnOutputs) -> None:
        gc.set_threshold(*GC_THRESHOLDS)
        self._run = home / "run"
        self._master_key = read_key_file(key_file)
        self._own_outputs = own_outputs
        self._journal = JournalWriter(home)
        self._stamp = reception_files.stamp(self._run)
        self._reception: Reception | None = None
        try:
            self._journal.open()
            self._reception = self._load()
        except PolicyError as error:
            raise ConfigurationError(str(error)) from None
        except OSError as error:
            raise ConfigurationError(
                f"the journal of reception can't be begun ({type(error).__name__})"
            ) from None

    def receive(self, dicom: Any, protocol: str) -> TakenIn | ReceptionRefusal:
        """Return what Orthanc is to store, or why nothing of this instance is."""
        # One look for each instance: an activation holds from the next one on.
        stamp = reception_files.stamp(self._run)
        if stamp != self._stamp or self._reception is None:
            self._reception, self._stamp = None, stamp
            try:
                self._reception = self._load()
            except (PolicyError, OSError) as error:
                return self._unusable(error)
        return self._reception.receive(dicom, protocol)

    def _load(self) -> Reception:
        handed = reception_files.read_pack(self._run)
        lent.borrow(handed.packages, handed.pack)
        return Reception(
            handed.pack,
            self._master_key,
            self._journal,
            self._own_outputs.is_own_output,
            time.time,
        )

    def _unusable(self, error: Exception) -> ReceptionRefusal:
        reason = str(error) if isinstance(error, PolicyError) else type(error).__name__
        refusal = ReceptionRefusal(time.time(), "reception.no-policies", reason)
        with suppress(Exception):
            self._journal.write(refusal)
        return refusal


def received_callback(orthanc: ModuleType, desk: Desk) -> Received:
    """Return the callback. Whatever happens in it, it refuses or hands on what was verified."""
    modify = orthanc.ReceivedInstanceAction.MODIFY
    refusal = (modify, b"")  # 0xA700 by C-STORE, 500 by HTTP, nothing stored (all versions)

    def received(dicom: Any, origin: Any) -> tuple[Any, bytes]:
        answer = refusal
        said = ""
        try:
            outcome = desk.receive(dicom, PROTOCOLS.get(int(origin), ""))
            if isinstance(outcome, TakenIn):
                answer = (modify, outcome.dicom)
            else:
                said = outcome.rule
        except BaseException as error:  # noqa: BLE001  even SystemExit would store the original
            said = type(error).__name__
        if said:
            with suppress(BaseException):
                orthanc.LogWarning(f"Gatehouse: an instance was refused ({said})")
        return answer

    return received


def check_configuration(configuration: dict[str, Any]) -> None:
    """Refuse options of Orthanc that don't go with reception mode.

    Raises
    ------
    ConfigurationError
        With all of them.
    """
    problems = [
        f"{key} must not be set with policies for reception: {reason}"
        for key, reason in MUST_NOT_BE_SET.items()
        if configuration.get(key)
    ]
    if problems:
        raise ConfigurationError("\n".join(problems))
