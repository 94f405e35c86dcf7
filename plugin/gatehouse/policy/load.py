"""Load a pack of policies from the contents of its folder, with all its problems at once.

Pure: the files come in as bytes (``adapters.policy_files`` reads them). A pack with an error is not
loaded at all, and any file that is not understood is an error, never ignored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from gatehouse import __version__
from gatehouse.policy import units
from gatehouse.policy.build import build_policy
from gatehouse.policy.build_deliver import Defaults, DestinationNames, build_retry
from gatehouse.policy.cases import Case, build_cases
from gatehouse.policy.lock import FILE as LOCK_FILE
from gatehouse.policy.lock import Lock, check_lock, read_lock
from gatehouse.policy.logic import implies
from gatehouse.policy.model import Pack, Policy, Problem, Retry
from gatehouse.policy.reception import check_reception
from gatehouse.policy.report import Report, in_order, line_of_key, nearest
from gatehouse.policy.schema import pack_schema
from gatehouse.policy.shapes import Shapes
from gatehouse.policy.yaml_subset import Node, parse

PACK_FILE = "pack.yaml"
SCHEMA_FILES = ("policy.schema.json", "pack.schema.json", "test.schema.json")


def load_pack(
    files: Mapping[str, bytes], destinations: DestinationNames | None = None
) -> tuple[Pack | None, tuple[Problem, ...]]:
    """Load a pack.

    Parameters
    ----------
    files : Mapping of str to bytes
        Path within the folder, with ``/``, -> content.
    destinations : Mapping, optional
        For each way of delivery the names that are configured; None if nobody knows here.

    Returns
    -------
    tuple of Pack or None, tuple of Problem
        The pack, None if one of the problems is an error; all problems, by file and line.
    """
    pack_report, lock_report = Report(PACK_FILE), Report(LOCK_FILE)
    if PACK_FILE not in files:
        # Nothing else: another folder was meant, and each of its files would be an error.
        pack_report.error(1, f"there is no {PACK_FILE}", 'write one: "policies: [NAME, ...]"')
        return None, tuple(pack_report.problems)
    problems: list[Problem] = []
    listed, defaults, reception = _read_pack_file(files[PACK_FILE], pack_report)
    lock = _read_lock_file(files, lock_report)
    for name, line in listed.items():
        if f"{name}/{name}.yaml" not in files:
            pack_report.error(
                line,
                f'there is no file {name}/{name}.yaml for the policy "{name}"',
                nearest(name, _folders(files) - set(listed)),
            )
    found: dict[str, Policy] = {}
    for file in sorted(files):
        report = Report(file)
        folder = _policy_of(file)
        if folder is not None:
            policy = _load_listed(files[file], folder, listed, lock, report, destinations, defaults)
            if policy is not None and reception:
                check_reception(policy, report)
            if policy is not None:
                found[folder] = policy
        elif not _is_known(file, files):
            report.error(
                1,
                "nobody knows what this file is for",
                "a policy is NAME/NAME.yaml, its cases are NAME/NAME.test.yaml and NAME/cases/; "
                "move other files out of this folder",
            )
        problems += report.problems
    policies = tuple(found[name] for name in listed if name in found)
    _check_shadows(policies, listed, pack_report)
    problems += [*pack_report.problems, *lock_report.problems, *load_cases(files)[1]]
    if any(problem.severity == "error" for problem in problems):
        return None, in_order(problems)
    return Pack(policies, _digest(files[PACK_FILE], policies), reception), in_order(problems)


def load_cases(
    files: Mapping[str, bytes],
) -> tuple[dict[str, tuple[Case, ...]], tuple[Problem, ...]]:
    """Load the cases of all policies of a folder.

    Returns
    -------
    tuple of dict, tuple of Problem
        The cases by the policy's name, none where its file is missing or wrong; all problems.
    """
    cases: dict[str, tuple[Case, ...]] = {}
    problems: list[Problem] = []
    for name in sorted(_folders(files)):
        file = f"{name}/{name}.test.yaml"
        report = Report(file)
        own = {
            other.removeprefix(f"{name}/"): content
            for other, content in files.items()
            if other.startswith(f"{name}/")
        }
        cases[name] = build_cases(files[file], report, name, own) if file in files else ()
        problems += report.problems
    return cases, in_order(problems)


def load_single(
    content: bytes, file: str, destinations: DestinationNames | None = None
) -> tuple[Policy | None, tuple[Problem, ...]]:
    """Load one policy file that belongs to no pack: no lock, no cases, no order."""
    report = Report(file)
    policy = build_policy(content, report, destinations)
    return policy, in_order(report.problems)


def _read_pack_file(content: bytes, report: Report) -> tuple[dict[str, int], Defaults, bool]:
    """Return the policies' names with their lines, in order, the defaults, and reception mode."""
    top = parse(content, report)
    if top is None:
        return {}, Defaults(), False
    shapes = Shapes(pack_schema(), report)
    shapes.check(top, PACK_FILE)
    names = top.get("policies")
    listed = {
        node.value: node.line
        for node in (names.elements() if names else ())
        if shapes.is_right(node)
    }
    _check_minimum_version(top, shapes, report)
    defaults = top.get("defaults")
    mode = top.get("reception")
    reception = mode is not None and mode.value is True
    if defaults is None or not shapes.is_right(defaults):
        return listed, Defaults(), reception
    bounds = defaults.get("window")
    retry = build_retry(defaults.get("retry"), Retry())
    window = units.window(bounds.value) if bounds else None
    return listed, Defaults(retry, window), reception


