"""``gatehouse conformance``: write what a policy does to each attribute."""

from __future__ import annotations

import argparse

from gatehouse.adapters.policy_files import load_named
from gatehouse.commands.folder import add_policies_option
from gatehouse.policy.conformance import conformance


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("policy", metavar="P", help="a name in DIR, or a policy file")
    add_policies_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write Markdown to the standard output."""
    print(conformance(load_named(arguments.policies, arguments.policy)), end="")
    return 0
