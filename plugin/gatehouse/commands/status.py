"""``gatehouse status``: asks the running gateway how it is, and says it in plain words."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import Any

from gatehouse.commands.gateway import (
    FINDING,
    FINE,
    UNUSABLE,
    add_gateway_arguments,
    gateway_of,
    parsed,
    unanswered,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_gateway_arguments(parser)
    parser.epilog = "Exit code: 0 if all is well, 1 if there are problems, 2 if nobody answers."


def run(arguments: argparse.Namespace) -> int:
    """Ask, print, and return the exit code."""
    gateway = gateway_of(arguments)
    code, body = gateway.get("/gatehouse/status")
    if code not in (200, 503):
        print(unanswered(gateway.url, code))
        return UNUSABLE
    answer = parsed(body)
    if arguments.json:
        print(json.dumps(answer, indent=2))
    else:
        print("\n".join(_words(answer)))
    if "status" not in answer:
        return UNUSABLE
    return FINE if answer["status"] == "ok" and not answer["problems"] else FINDING


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
    reception = answer.get("reception", {})
    if reception.get("on") or reception.get("taken_in") or reception.get("refused"):
        mode = "on" if reception["on"] else "off"
        refused = _counted(reception["refused"])
        yield f"Reception mode: {mode}; taken in: {reception['taken_in']}; refused: {refused}"
    for worker in answer["workers"]:
        life = "alive" if worker["is_alive"] else "NOT alive"
        age = f"last sign of life {worker['heartbeat_age_s']:g} s ago"
        yield f"{worker['name']} on {worker['host']}: {life}, {age}"


def _counted(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {state}" for state, number in sorted(numbers.items())) or "none"