def _check_minimum_version(top: Node, shapes: Shapes, report: Report) -> None:
    node = top.get("minimum-plugin-version")
    if node is None or not shapes.is_right(node):
        return
    if _numbers(node.value) > _numbers(__version__):
        report.error(
            node.line,
            f"these policies need Gatehouse {node.value}; this is {__version__}",
            "update Gatehouse before these policies",
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _read_lock_file(files: Mapping[str, bytes], report: Report) -> Lock | None:
    content = files.get(LOCK_FILE)
    if content is None:
        report.warning(1, f"there is no {LOCK_FILE}", "write it with `gatehouse lock`")
        return None
    return read_lock(content, report)


def _policy_of(file: str) -> str | None:
    """Return the name of the policy of which a file is the text; None if it is something else."""
    parts = file.split("/")
    if len(parts) != 2 or not parts[1].endswith(".yaml") or parts[1].endswith(".test.yaml"):
        return None
    return parts[0]


def _folders(files: Mapping[str, bytes]) -> set[str]:
    return {file.split("/")[0] for file in files if _policy_of(file) is not None}


def _is_known(file: str, files: Mapping[str, bytes]) -> bool:
    """Return whether a file may lie in the folder besides the policies themselves."""
    if file in (PACK_FILE, LOCK_FILE, *SCHEMA_FILES):
        return True
    if file.endswith(".md"):
        return True  # a page that explains a policy
    folder, _, rest = file.partition("/")
    if f"{folder}/{folder}.yaml" not in files:
        return False
    return rest == f"{folder}.test.yaml" or (rest.startswith("cases/") and rest.count("/") == 1)


def _load_listed(
    content: bytes,
    folder: str,
    listed: Mapping[str, int],
    lock: Lock | None,
    report: Report,
    destinations: DestinationNames | None,
    defaults: Defaults,
) -> Policy | None:
    """Load a policy file and check its place in the folder, the pack and the lock."""
    stem = report.file.split("/")[-1].removesuffix(".yaml")
    if stem != folder:
        report.error(1, f"the file is {stem}.yaml in the folder {folder}", "give both one name")
        return None
    if folder not in listed:
        report.error(
            1, f'the policy "{folder}" is not listed in {PACK_FILE}', 'add it to "policies"'
        )
    policy = build_policy(content, report, destinations, defaults)
    if policy is None:
        return None
    name_line, version_line = (line_of_key(policy.text, key) for key in ("policy", "version"))
    if policy.name != folder:
        report.error(
            name_line,
            f'the policy is called "{policy.name}", and its folder and file "{folder}"',
            f"write policy: {folder}",
        )
        return None
    if lock is not None:
        check_lock(policy, version_line, lock, report)
    return policy


def _check_shadows(policies: Sequence[Policy], listed: Mapping[str, int], report: Report) -> None:
    """Report policies that are never asked, because an earlier one takes every study."""
    taker = ""
    before: list[Policy] = []
    for policy in policies:
        if policy.stage == "off":
            continue
        wider = next((one.name for one in before if implies(policy.match, one.match)), "")
        if policy.stage == "active":  # one that is observed is there to go again
            before.append(policy)
        if wider and not taker and policy.match.kind != "every-study":
            report.error(
                listed[policy.name],
                f'"{policy.name}" never decides: "{wider}" stands before it and takes every study '
                "that it is for",
                f'put "{policy.name}" before "{wider}", or remove one of them',
            )
        if taker:
            report.error(
                listed[policy.name],
                f'"{policy.name}" is never asked: "{taker}" stands before it and takes every study',
                f'put "{taker}" last',
            )
        elif policy.match.kind == "every-study":
            taker = policy.name


def _digest(pack_file: bytes, policies: Sequence[Policy]) -> str:
    digests = [hashlib.sha256(pack_file).hexdigest(), *(policy.digest for policy in policies)]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
