"""``gatehouse audit``: list the audit trail, or check that nobody has changed it."""

from __future__ import annotations

import argparse
import json
from urllib.parse import urlencode

from gatehouse.commands.gateway import FINDING, FINE, add_gateway_arguments, ask, gateway_of

PAGE = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_gateway_arguments(parser)
    parser.add_argument(
        "--verify", action="store_true", help="check the whole chain instead of listing it"
    )
    parser.add_argument(
        "--after", type=int, default=0, metavar="ROW", help="list the rows after this one"
    )
    parser.epilog = "Exit code: 0 if all is well, 1 if the chain is broken, 2 if nobody answers."


def run(arguments: argparse.Namespace) -> int:
    """List or check."""
    gateway = gateway_of(arguments)
    if arguments.verify:
        answer = ask(gateway, "GET", "audit/verification")
        if arguments.json:
            print(json.dumps(answer, indent=2))
        elif answer["is_intact"]:
            print(f"The audit trail is intact: {answer['rows']} rows.")
        else:
            print(f"The audit trail was changed: row {answer['broken_at']} does not fit.")
        return FINE if answer["is_intact"] else FINDING
    after = arguments.after
    while True:
        query = urlencode({"after": after, "limit": PAGE})
        rows = ask(gateway, "GET", f"audit?{query}")["audit"]
        for row in rows:
            if arguments.json:
                print(json.dumps(row))
                continue
            detail = f" ({row['detail']})" if row["detail"] else ""
            said = f"{row['actor']}: {row['action']} {row['object']}: {row['outcome']}{detail}"
            print(f"{row['sequence']} {row['at']} {said}")
        if len(rows) < PAGE:
            return FINE
        after = rows[-1]["sequence"]
