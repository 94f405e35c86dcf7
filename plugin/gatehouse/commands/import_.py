"""``gatehouse import``: take over the rules of another de-identifier as a policy with cases."""

from __future__ import annotations

import argparse
from pathlib import Path

from gatehouse.adapters.policy_files import read_folder, write_whole
from gatehouse.commands.folder import add_policies_option
from gatehouse.commands.new import pack_file
from gatehouse.errors import PolicyError
from gatehouse.policy.importing.assemble import SOURCES, render_policy, render_report
from gatehouse.policy.importing.ctp import read_ctp
from gatehouse.policy.importing.ctp_filter import add_filter
from gatehouse.policy.importing.karnak import read_karnak
from gatehouse.policy.importing.microsoft import read_microsoft
from gatehouse.policy.importing.model import Imported
from gatehouse.policy.load import load_single
from gatehouse.policy.report import render
from gatehouse.policy.scaffold import scaffold_cases

SIZE_MAX = 4 * 1024 * 1024
_READERS = {"ctp": read_ctp, "karnak": read_karnak, "microsoft": read_microsoft}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("source", metavar="FROM", choices=SOURCES, help=", ".join(SOURCES))
    parser.add_argument("file", metavar="FILE", type=Path, help="script, profile or configuration")
    parser.add_argument("name", metavar="NAME", help="the new policy's name")
    parser.add_argument(
        "--filter", metavar="FILE", type=Path, help="for ctp: the script of the DICOM filter"
    )
    add_policies_option(parser)
    parser.add_argument("--owner", default="nobody yet", help="who answers for the policy")
    parser.add_argument("--project", help="the key domain of pseudonyms; default: NAME")
    parser.add_argument("--to", default="", help="the destination; without one it stays here")


def run(arguments: argparse.Namespace) -> int:
    """Write policy, cases and report; 1 if something was not carried over as it was."""
    folder, name = arguments.policies, arguments.name
    files = read_folder(folder)
    if any(file.startswith(f"{name}/") for file in files):
        raise PolicyError(f"{folder / name}: there is such a policy already")
    imported = _read(arguments)
    text = render_policy(
        imported,
        arguments.source,
        name,
        arguments.owner,
        arguments.project or name,
        arguments.to,
    )
    policy, problems = load_single(text.encode(), f"{name}/{name}.yaml")
    if policy is None:
        raise PolicyError("\n".join(render(problem) for problem in problems))
    new = {
        f"{name}/{name}.yaml": text,
        f"{name}/{name}.test.yaml": scaffold_cases(policy),
        f"{name}/import.md": render_report(imported, arguments.source, arguments.file.name),
        **pack_file(files, name),
    }
    for file, content in new.items():
        (folder / file).parent.mkdir(exist_ok=True)
        write_whole(folder / file, content)
        print(f"{folder / file}: written")
    for one in sorted(imported.left, key=lambda left: left.line):
        print(f"{arguments.file}:{one.line}: {one.severity}: {one.what}\nhint: {one.why}")
    return 1 if imported.left else 0


def _read(arguments: argparse.Namespace) -> Imported:
    imported = _READERS[arguments.source](_content(arguments.file))
    if arguments.filter is not None:
        if arguments.source != "ctp":
            raise PolicyError("only CTP has filters")
        add_filter(imported, _content(arguments.filter).decode("utf-8", "replace"))
    return imported


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            content = stream.read(SIZE_MAX + 1)
    except OSError as error:
        raise PolicyError(f"{file} can't be read: {error.strerror}") from None
    if len(content) > SIZE_MAX:
        raise PolicyError(f"{file} is larger than {SIZE_MAX // 1024 // 1024} MiB")
    return content
