"""The benchmark, in one command: ``make bench``, or ``python -m bench.run [--quick]``.

With ``--write`` the tables go into docs/performance.md. It needs the network once, for the peers'
packages; then it goes on in a network namespace of its own where it may make one, because Orthanc
1.10.1 can't be bound to the loopback interface only.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import compare, gateway, growth, ledger, reception, report
from bench.data import STUDIES, prepared
from bench.tools import ENGINE, PEERS_PYTHON, command_name, engine, gatehouse_command, peers

HERE = Path(__file__).parent
CORES = len(os.sched_getaffinity(0))
DELIVERIES = (("peer", 200), ("peer", 1_000), ("dicom", 200), ("dicom", 1_000))
DOCUMENT = HERE.parent / "docs" / "performance.md"
INSIDE = "GATEHOUSE_BENCH_INSIDE"

MEMORY = Path("/dev/shm")  # noqa: S108  # a folder with a name of our own is made in it
MEMORY_BYTES_MIN = 8 * 1024**3


def main() -> int:
    """Measure everything, print the tables, write the JSON file."""
    options = _parse()
    if os.environ.get(INSIDE) != "1":
        _install_peers()
        return _inside_a_namespace(sys.argv[1:])
    start_s = time.monotonic()
    results = report.Results()
    scratch, disk = (
        Path(tempfile.mkdtemp(prefix="gatehouse-bench-", dir=folder))
        for folder in (options.scratch or _memory(), options.scratch)
    )
    try:
        compare.prepare(scratch)
        _measure(options, scratch, disk, results)
    finally:
        shutil.rmtree(scratch)
        shutil.rmtree(disk)
    bases = (ENGINE, command_name(1), command_name(CORES))
    results.add_table("Targets: CT, wall time", report.engine_targets_table(results.figures, bases))
    results.add_table("Targets: the rest", report.targets_table(results.figures))
    results.machine["duration"] = f"{(time.monotonic() - start_s) / 60:.0f} minutes"
    options.json.write_text(results.as_json())
    print(f"\nwritten: {options.json}")
    if options.write:
        results.write_into(DOCUMENT)
        print(f"written: {DOCUMENT}")
    return 0


def _memory() -> Path | None:
    """Return a folder in memory if it has room, for what has nothing to do with disks.

    On a disk, who makes files pays for those that others have just deleted.
    """
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES_MIN
    return MEMORY if has_room else None


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="CT and SR only, fewer rounds")
    parser.add_argument("--rounds", type=int, help="rounds of each pair (default 5, quick 2)")
    parser.add_argument(
        "--only", default="folders,orthanc,engine,growth,gateway,reception,pages", help="parts"
    )
    parser.add_argument("--json", type=Path, default=HERE / "data" / "results.json")
    parser.add_argument(
        "--scratch",
        type=Path,
        help="where to work (default: tools in memory if there is room, servers in the "
        "temporary folder)",
    )
    parser.add_argument("--write", action="store_true", help="put the tables into docs/")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.json = options.json.absolute()
    return options


def _measure(
    options: argparse.Namespace, scratch: Path, disk: Path, results: report.Results
) -> None:
    parts = set(options.only.split(","))
    studies = ["ct", "sr"] if options.quick else list(STUDIES)
    for study in studies:
        print(f"{study}: {len(list(prepared(study).iterdir()))} files", flush=True)
    bases = (engine(), gatehouse_command(1), gatehouse_command(CORES))
    comparisons: list[compare.Comparison] = []
    if "folders" in parts:
        results.tools = {
            tool.name: {"version": tool.version(), "leaves": tool.leaves}
            for tool in (*bases, *peers())
        }
        for study in studies:
            usable = [other for other in peers() if study in other.studies]
            comparisons += compare.compare(bases, usable, study, options.rounds, scratch)
    if "orthanc" in parts and shutil.which("Orthanc"):
        comparisons += compare.compare_with_orthanc(bases, studies, options.rounds, scratch)
    if comparisons:
        _report_comparisons(comparisons, results)
    if "engine" in parts:
        _report_engine(studies, results)
    if "growth" in parts and not options.quick:
        results.figures["speed-up"] = growth.speed_up(bases[1], bases[2], scratch)
        results.figures["growth"] = growth.cost_of_many_over_few(bases[1], scratch)
        results.figures["ledger-growth"] = ledger.cost_of_a_full_ledger(disk)
    if "gateway" in parts and shutil.which("Orthanc"):
        _report_gateway(options, disk, results)
    if "reception" in parts and shutil.which("Orthanc"):
        _report_reception(options, disk, results)
    if "pages" in parts:
        _report_pages(results)


def _report_pages(results: report.Results) -> None:
    argv = [sys.executable, "-m", "bench.pages", "--json"]
    output = subprocess.run(argv, check=True, capture_output=True, text=True, cwd=HERE.parent)
    rows = []
    measured = json.loads(output.stdout)
    results.figures["pages/slowest-ms"] = max(one[1] for one in measured) * 1000
    results.figures["pages/largest-kb"] = max(one[3] for one in measured) / 1000
    for name, median_s, slowest_s, size in measured:
        results.figures[f"page/{name}"] = median_s
        rows.append(
            [name, f"{median_s * 1000:.0f}", f"{slowest_s * 1000:.0f}", f"{size / 1000:.0f}"]
        )
    head = ["page", "median ms", "slowest ms", "kB with assets"]
    results.add_table("Pages, 100,000 studies in the ledger", report.table(head, rows))


def _report_comparisons(comparisons: list[compare.Comparison], results: report.Results) -> None:
    results.comparisons = [dataclasses.asdict(comparison) for comparison in comparisons]
    figures, one, many = results.figures, command_name(1), command_name(CORES)
    for comparison in comparisons:
        name = f"{comparison.study}/{comparison.base}"
        figures[f"{name}/{comparison.tool}"] = comparison.ratio.wall_s
        figures[f"{name}/{comparison.tool}/cpu"] = comparison.ratio.cpu_s
        if comparison.tool == "cp -r":
            figures[f"{name}/over-cp"] = 1 / comparison.ratio.wall_s
            figures[f"{name}/wall_s"] = comparison.ours.wall_s
        if comparison.base == one:
            figures[f"{comparison.study}/peak"] = comparison.ours.peak_mib
    for base in (ENGINE, one, many):
        table = report.ratios_table(comparisons, base, "wall_s")
        results.add_table(f"Wall time; {base} = 1", table)
    table = report.ratios_table(comparisons, one, "cpu_s")
    results.add_table(f"User and system time; {one} = 1", table)
    results.add_table("Peak memory of the largest process, MiB", report.peaks_table(comparisons))
    results.add_table("Ours, whole processes with their start", report.ours_table(comparisons))


def _report_engine(studies: list[str], results: report.Results) -> None:
    rows = []
    for study in studies:
        argv = [sys.executable, "-m", "bench.engine_loop", str(prepared(study)), "3"]
        output = subprocess.run(argv, check=True, capture_output=True, text=True, cwd=HERE.parent)
        loop = json.loads(output.stdout)
        results.figures.update({f"engine/{study}/{name}": value for name, value in loop.items()})
        rows.append([study, *(f"{value:.2f}" for value in loop.values())])
    head = ["study", "first ms", "deidentify ms", "verify ms", "instances/s", "MB/s"]
    results.add_table("In process, per instance; rates of both together", report.table(head, rows))


def _report_gateway(options: argparse.Namespace, scratch: Path, results: report.Results) -> None:
    ingest = gateway.measure_ingest(scratch, 1 if options.quick else 3)
    results.figures.update({f"gateway/{name}": value for name, value in ingest.items()})
    rows = [[name, f"{value:.2f}"] for name, value in ingest.items()]
    results.add_table("Ingest of CT, instances/s", report.table(["way", "rate"], rows))
    rows = []
    for via, instances in (("peer", 200),) if options.quick else DELIVERIES:
        result = gateway.measure_delivery(scratch, via, instances)
        for name, value in result.items():
            results.figures[f"gateway/{via}/{instances}/{name}"] = value
        rows.append([via, str(instances), *(f"{value:.2f}" for value in result.values())])
    head = ["via", "CT", "last received to delivered, s", "plainly sent, s", "ratio without quiet"]
    results.add_table("Delivery", report.table(head, rows))


def _report_reception(options: argparse.Namespace, scratch: Path, results: report.Results) -> None:
    studies = reception.STUDIES[:3] if options.quick else reception.STUDIES
    rows = []
    for study in studies:
        measured = reception.measure_study(scratch, study, options.rounds)
        for name, value in measured.items():
            results.figures[f"reception/{study}/{name}"] = value
        rows.append([study, *(f"{value:.2f}" for value in measured.values())])
    head = ["study", *reception.FIGURES]
    results.add_table("Reception mode beside plain ingest, HTTP", report.table(head, rows))


def _install_peers() -> None:
    """Make the peers' virtual environment, unless it is there with just these versions."""
    requirements = HERE / "requirements.txt"
    stamp = HERE / ".venv" / "requirements.sha256"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == digest:
        return
    print("installing the peers into bench/.venv", flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(HERE / ".venv")], check=True)
    pip = [str(PEERS_PYTHON), "-m", "pip", "install", "--quiet", "-r", str(requirements)]
    subprocess.run(pip, check=True)
    stamp.write_text(digest)


def _inside_a_namespace(arguments: list[str]) -> int:
    """Run this again where no one else can reach the ports that Orthanc opens."""
    again = [sys.executable, "-m", "bench.run", *arguments]
    script = 'ip link set lo up && exec "$@"'
    for unshare in (["unshare", "-n"], ["unshare", "-rn"]):
        probe = subprocess.run([*unshare, "sh", "-c", "ip link set lo up"], check=False)
        if probe.returncode == 0:
            again = [*unshare, "sh", "-c", script, "sh", *again]
            break
    else:
        print("no network namespace can be made: Orthanc's ports are open to the network")
    environment = dict(os.environ, **{INSIDE: "1"})
    # An installed command has its byte code; the peers got theirs from pip.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.run(again, check=False, env=environment, cwd=HERE.parent).returncode


if __name__ == "__main__":
    raise SystemExit(main())
