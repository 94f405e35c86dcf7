"""Find and ask the running gateway; shared by commands, no command of its own."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from gatehouse.adapters.orthanc_http import OrthancHttp
from gatehouse.errors import ConfigurationError, GatehouseError

FINE, FINDING, UNUSABLE = 0, 1, 2


class RefusedError(GatehouseError):
    """The gateway answered, and did not do it.

    Parameters
    ----------
    about : Mapping
        What else it said: problems of a policy, cases that fail.
    """

    def __init__(self, message: str, about: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.about = about


def add_gateway_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which gateway, and as whom."""
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


def gateway_of(arguments: argparse.Namespace) -> OrthancHttp:
    """Return the gateway that the options name.

    Raises
    ------
    ConfigurationError
        If they don't fit, or their files can't be read.
    """
    if (arguments.url is None) != (arguments.credentials is None):
        raise ConfigurationError("--url and --credentials belong together")
    url, credentials_file = arguments.url, arguments.credentials
    if url is None:
        url = _read(arguments.home / "up.json", "was `gatehouse up` started here?")["gateway_http"]
        credentials_file = arguments.home / "credentials.json"
    elif not url.startswith(("http://", "https://")):
        raise ConfigurationError("--url is an address such as http://127.0.0.1:8042")
    credentials = _read(credentials_file, "it holds user and password")
    credentials = credentials.get("gateway", credentials)
    try:
        return OrthancHttp(url, credentials["user"], credentials["password"])
    except KeyError:
        raise ConfigurationError(f'{credentials_file} has no "user" and "password"') from None


def ask(
    gateway: OrthancHttp, method: str, path: str, about: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Ask a route of ours and return its answer.

    Raises
    ------
    RefusedError
        If it was not done, with the gateway's reason.
    """
    code, body = gateway.ask(method, f"/gatehouse/{path}", about)
    answer = parsed(body)
    if code != HTTPStatus.OK:
        raise RefusedError(str(answer.get("error") or unanswered(gateway.url, code)), answer)
    return answer


def parsed(body: bytes) -> dict[str, Any]:
    """Return an answer as an object."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    return answer if isinstance(answer, dict) else {"error": "the answer is not JSON"}


def unanswered(url: str, code: int) -> str:
    """Say why there is no answer of ours."""
    reasons = {
        0: "nobody answers",
        401: "user or password is wrong",
        403: "this user has no role in Gatehouse",
        404: "this Orthanc runs without Gatehouse",
    }
    return f"{url}: {reasons.get(code, f'unexpected status {code}')}"


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
