"""``gatehouse destinations``: where studies go, how it is there, and what waits for it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from gatehouse.adapters.orthanc_http import OrthancHttp
from gatehouse.commands.gateway import FINDING, FINE, add_gateway_arguments, ask, gateway_of
from gatehouse.errors import ConfigurationError

PAGE = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "what",
        nargs="?",
        default="list",
        choices=["list", "test", "pause", "resume", "failed", "retry", "cancel"],
        help="list (default), test, pause and resume take a NAME; failed lists deliveries that "
        "were given up; retry and cancel take their numbers",
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="a destination, or numbers of deliveries"
    )
    parser.add_argument(
        "--via", help="the way of delivery, where several destinations have the same name"
    )
    add_gateway_arguments(parser)
    parser.epilog = (
        "Exit code: 0 if all is well or it was done, 1 if a destination is not well or deliveries "
        "were given up, 2 if it was not done."
    )


def run(arguments: argparse.Namespace) -> int:
    """List, or do what is asked for."""
    gateway = gateway_of(arguments)
    if arguments.what in ("list", "failed") and arguments.names:
        raise ConfigurationError(f"`{arguments.what}` takes no name")
    if arguments.what == "list":
        return _list(gateway, arguments)
    if arguments.what == "failed":
        return _failed(gateway, arguments)
    if not arguments.names:
        raise ConfigurationError(f"`{arguments.what}` needs a name or a number")
    if arguments.what in ("retry", "cancel"):
        return _change_deliveries(gateway, arguments)
    code = FINE
    for name in arguments.names:
        via = arguments.via or _via_of(gateway, name)
        path = f"destinations/{quote(via, safe='')}/{quote(name, safe='')}/{arguments.what}"
        answer = ask(gateway, "POST", path)
        if arguments.json:
            print(json.dumps(answer, indent=2))
        elif arguments.what == "test":
            print(_test_words(answer))
        else:
            print("\n".join(_words(answer)))
        if arguments.what == "test" and not answer["is_ok"]:
            code = FINDING
    return code


def _list(gateway: OrthancHttp, arguments: argparse.Namespace) -> int:
    answer = ask(gateway, "GET", "destinations")
    found = answer["destinations"]
    if arguments.json:
        print(json.dumps(answer, indent=2))
    else:
        for one in found:
            print("\n".join(_words(one)))
        if not found:
            print("No destination is configured.")
    is_well = all(one["state"] in ("ok", "shut") and not one["failed"] for one in found)
    return FINE if is_well else FINDING


def _failed(gateway: OrthancHttp, arguments: argparse.Namespace) -> int:
    answer = ask(gateway, "GET", f"deliveries?{urlencode({'state': 'failed', 'limit': PAGE})}")
    found = answer["deliveries"]
    if arguments.json:
        print(json.dumps(answer, indent=2))
    else:
        for one in found:
            print(
                f"{one['id']}: study {one['study']} to {one['destination']} via {one['via']}, "
                f"{one['receipts']} of {one['instances']} instances there, {one['attempts']} "
                f"attempts: {one['last_error']}"
            )
        if not found:
            print("No delivery was given up.")
    return FINDING if found else FINE


def _change_deliveries(gateway: OrthancHttp, arguments: argparse.Namespace) -> int:
    wrong = [name for name in arguments.names if not name.isdecimal()]
    if wrong:
        raise ConfigurationError(
            f"{wrong[0]} is not the number of a delivery; `gatehouse destinations failed` lists "
            "them"
        )
    for name in arguments.names:
        answer = ask(gateway, "POST", f"deliveries/{name}/{arguments.what}")
        if arguments.json:
            print(json.dumps(answer, indent=2))
        else:
            print(f"{answer['id']}: to {answer['destination']} via {answer['via']}: ", end="")
            print("is tried now" if arguments.what == "retry" else "cancelled")
    return FINE


def _via_of(gateway: OrthancHttp, name: str) -> str:
    """Return the one way of delivery that has a destination of this name."""
    found = ask(gateway, "GET", "destinations")["destinations"]
    ways = [str(one["via"]) for one in found if one["name"] == name]
    if not ways:
        raise ConfigurationError(f"there is no destination {name}")
    if len(ways) > 1:
        raise ConfigurationError(f"{name} is there via {' and via '.join(ways)}; say which: --via")
    return ways[0]


def _test_words(answer: Mapping[str, Any]) -> str:
    outcome = "answers" if answer["is_ok"] else "does NOT answer"
    name, via = answer["name"], answer["via"]
    return f"{name} via {via} {outcome}: {answer['detail']} ({answer['seconds']:g} s)"


def _words(one: Mapping[str, Any]) -> Iterator[str]:
    states = {
        "ok": "ok",
        "paused": f"PAUSED by {one['paused_by']} since {one['paused_at']}",
        "failing": f"NOT answering since {one['circuit_opened_at']}, next probe "
        f"{one['next_probe_at']}",
        "shut": f"shut, opens {one['window_opens_at']}",
    }
    yield f"{one['name']} via {one['via']}: {states[one['state']]}"
    queue = f"{one['waiting']} waiting, {one['sending']} sending, {one['failed']} given up"
    oldest = f", oldest of {one['oldest_at']}" if one["oldest_at"] else ""
    yield f"  deliveries: {queue}{oldest}"
    if one["last_error"]:
        yield f"  last error: {one['last_error']} ({one['last_error_at']})"
    if not one["is_configured"]:
        yield "  it is not in the configuration any more"
    yield f"  used by: {', '.join(one['policies']) or 'no active policy'}"
