"""The option that says which folder of policies; shared by commands, no command of its own."""

from __future__ import annotations

import argparse
from pathlib import Path

_DEFAULT = Path("policies")
_HELP = "the folder with pack.yaml; default: policies"


def add_folder_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``DIR`` for a command that is about the folder itself."""
    parser.add_argument("folder", metavar="DIR", type=Path, nargs="?", default=_DEFAULT, help=_HELP)


def add_policies_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--policies DIR`` for a command that is about something else."""
    parser.add_argument("--policies", metavar="DIR", type=Path, default=_DEFAULT, help=_HELP)
