"""Reception mode against plain ingest: the same files into two Orthancs, one after the other.

One de-identifies each instance inside its received-instance callback and writes the journal, the
other stores what it gets; both have the environment that Gatehouse ships. What the service and the
workers do afterwards is not in it: they are other processes.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench.data import prepared
from bench.gateway import send_dicom, send_http
from bench.measure import empty
from bench.orthanc_server import PlainOrthanc
from gatehouse.adapters import lent, reception_files
from gatehouse.adapters.keys import write_key_file
from gatehouse.adapters.launch import ORTHANC_ENVIRONMENT
from gatehouse.policy.load import load_single
from gatehouse.policy.model import Pack

STUDIES = ("ct", "mr", "sr", "dx", "us", "enhanced-mr")
FIGURES = ("ratio", "ratio of CPU time", "ratio by C-STORE", "plain/s", "reception/s")

NOT_BY_STORESCU = ("us",)
"""Its transfer syntax is none that DCMTK's storescu proposes by itself."""

POLICY = Path(__file__).parent / "policies" / "bench" / "bench.yaml"
PLUGIN = Path(__file__).parents[1] / "plugin"
PYTHON_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancPython.so")

SCRIPT = f"""
import sys
from pathlib import Path

import orthanc

sys.path.insert(0, {str(PLUGIN)!r})
from gatehouse.adapters.own_output import OwnOutputs
from gatehouse.adapters.reception import Desk, received_callback

HERE = Path(__file__).parent
own = OwnOutputs(HERE / "run" / "service.sock", "secret")
received = received_callback(orthanc, Desk(HERE, HERE / "master.key", own))
orthanc.RegisterReceivedInstanceCallback(received)
"""


def measure_study(scratch: Path, study: str, rounds: int) -> dict[str, float]:
    """Return what one study costs: `FIGURES`, the ratios as medians of neighbouring runs.

    Notes
    -----
    A ratio above 1 says that reception mode is quicker, or takes less CPU time, than plain ingest.
    """
    folder = prepared(study)
    number = len(list(folder.iterdir()))
    pairs: list[tuple[float, float]] = []
    cpu: list[tuple[float, float]] = []
    dicom: list[tuple[float, float]] = []
    with ExitStack() as stack:
        plain = stack.enter_context(
            PlainOrthanc(empty(scratch / "plain"), environment=ORTHANC_ENVIRONMENT)
        )
        ours = stack.enter_context(_reception(empty(scratch / "reception")))
        for round_number in range(rounds + 1):
            seconds, cpu_s = zip(
                *(_send(one, folder, number) for one in (plain, ours)), strict=True
            )
            # The first round is for what is done once: connections, plans, memory.
            if round_number:
                pairs.append(seconds)
                cpu.append(cpu_s)
                if study not in NOT_BY_STORESCU:
                    dicom.append((_send_dicom(plain, folder), _send_dicom(ours, folder)))
    found = (
        _ratio(pairs),
        _ratio(cpu),
        _ratio(dicom) if dicom else math.nan,
        number / statistics.median(plain_s for plain_s, _ in pairs),
        number / statistics.median(ours_s for _, ours_s in pairs),
    )
    return dict(zip(FIGURES, found, strict=True))


def _reception(home: Path) -> PlainOrthanc:
    """Return an Orthanc that takes in under the benchmark's policy."""
    policy, problems = load_single(POLICY.read_bytes(), "bench.yaml")
    if policy is None:
        raise RuntimeError(str(problems))
    (home / "run").mkdir(mode=0o700)
    pack = dataclasses.replace(Pack((policy,), policy.digest), reception=True)
    reception_files.write_pack(home / "run", pack, lent.packages_here())
    write_key_file(home / "master.key")
    script = home / "script.py"
    script.write_text(SCRIPT)
    return PlainOrthanc(
        home,
        environment=ORTHANC_ENVIRONMENT,
        Plugins=[str(PYTHON_PLUGIN)],
        PythonScript=str(script),
    )


def _send(orthanc: PlainOrthanc, folder: Path, number: int) -> tuple[float, float]:
    """Send a study over HTTP; return the seconds, and those of the server's CPU time."""
    before = orthanc.cpu_s()
    seconds = send_http(orthanc.session, orthanc.url, folder)
    cpu_s = orthanc.cpu_s() - before
    if orthanc.instances() != number:
        raise RuntimeError(f"{orthanc.instances()} of {number} instances were stored")
    _empty(orthanc)
    return seconds, cpu_s


def _send_dicom(orthanc: PlainOrthanc, folder: Path) -> float:
    seconds = send_dicom(orthanc.dicom_port, "BENCH", folder)
    _empty(orthanc)
    return seconds


def _empty(orthanc: PlainOrthanc) -> None:
    for study in orthanc.session.get(f"{orthanc.url}/studies", timeout=60).json():
        orthanc.delete(study)


def _ratio(pairs: list[tuple[float, float]]) -> float:
    return statistics.median(plain / ours for plain, ours in pairs)


def main() -> None:
    """Print the figures of some studies: ``python -m bench.reception ROUNDS [STUDY ...]``."""
    with tempfile.TemporaryDirectory(prefix="gatehouse-reception-") as place:
        for study in sys.argv[2:] or STUDIES:
            found = measure_study(Path(place), study, int(sys.argv[1]))
            print(study, *(f"{name} {value:.2f}" for name, value in found.items()), sep="  ")


if __name__ == "__main__":
    main()
