"""The service's side of reception mode: lets Orthanc's callback have the pack that decides."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from gatehouse.adapters import lent, reception_files
from gatehouse.errors import ConfigurationError, HoldError, PolicyError
from gatehouse.pipeline.packs import PackShelf
from gatehouse.policy.model import Pack, Policy

OTHER_RECEPTION = (
    'these policies say otherwise of "reception" than those with which Orthanc was started'
)

log = structlog.get_logger()


def at_start(run: Path, pack: Pack) -> None:
    """Tell the plugin, before it registers anything, whether the pack is for reception mode.

    Raises
    ------
    ConfigurationError
        If the pack can't be handed over.
    """
    try:
        if pack.reception:
            reception_files.write_pack(run, pack, lent.packages_here())
        else:
            reception_files.remove_pack(run)
    except PolicyError as error:
        raise ConfigurationError(str(error)) from None


class ReceptionHandover:
    """Keeps the file up to date while the service runs. May be used from several threads.

    Parameters
    ----------
    shelf : PackShelf
        Knows the pack that decides, also if another service of this archive activated it.
    is_on : bool
        Whether Orthanc was started in reception mode.
    """

    def __init__(self, run: Path, shelf: PackShelf, *, is_on: bool) -> None:
        self._run = run
        self._shelf = shelf
        self._is_on = is_on
        self._handed = ""
        self._lock = threading.Lock()

    def follow(self) -> Sequence[Policy]:
        """Hand over what decides now, if it is something else; return its policies."""
        with self._lock:
            try:
                pack = self._shelf.active()
            except HoldError:
                # The workers hold what they can't decide, and say why; the callback refuses it.
                self._take_away()
                return ()
            if self._is_on and pack.reception:
                self._hand_over(pack)
            else:
                self._take_away()
            return pack.policies

    def _hand_over(self, pack: Pack) -> None:
        if self._handed == pack.digest and reception_files.stamp(self._run) is not None:
            return
        try:
            reception_files.write_pack(self._run, pack, lent.packages_here())
        except PolicyError as error:
            self._handed = ""
            log.error("nothing can be received", reason=str(error))  # noqa: TRY400
            return
        self._handed = pack.digest
        log.info("policies handed over for reception")

    def _take_away(self) -> None:
        """Have the callback refuse everything."""
        if self._is_on:
            self._handed = ""
            with suppress(OSError):
                reception_files.remove_pack(self._run)
