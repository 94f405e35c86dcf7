"""``gatehouse up``: a gateway, a research archive and the workers, on real Orthancs, in one folder.

What ``make run`` calls. For trying out, for tests and for small sites; larger ones run the same
plugin in their own Orthanc (docs/operations.md).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from gatehouse.adapters.keys import write_key_file
from gatehouse.adapters.launch import Signals, StopRequested, become_supervisor
from gatehouse.adapters.running_site import RunningSite
from gatehouse.adapters.sample_run import show_sample
from gatehouse.adapters.site import DEFAULT_PORTS, GATEWAY_AET, QUIET_S, ROOT, Site
from gatehouse.errors import ConfigurationError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the flags."""
    parser.description = (
        "Start two real Orthancs, the sealed gateway with Gatehouse inside and a research archive, "
        "and the workers; keep all state in one folder; stay up until Ctrl-C, then end every "
        "process that was started. With the same folder everything is found again."
    )
    parser.add_argument(
        "--home",
        type=Path,
        default=Path(".gatehouse"),
        metavar="DIR",
        help="folder for all state; made if it is not there (default: .gatehouse)",
    )
    parser.add_argument(
        "--policies",
        type=Path,
        default=ROOT / "policies",
        metavar="DIR",
        help="folder with pack.yaml (default: the policies of this checkout)",
    )
    parser.add_argument("--no-sample", action="store_true", help="don't send the sample study")
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one JSON line when everything answers, and everything else to stderr",
    )
    for name, port in DEFAULT_PORTS.items():
        role, _, protocol = name.partition("-")
        server = {"gateway": "gateway", "research": "research archive"}[role]
        parser.add_argument(
            f"--{name}",
            type=_port,
            metavar="PORT",
            help=f"{protocol.upper()} port of the {server}; 0: any free one "
            f"(default: that of the last start, else {port})",
        )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="worker processes (default: 1)"
    )
    parser.add_argument(
        "--quiet-seconds",
        type=float,
        default=QUIET_S,
        metavar="S",
        help="a study without new instances for this long is complete (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGINT or SIGTERM; return 0 then."""
    become_supervisor()
    signals = Signals()
    stream = sys.stderr if arguments.json else sys.stdout

    def say(*lines: str) -> None:
        print(*lines, sep="\n", file=stream, flush=True)

    if not arguments.policies.is_dir():
        raise ConfigurationError(f"--policies: {arguments.policies} is not a folder")
    with Site(arguments.home) as site:
        given = {name: getattr(arguments, name.replace("-", "_")) for name in DEFAULT_PORTS}
        ports = site.ports(given)
        if site.is_new:
            # Never later: a site whose key is gone must not go on with other pseudonyms.
            write_key_file(site.key_file)
        site.write_configurations(
            ports, arguments.policies, arguments.workers, arguments.quiet_seconds
        )
        say(f"Starting the gateway and the research archive in {site.home} ...")
        running = RunningSite(site, ports, signals, say)
        try:
            running.start()
            _greet(site, running, say)
            if arguments.json:
                print(json.dumps(running.facts()), flush=True)
            if not arguments.no_sample:
                show_sample(running, signals, say)
            say("Ctrl-C ends everything; the data stays.")
            running.stay()
        except StopRequested:
            say("Ending the servers ...")
        finally:
            running.stop()
    say("All processes have ended.")
    return 0


def _greet(site: Site, running: RunningSite, say: Callable[..., None]) -> None:
    credentials = site.credentials()
    say(
        "",
        f"  Gateway:   {running.gateway.url}/app/explorer.html",
        f"             C-STORE to {GATEWAY_AET} at port {running.ports['gateway-dicom']}",
        f"  Research:  {running.research.url}/app/explorer.html",
    )
    if site.is_new:
        for name, one in credentials.items():
            say(f"  {name.capitalize()} user: {one.user}   password: {one.password}")
        say(f"  The passwords are shown this once, and kept in {site.credentials_file}")
    else:
        say(f"  User names and passwords are in {site.credentials_file}")
    say("")


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port
