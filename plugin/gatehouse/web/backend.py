"""What the routes work on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import Request

from gatehouse.adapters.destination_desk import DestinationDesk
from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.policy_desk import PolicyDesk
from gatehouse.adapters.run_desk import RunDesk
from gatehouse.web.health import Health


@dataclass(frozen=True)
class Backend:
    """What the routes work on; ``request.app.state.backend``."""

    ledger: Ledger
    health: Health
    wake: Any
    """Called when there is something to do for the process that starts workflows."""
    desk: PolicyDesk | None = None
    """Where policies are changed; None where a process shows only what the ledger knows."""
    reject_after_s: float = 3600.0
    """How long the rejection of a held study can be taken back."""
    destinations: DestinationDesk | None = None
    """Where destinations and deliveries are looked after."""
    runs: RunDesk | None = None
    """Where runs over an archive are made."""


def backend(request: Request) -> Backend:
    """Return what the routes work on."""
    found: Backend = request.app.state.backend
    return found
