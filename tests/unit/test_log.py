"""Goal: a log that can't be written does not end the work that it tells of.

Method: a process whose stderr is a device on which there is no room, as on a full disk.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import logging, sys
import structlog
from gatehouse.adapters.log import configure
configure("worker-1")
for number in range(1000):
    structlog.get_logger().warning("the ledger does not answer", number=number)
    logging.getLogger("library").error("CANARY")
print("still at work", flush=True)
"""


def test_a_log_without_room_ends_nothing() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            stdout=subprocess.PIPE,
            stderr=full,
            env={**os.environ, "PYTHONPATH": str(ROOT / "plugin")},
            check=False,
            timeout=120,
        )

    assert ended.stdout == b"still at work\n"


def test_a_log_with_room_has_each_line_and_no_text_of_a_library() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "plugin")},
        check=True,
        timeout=120,
    )

    assert ended.stderr.count(b'"event": "the ledger does not answer"') == 1000
    assert ended.stderr.count(b'"logger": "library"') == 1000
    assert b"CANARY" not in ended.stderr
