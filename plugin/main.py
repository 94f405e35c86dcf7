"""The script that Orthanc's Python plugin loads (``PythonScript``).

It is the only file that imports ``orthanc``, and hands it on. There is no ``try`` around the start
on purpose: an exception here stops Orthanc, and an Orthanc that served without this plugin would
serve unprotected.
"""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

import orthanc  # type: ignore[import-not-found]  # noqa: E402  exists only inside Orthanc

from gatehouse.adapters import orthanc_plugin  # noqa: E402  the path above makes it importable

KEPT = orthanc_plugin.register(orthanc, FOLDER)
