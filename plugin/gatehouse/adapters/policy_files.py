"""Read policies from a folder, so that the loader itself needs no files."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable
from pathlib import Path

from gatehouse.errors import PolicyError
from gatehouse.policy.build_deliver import DestinationNames
from gatehouse.policy.cases_schema import cases_schema
from gatehouse.policy.load import load_pack, load_single
from gatehouse.policy.model import Pack, Policy, Problem
from gatehouse.policy.report import nearest, render
from gatehouse.policy.schema import pack_schema, policy_schema
from gatehouse.policy.yaml_subset import SIZE_MAX

FILES_MAX = 10_000

LIBRARY = Path(__file__).resolve().parents[1] / "library"
"""Policies to start from; a pack of its own."""


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder, by its path in it.

    Names that begin with a dot (``.git``, an editor's files) are no part of a pack and are left
    out. A symbolic link is read if it is a file within the folder, and is an error otherwise.

    Raises
    ------
    PolicyError
        If the folder can't be read.
    """
    if not folder.is_dir():
        raise PolicyError(f"{folder} is not a folder of policies")
    root = folder.resolve()
    files: dict[str, bytes] = {}
    try:
        for parent, folders, names in os.walk(root, onerror=_raise):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                if name.startswith("."):
                    continue
                path = Path(parent, name)
                if not path.resolve().is_relative_to(root):
                    raise PolicyError(f"{path} is a link that leads out of the folder")
                if len(files) >= FILES_MAX:
                    raise PolicyError(f"{folder} holds more than {FILES_MAX} files")
                with path.open("rb") as stream:
                    # One byte more than allowed, so that the loader can say that it is too much.
                    files[path.relative_to(root).as_posix()] = stream.read(SIZE_MAX + 1)
    except OSError as error:
        raise PolicyError(f"{folder} can't be read: {error.strerror}") from None
    return files


def _raise(error: OSError) -> None:
    raise error


def schema_texts() -> dict[str, str]:
    """Return the files of the JSON Schemas that lie beside policies, for editors."""
    return {
        name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in (
            ("policy.schema.json", policy_schema()),
            ("pack.schema.json", pack_schema()),
            ("test.schema.json", cases_schema()),
        )
    }


def read_pack(
    folder: Path, destinations: DestinationNames | None = None
) -> tuple[Pack | None, tuple[Problem, ...]]:
    """Read and load the pack of a folder; the problems' files are given with the folder."""
    pack, problems = load_pack(read_folder(folder), destinations)
    return pack, placed(folder, problems)


def placed(folder: Path, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return problems with the folder before their files."""
    return tuple(
        dataclasses.replace(problem, file=str(folder / problem.file)) for problem in problems
    )


def load_policy(file: Path) -> Policy:
    """Read and load one policy file, without lock, cases or pack.

    Raises
    ------
    PolicyError
        With all its errors, one on each line.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(SIZE_MAX + 1)
    except OSError as error:
        raise PolicyError(f"the policy {file} can't be read: {error.strerror}") from None
    policy, problems = load_single(content, str(file))
    if policy is None:
        errors = [render(problem) for problem in problems if problem.severity == "error"]
        raise PolicyError("the policy can't be used\n" + "\n".join(errors))
    return policy


def load_named(folder: Path, name: str) -> Policy:
    """Load the policy that a person names: one of the folder, or any file with ``.yaml``.

    Raises
    ------
    PolicyError
        If there is none, or with all its errors.
    """
    if name.endswith(".yaml"):
        return load_policy(Path(name))
    file = folder / name / f"{name}.yaml"
    if not file.is_file():
        known = [one.parent.name for one in folder.glob("*/*.yaml") if one.stem == one.parent.name]
        hint = nearest(name, known)
        more = f"\nhint: {hint}" if hint else ""
        raise PolicyError(f"there is no policy {name} in {folder}{more}")
    return load_policy(file)


def write_whole(file: Path, text: str) -> None:
    """Write a file so that nobody ever sees half of it."""
    temporary = file.with_name(f".{file.name}.new")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(file)
    except OSError as error:
        raise PolicyError(f"{file} can't be written: {error.strerror}") from None
