"""``gatehouse policies``: what the running gateway decides by; try, activate and go back."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from gatehouse.adapters.orthanc_http import OrthancHttp
from gatehouse.commands.gateway import (
    FINDING,
    FINE,
    UNUSABLE,
    RefusedError,
    add_gateway_arguments,
    ask,
    gateway_of,
)
from gatehouse.commands.policies_words import PRINTERS, print_cases, print_problems, print_state
from gatehouse.errors import ConfigurationError

_NAME = re.compile(r"(?m)^policy: *([a-z0-9-]{1,64}) *(?:#.*)?$")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    commands = parser.add_subparsers(dest="what", metavar="WHAT", required=True)

    def add(name: str, text: str, *arguments: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=text, description=text)
        add_gateway_arguments(one)
        for argument in arguments:
            one.add_argument(argument, metavar=argument.upper())
        return one

    add("list", "the policies that decide now, in the order in which they are asked")
    add("history", "every version that ever decided, when, by whom and from where", "name")
    shown = add("show", "the text of a version", "name")
    shown.add_argument("version", metavar="VERSION", type=int)
    add("check", "check a policy file as the gateway would load it", "file")
    add("test", "run the cases that lie beside a policy file, on the gateway", "file")
    preview = add("preview", "say what would happen to a stored study; nothing does", "study")
    preview.add_argument("--file", help="by this policy file, which need not be active")
    preview.add_argument("--policy", metavar="NAME", help="by this policy; default: all")
    preview.add_argument("--policy-version", metavar="N", type=int, help="by this version of it")
    preview.add_argument(
        "--show-values",
        action="store_true",
        help="show the values before and after; they identify the patient, and only privacy "
        "officers get them",
    )
    compared = add("diff", "what two versions mean otherwise", "name")
    compared.add_argument("--from", dest="old", metavar="N", type=int, help="default: the active")
    compared.add_argument("--to", dest="new", metavar="N", type=int, help="default: the active")
    compared.add_argument("--file", help="compare the active version with this file")
    others = add("otherwise", "which of the last studies a file would decide otherwise", "file")
    others.add_argument("--last", metavar="N", type=int, default=20, help="how many; default: 20")
    activated = add("activate", "let a policy file decide, with the cases beside it", "file")
    back = add("back", "let a version decide again that decided before", "name")
    back.add_argument("version", metavar="VERSION", type=int)
    for one in (activated, back):
        one.add_argument("--because", default="", metavar="WHY", help="for the audit trail")
    add("reload", "load the folder of policies again")
    begun = add("shadow", "let a file run beside the active version, and say what differs", "name")
    begun.add_argument("--file", help="begin with this file; without it: say what differs")
    begun.add_argument("--end", action="store_true", help="end the shadow")
    add("proposals", "changes that wait for a second person")
    add("approve", "let a proposal of somebody else decide", "number")
    add("decline", "close a proposal", "number")
    parser.epilog = "Exit code: 0 if it was done, 1 if there are findings, 2 if it was not done."


def run(arguments: argparse.Namespace) -> int:
    """Ask the gateway, print its answer, and return the exit code."""
    gateway = gateway_of(arguments)
    try:
        answer = _ask(gateway, arguments)
    except RefusedError as error:
        print(f"gatehouse: error: {error}", file=sys.stderr)
        about = error.about.get("about", {})
        print_problems(about, sys.stderr)
        print_cases(about, sys.stderr)
        return UNUSABLE
    if arguments.json:
        print(json.dumps(answer, indent=2))
    else:
        PRINTERS.get(arguments.what, print_state)(answer)
    return FINDING if _has_findings(arguments.what, answer) else FINE


def _ask(gateway: OrthancHttp, arguments: argparse.Namespace) -> dict[str, Any]:
    what = arguments.what
    if what in ("check", "test", "otherwise", "activate"):
        return _ask_with_file(gateway, arguments)
    if what == "preview":
        answer = ask(gateway, "POST", "preview", _preview(arguments))
        return answer if arguments.show_values else _without_values(answer)
    if what == "diff" and arguments.file:
        name, text, _ = _policy_file(arguments.file)
        return ask(gateway, "POST", f"policies/{name}/diff", {"text": text})
    if what == "shadow":
        return _ask_shadow(gateway, arguments)
    simple: dict[str, Callable[[], tuple[str, str, dict[str, Any] | None]]] = {
        "list": lambda: ("GET", "policies", None),
        "proposals": lambda: ("GET", "proposals", None),
        "reload": lambda: ("POST", "policies/reload", {}),
        "history": lambda: ("GET", f"policies/{_quoted(arguments.name)}", None),
        "show": lambda: (
            "GET",
            f"policies/{_quoted(arguments.name)}/versions/{arguments.version}",
            None,
        ),
        "diff": lambda: (
            "GET",
            f"policies/{_quoted(arguments.name)}/diff?{_query(arguments)}",
            None,
        ),
        "back": lambda: (
            "POST",
            f"policies/{_quoted(arguments.name)}/versions/{arguments.version}/activate",
            {"because": arguments.because},
        ),
        "approve": lambda: ("POST", f"proposals/{_quoted(arguments.number)}/approve", {}),
        "decline": lambda: ("POST", f"proposals/{_quoted(arguments.number)}/decline", {}),
    }
    return ask(gateway, *simple[what]())


def _ask_with_file(gateway: OrthancHttp, arguments: argparse.Namespace) -> dict[str, Any]:
    name, text, cases = _policy_file(arguments.file)
    if arguments.what == "otherwise":
        about: dict[str, Any] = {"text": text, "last": arguments.last}
        return ask(gateway, "POST", f"policies/{name}/otherwise", about)
    if arguments.what == "activate":
        about = {"text": text, "cases": cases, "because": arguments.because}
        return ask(gateway, "POST", f"policies/{name}/activate", about)
    route = {"check": "validate", "test": "test"}[arguments.what]
    return ask(gateway, "POST", f"policies/{route}", {"name": name, "text": text, "cases": cases})


def _ask_shadow(gateway: OrthancHttp, arguments: argparse.Namespace) -> dict[str, Any]:
    path = f"policies/{_quoted(arguments.name)}/shadow"
    if arguments.end:
        return ask(gateway, "DELETE", path, {})
    if arguments.file:
        _, text, _ = _policy_file(arguments.file)
        return ask(gateway, "POST", path, {"text": text})
    return ask(gateway, "GET", path)


def _preview(arguments: argparse.Namespace) -> dict[str, Any]:
    about: dict[str, Any] = {"study": arguments.study}
    if arguments.file:
        name, text, _ = _policy_file(arguments.file)
        return {**about, "policy": name, "text": text}
    if arguments.policy:
        about["policy"] = arguments.policy
    if arguments.policy_version is not None:
        about["version"] = arguments.policy_version
    return about


def _without_values(answer: dict[str, Any]) -> dict[str, Any]:
    for instance in answer["instances"]:
        for element in instance["elements"]:
            element.pop("before", None)
            element.pop("after", None)
    return answer


def _query(arguments: argparse.Namespace) -> str:
    named = {"from": arguments.old, "to": arguments.new}
    return urlencode({name: value for name, value in named.items() if value is not None})


def _quoted(word: str) -> str:
    return quote(word, safe="")


def _policy_file(name: str) -> tuple[str, str, str | None]:
    """Return a policy's name, its text, and that of the cases beside it."""
    file = Path(name)
    try:
        text = file.read_text(encoding="utf-8")
        beside = file.with_name(f"{file.stem}.test.yaml")
        cases = beside.read_text(encoding="utf-8") if beside.exists() else None
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(f"{file} can't be read") from None
    found = _NAME.search(text)
    return found[1] if found else file.stem, text, cases


def _has_findings(what: str, answer: dict[str, Any]) -> bool:
    if what in ("check", "reload"):
        return any(one["severity"] == "error" for one in answer["problems"])
    if what == "test":
        return bool(answer["failed"] or not answer["cases"])
    if what == "diff":
        return bool(answer["sections"] or answer["attributes"])
    return what == "otherwise" and bool(answer["otherwise"])
