"""The circuit breaker of a destination: after enough failures in a row only probes go through.

Closed: deliveries are tried. Open: none is tried until the next probe is due; then one is, and its
outcome closes the circuit or sets the next probe, later each time. Only a destination that does
not answer counts: one that answers, and be it with a refusal, is there.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

PROBE_PATIENCE_S = 120.0
"""A probe without an outcome for this long (its worker was killed) is followed by another one."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """When a circuit opens, and how it is probed.

    Parameters
    ----------
    failures : int
        Attempts in a row without an answer that open it.
    """

    failures: int = 5
    probe_min_s: float = 30.0
    probe_max_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Circuit:
    """What is known of a destination's last attempts. Times are seconds since the epoch."""

    failures: int = 0
    opened_at: float | None = None
    probe_at: float | None = None

    @property
    def is_open(self) -> bool:
        """True if nothing but probes goes through."""
        return self.opened_at is not None


CLOSED = Circuit()


def state_of(circuit: Circuit, now: float) -> str:
    """Return ``closed``, ``open``, or ``probing`` if the next attempt is a probe, or one runs."""
    if circuit.opened_at is None:
        return "closed"
    return "probing" if circuit.probe_at is None or circuit.probe_at <= now else "open"


def admit(circuit: Circuit, now: float) -> tuple[Circuit, float | None]:
    """Return the circuit after somebody asked to try, and when to ask again; None: try now."""
    if circuit.opened_at is None:
        return circuit, None
    # A probe that lies further ahead than any pause means that the clock was set back.
    if circuit.probe_at is not None and circuit.probe_at > now:
        return circuit, circuit.probe_at
    return dataclasses.replace(circuit, probe_at=now + PROBE_PATIENCE_S), None


def failed(circuit: Circuit, breaker: Breaker, now: float) -> Circuit:
    """Return the circuit after an attempt without an answer."""
    failures = circuit.failures + 1
    if failures < breaker.failures:
        return Circuit(failures)
    probes = failures - breaker.failures
    pause_s = min(breaker.probe_max_s, breaker.probe_min_s * 2.0 ** min(probes, 16))
    opened_at = now if circuit.opened_at is None else circuit.opened_at
    return Circuit(failures, opened_at, now + pause_s)
