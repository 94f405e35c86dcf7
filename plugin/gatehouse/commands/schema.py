"""``gatehouse schema``: print a JSON Schema, or write all of them beside the policies."""

from __future__ import annotations

import argparse
from pathlib import Path

from gatehouse.adapters.policy_files import schema_texts, write_whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "of",
        metavar="WHAT",
        nargs="?",
        choices=["policy", "pack", "test"],
        default="policy",
        help="policy (default), pack (for pack.yaml), or test (for a policy's cases)",
    )
    parser.add_argument(
        "--write",
        metavar="DIR",
        type=Path,
        help="write all three into a folder of policies, for editors, instead of printing one",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print or write."""
    texts = schema_texts()
    if arguments.write is None:
        print(texts[f"{arguments.of}.schema.json"], end="")
        return 0
    for name, text in texts.items():
        write_whole(arguments.write / name, text)
        print(f"{arguments.write / name}: written")
    return 0
