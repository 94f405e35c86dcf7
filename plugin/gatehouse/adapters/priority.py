"""Leaves the processor to those who receive: Orthanc, wherever it wants it.

What has to be done with a study can wait, and what sends it can't. None of this matters while there
are cores to spare.
"""

from __future__ import annotations

import contextlib
import os

WORKER = 5
"""Niceness of a worker, which decides, records and sends: a third of what Orthanc gets, where both
want all of a core."""

POOL = 10
"""Of the processes that do the CPU work: a tenth of what Orthanc gets. They must not starve while
studies come without a pause."""


def step_back(niceness: int) -> None:
    """Let this thread, and what it starts, come after others.

    Never the other way round: where the system was told to give this process less already, it stays
    so. Linux counts niceness by thread, so this is for the main thread before it starts others.

    Parameters
    ----------
    niceness : int
        0 to 19.
    """
    now = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, max(now, niceness))
    # A thread that becomes ready then interrupts nobody: these become ready for each instance.
    with contextlib.suppress(PermissionError):
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
