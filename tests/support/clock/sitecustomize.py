"""Sets the clock of a Python process wrong, by as many seconds as a file says at that moment.

Put this folder into ``PYTHONPATH`` and the file's name into ``GATEHOUSE_TEST_CLOCK``. Clocks that
measure how long something takes go on as they are: those nobody sets.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

_file = Path(os.environ["GATEHOUSE_TEST_CLOCK"])
_right = time.time


def _wrong() -> float:
    return _right() + float(_file.read_text())


time.time = _wrong
