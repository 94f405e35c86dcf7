"""``gatehouse held``: the worklist of held studies on the command line."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from gatehouse.adapters.orthanc_http import OrthancHttp
from gatehouse.commands.gateway import FINDING, FINE, add_gateway_arguments, ask, gateway_of
from gatehouse.errors import ConfigurationError

PAGE = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_gateway_arguments(parser)
    what = parser.add_mutually_exclusive_group()
    parser.add_argument("--rule", help="list only what is held for this reason")
    what.add_argument("--reasons", action="store_true", help="count by reason instead of listing")
    what.add_argument(
        "--re-evaluate",
        metavar="WHICH",
        nargs="+",
        help="decide again: numbers of holds, a rule (all held for it), or `all`",
    )
    what.add_argument("--release", metavar="HOLD", type=int, help="let a study go on; see --policy")
    what.add_argument("--reject", metavar="HOLD", type=int, help="reject a study after a delay")
    what.add_argument("--take-back", metavar="HOLD", type=int, help="take a rejection back")
    parser.add_argument("--policy", metavar="NAME", help="with --release: under which policy")
    parser.add_argument(
        "--accept",
        metavar="WHAT",
        action="append",
        default=[],
        help='with --release, for this study only: "suspicious-pixels" or "check ID"',
    )
    parser.add_argument("--because", default="", metavar="WHY", help="the justification")
    parser.epilog = (
        "Exit code: 0 if nothing is held or it was done, 1 if studies are held, 2 if it was not."
    )


def run(arguments: argparse.Namespace) -> int:
    """List, or do what is asked for."""
    gateway = gateway_of(arguments)
    done = _done(gateway, arguments)
    if done is not None:
        print(json.dumps(done, indent=2) if arguments.json else _in_words(done))
        return FINE
    if arguments.reasons:
        answer = ask(gateway, "GET", "held-reasons")
        found = answer["reasons"]
    else:
        answer = ask(gateway, "GET", f"held?{urlencode(_query(arguments.rule))}")
        found = answer["held"]
    if arguments.json:
        print(json.dumps(answer, indent=2))
    else:
        for one in found:
            print("\n".join(_reason_words(one) if arguments.reasons else _hold_words(one)))
        if answer.get("next_offset"):
            print(f"... and more than {PAGE}; count them with --reasons")
        if not found:
            print("Nothing is held.")
    return FINDING if found else FINE


def _done(gateway: OrthancHttp, arguments: argparse.Namespace) -> dict[str, Any] | None:
    """Do what is asked for and return the answer; None if only a list is asked for."""
    because = arguments.because
    if arguments.re_evaluate:
        about = {**_which(arguments.re_evaluate), "because": because}
        return ask(gateway, "POST", "held/re-evaluate", about)
    if arguments.release is not None:
        if not arguments.policy or not because:
            raise ConfigurationError("--release needs --policy and --because")
        about = {
            "policy": arguments.policy,
            "justification": because,
            "accept": arguments.accept,
        }
        return ask(gateway, "POST", f"held/{arguments.release}/release", about)
    if arguments.reject is not None:
        if not because:
            raise ConfigurationError("--reject needs --because")
        return ask(gateway, "POST", f"held/{arguments.reject}/reject", {"justification": because})
    if arguments.take_back is not None:
        return ask(gateway, "POST", f"held/{arguments.take_back}/take-back", {})
    return None


def _query(rule: str | None) -> dict[str, str | int]:
    return {"limit": PAGE} if rule is None else {"limit": PAGE, "rule": rule}


def _which(words: list[str]) -> dict[str, Any]:
    if words == ["all"]:
        return {"everything": True}
    if all(word.isdecimal() for word in words):
        return {"holds": [int(word) for word in words]}
    if len(words) > 1:
        raise ConfigurationError("--re-evaluate takes numbers of holds, one rule, or all")
    return {"rule": words[0]}


def _in_words(done: dict[str, Any]) -> str:
    if "studies" in done:
        left = f"; {done['left']} more for another request" if done["left"] else ""
        number = len(done["studies"])
        if not number:
            return "No study is held for that: nothing is decided about again."
        return f"{number} {'study is' if number == 1 else 'studies are'} decided about again{left}."
    if "due_at" in done:
        if done["state"] == "taken-back":
            return f"The rejection of study {done['study']} is taken back."
        return f"Study {done['study']} is rejected at {done['due_at']}, unless it is taken back."
    return f"Study {done['study']} goes on under the policy {done['policy']}."


def _hold_words(hold: dict[str, Any]) -> Iterator[str]:
    place = f" at {hold['path']}" if hold["path"] else ""
    yield f"{hold['id']}: study {hold['study']} since {hold['held_at']}, by {hold['rule']}{place}"
    yield f"    {hold['reason']}"
    yield f"    {hold['words']}"
    if hold["to_be_rejected_at"]:
        yield f"    is rejected at {hold['to_be_rejected_at']}, unless that is taken back"


def _reason_words(reason: dict[str, Any]) -> Iterator[str]:
    policy = f" by {reason['policy']}" if reason["policy"] else ""
    yield f"{reason['studies']} x {reason['rule']}{policy}, since {reason['oldest_held_at']}"
    yield f"    {reason['words']}"
