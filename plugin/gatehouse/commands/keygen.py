"""``gatehouse keygen``: write a new key file."""

from __future__ import annotations

import argparse
from pathlib import Path

from gatehouse.adapters.keys import write_key_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "file", metavar="FILE", type=Path, help="the file to write; it must not exist yet"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the key file and say what to do with it."""
    write_key_file(arguments.file)
    print(
        f"{arguments.file}: a new key, readable by its owner only.\n"
        "Keep a copy in a safe place: whoever loses it can't continue pseudonyms, UIDs and dates;\n"
        "whoever else gets it, and a list of patient IDs, can re-identify."
    )
    return 0
