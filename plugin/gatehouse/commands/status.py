"""``gatehouse status``: asks the running gateway how it is, and says it in plain words."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gatehouse.adapters.orthanc_http import OrthancHttp
from gatehouse.errors import ConfigurationError

HELP = "say how the gateway is"

FINE, FINDING, UNUSABLE = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--home",
        type=Path,
        default=Path(".gatehouse"),
        metavar="DIR",
        help="folder of `gatehouse up` (default: .gatehouse)",
    )
    parser.add_argument(
        "--url", help="address of the gateway's Orthanc, where it was not started by `gatehouse up`"
    )
    parser.add_argument(
        "--credentials",
        type=Path,
        metavar="FILE",
        help='JSON file with "user" and "password" for --url',
    )
    parser.add_argument("--json", action="store_true", help="print what the gateway answered")
    parser.epilog = "Exit code: 0 if all is well, 1 if there are problems, 2 if nobody answers."


def run(arguments: argparse.Namespace) -> int:
    """Ask, print, and return the exit code."""
    if (arguments.url is None) != (arguments.credentials is None):
        raise ConfigurationError("--url and --credentials belong together")
    url, credentials_file = arguments.url, arguments.credentials
    if url is None:
        url = _read(arguments.home / "up.json", "was `gatehouse up` started here?")["gateway_http"]
        credentials_file = arguments.home / "credentials.json"
    credentials = _read(credentials_file, "it holds user and password")
    credentials = credentials.get("gateway", credentials)
    try:
        gateway = OrthancHttp(url, credentials["user"], credentials["password"])
    except KeyError:
        raise ConfigurationError(f'{credentials_file} has no "user" and "password"') from None
    code, body = gateway.get("/gatehouse/status")
    if code not in (200, 503):
        print(_unanswered(url, code))
        return UNUSABLE
    answer = _parsed(body)
    if arguments.json:
        print(json.dumps(answer, indent=2))
    else:
        print("\n".join(_words(answer)))
    if "status" not in answer:
        return UNUSABLE
    return FINE if answer["status"] == "ok" and not answer["problems"] else FINDING


def _read(file: Path, hint: str) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{file} can't be read ({error.strerror}); {hint}") from None
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise ConfigurationError(f"{file} is not the JSON file that is needed; {hint}")
    return content


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    return answer if isinstance(answer, dict) else {"error": "the answer is not JSON"}


def _unanswered(url: str, code: int) -> str:
    reasons = {
        0: "nobody answers",
        401: "user or password is wrong",
        403: "this user has no role in Gatehouse",
        404: "this Orthanc runs without Gatehouse",
    }
    return f"{url}: {reasons.get(code, f'unexpected status {code}')}"


def _words(answer: Mapping[str, Any]) -> Iterator[str]:
    if "status" not in answer:
        yield f"The gateway is not well: {answer.get('error', 'no reason given')}."
        return
    is_well = answer["status"] == "ok"
    yield "The gateway does its work." if is_well else "The gateway does NOT do its work."
    for problem in answer["problems"]:
        yield f"  problem: {problem}"
    yield f"Gatehouse {answer['version']}, Orthanc {answer['orthanc_version'] or '(no answer)'}"
    names = [f"{one['name']} version {one['version']}" for one in answer["policies"]]
    yield f"Policies: {', '.join(names) or 'none'} (pack {answer['pack_digest'][:12]})"
    yield f"Studies: {_counted(answer['studies'])}"
    yield f"Deliveries: {_counted(answer['deliveries'])}"
    yield f"Open holds: {answer['open_holds']}; in work: {answer['queue_depth']}"
    for worker in answer["workers"]:
        life = "alive" if worker["is_alive"] else "NOT alive"
        age = f"last sign of life {worker['heartbeat_age_s']:g} s ago"
        yield f"{worker['name']} on {worker['host']}: {life}, {age}"


def _counted(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {state}" for state, number in sorted(numbers.items())) or "none"
