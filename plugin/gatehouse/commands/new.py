"""``gatehouse new NAME``: write a policy with its cases, from answers, flags or the library."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping

from gatehouse.adapters.policy_files import LIBRARY, read_folder, schema_texts, write_whole
from gatehouse.commands.folder import add_policies_option
from gatehouse.errors import PolicyError
from gatehouse.policy.destinations import DESTINATIONS
from gatehouse.policy.draft import Draft, renamed, render_draft, with_policy
from gatehouse.policy.load import PACK_FILE, load_pack, load_single
from gatehouse.policy.options import NOT_YET, OPTIONS
from gatehouse.policy.report import nearest, render
from gatehouse.policy.scaffold import scaffold_cases


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help="the policy's name, such as knee-mr"
    )
    parser.add_argument(
        "--list", action="store_true", help="list the policies of the library, and write nothing"
    )
    add_policies_option(parser)
    parser.add_argument(
        "--from",
        dest="library",
        metavar="LIBRARY",
        help="begin with this policy of the library",
    )
    parser.add_argument("--description", help="what it is for, in a sentence")
    parser.add_argument("--owner", help="who answers for it, such as an e-mail address")
    parser.add_argument("--project", help="the key domain of pseudonyms; default: NAME")
    parser.add_argument(
        "--called-aet", metavar="AET", action="append", help="studies sent to this AE title"
    )
    parser.add_argument("--modality", action="append", help="studies of this modality")
    parser.add_argument(
        "--option",
        action="append",
        choices=[name for name in OPTIONS.names() if name not in NOT_YET],
        metavar="OPTION",
        help="an option of PS3.15 E.3, such as retain-modified-dates",
    )
    parser.add_argument("--to", help="the destination; without one the study stays here")
    parser.add_argument(
        "--via",
        default="dicom",
        choices=DESTINATIONS.names(),
        help="how it is sent; default: dicom",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the policy, its cases and its place in the pack; 1 if there is one already."""
    library = read_folder(LIBRARY)
    if arguments.list:
        return _list(library)
    if arguments.name is None:
        raise PolicyError("the new policy needs a name: `gatehouse new NAME`")
    folder, name = arguments.policies, arguments.name
    files = read_folder(folder)
    if any(file.startswith(f"{name}/") for file in files):
        print(f"{folder / name}: there is such a policy already", file=sys.stderr)
        return 1
    if arguments.library is not None:
        new = _from_library(arguments.library, name, library)
    else:
        text = render_draft(_draft(arguments))
        policy, problems = load_single(text.encode(), f"{name}/{name}.yaml")
        if policy is None:
            raise PolicyError("\n".join(render(problem) for problem in problems))
        new = {
            f"{name}/{name}.yaml": text,
            f"{name}/{name}.test.yaml": scaffold_cases(policy),
        }
    new |= pack_file(files, name)
    for file, content in new.items():
        (folder / file).parent.mkdir(exist_ok=True)
        write_whole(folder / file, content)
        print(f"{folder / file}: written")
    print(f"next: edit it, then `gatehouse validate {folder}`, `gatehouse test {folder}`,")
    print(f"`gatehouse explain --policies {folder} FILE...` and `gatehouse lock {folder}`")
    return 0


def _list(library: Mapping[str, bytes]) -> int:
    pack, _ = load_pack(library)
    for policy in pack.policies if pack else ():
        print(f"{policy.name:28} {policy.description}")
    return 0


def _from_library(source: str, name: str, library: Mapping[str, bytes]) -> dict[str, str]:
    """Return the files of a policy of the library under another name."""
    own = {file: content for file, content in library.items() if file.startswith(f"{source}/")}
    if not own:
        names = {file.split("/")[0] for file in library if file.count("/")}
        hint = nearest(source, names)
        raise PolicyError(f"there is no policy {source} in the library\nhint: {hint}")
    return {
        file.replace(source, name): renamed(content.decode(), source, name)
        for file, content in own.items()
        if not file.endswith(".md")
    }


def pack_file(files: Mapping[str, bytes], name: str) -> dict[str, str]:
    """Return the pack's file with the new policy before those that take every study.

    A folder without one gets the schemas for editors, too.
    """
    if PACK_FILE not in files:
        return {PACK_FILE: f"policies: [{name}]\nedition: 2026d\n", **schema_texts()}
    last = []
    for file, content in files.items():
        folder, _, rest = file.partition("/")
        if rest == f"{folder}.yaml":
            policy, _ = load_single(content, file)
            if policy is not None and policy.match.kind == "every-study":
                last.append(folder)
    text = with_policy(files[PACK_FILE].decode("utf-8", "replace"), name, last)
    if text is None:
        print(
            f"add {name} to the policies of {PACK_FILE} yourself: it is written in a way of its "
            "own",
            file=sys.stderr,
        )
        return {}
    return {PACK_FILE: text}


def _draft(arguments: argparse.Namespace) -> Draft:
    """Return what the flags say; on a terminal, ask for what they leave out."""
    name = arguments.name
    ask = _ask if sys.stdin.isatty() else _take_default
    return Draft(
        name=name,
        description=arguments.description or ask("What is it for?", f"Studies of {name}."),
        owner=arguments.owner or ask("Who answers for it?", "nobody yet"),
        project=arguments.project or ask("Key domain of pseudonyms?", name),
        called_aets=_several(arguments.called_aet, ask, "AE titles that are called? (none: all)"),
        modalities=_several(arguments.modality, ask, "Modalities? (none: all)"),
        options=_several(arguments.option, ask, "Options of PS3.15 E.3? (none)"),
        to=arguments.to or ask("Destination? (none: it stays here)", ""),
        via=arguments.via,
    )


def _ask(question: str, default: str) -> str:
    shown = f" [{default}]" if default else ""
    return input(f"{question}{shown} ").strip() or default


def _take_default(question: str, default: str) -> str:  # noqa: ARG001 as `_ask`
    return default


def _several(
    given: list[str] | None, ask: Callable[[str, str], str], question: str
) -> tuple[str, ...]:
    if given is not None:
        return tuple(given)
    return tuple(ask(question, "").replace(",", " ").split())
