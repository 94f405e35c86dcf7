"""What is done beside the service for people who write policies: check, test, preview, compare.

Each function runs in a process of its own (``side_work``) and returns what REST answers, as JSON.
Nothing is stored, and no value of an attribute is in any of it but where a preview asks for them.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatehouse.adapters.keys import read_key_file
from gatehouse.adapters.orthanc_client import OrthancArchive
from gatehouse.adapters.side_work import SideSetup
from gatehouse.deid.model import ProjectKeys
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.errors import HoldError, PolicyError
from gatehouse.policy.build_deliver import DestinationNames
from gatehouse.policy.coverage import coverage
from gatehouse.policy.decide import attributes_of, decide
from gatehouse.policy.diff import as_json as diff_json
from gatehouse.policy.diff import decided_otherwise, diff
from gatehouse.policy.draft import with_policy
from gatehouse.policy.facts import extract
from gatehouse.policy.load import PACK_FILE, load_cases, load_pack, load_single
from gatehouse.policy.lock import FILE as LOCK_FILE
from gatehouse.policy.model import InstanceFacts, Origin, Pack, Policy, Problem
from gatehouse.policy.preview import as_json as preview_json
from gatehouse.policy.preview import preview
from gatehouse.policy.report import Report
from gatehouse.policy.run_cases import run_cases
from gatehouse.policy.yaml_subset import parse

SPARE_S = 5.0
"""Time that is left for the answer when studies are compared until the time is over."""

KEPT_BYTES = 256 << 20
"""Files of a study that are kept while it is previewed, so that they are fetched once."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A policy that somebody writes, and the folder that it is to be put into.

    Parameters
    ----------
    name : str
        As in the policy; also the name of its folder.
    cases : str or None
        Text of its cases; None if those of the folder stay.
    """

    name: str
    text: str
    cases: str | None
    files: Mapping[str, bytes]
    destinations: DestinationNames | None = None

    def placed(self) -> dict[str, bytes]:
        """Return the files of the folder with this policy in it."""
        files = dict(self.files)
        files[f"{self.name}/{self.name}.yaml"] = self.text.encode()
        if self.cases is not None:
            files[f"{self.name}/{self.name}.test.yaml"] = self.cases.encode()
        if PACK_FILE in files:
            pack = files[PACK_FILE].decode("utf-8", "replace")
            files[PACK_FILE] = ordered(pack, self.name, files).encode()
        return files


@dataclass(frozen=True, slots=True)
class StudyToAsk:
    """A study in the archive: our number, and its instances with where they came from."""

    study_id: int
    instances: tuple[tuple[str, Origin], ...]


@dataclass(frozen=True, slots=True)
class PreviewRequest:
    """What is to be previewed, and by which policies.

    Parameters
    ----------
    policies : Pack or Policy
        The pack that is asked; or one policy that is taken as matching.
    uploads : tuple of bytes
        Files instead of a study of the archive.
    """

    policies: Pack | Policy
    study: StudyToAsk | None
    uploads: tuple[bytes, ...]
    origin: Origin
    instances_max: int
    show_values: bool


@dataclass(frozen=True, slots=True)
class OtherwiseRequest:
    """Two packs, and the studies that they are asked about, the newest first."""

    old: Pack
    new: Pack
    studies: tuple[StudyToAsk, ...]
    limit_s: float


def ordered(pack: str, name: str, files: Mapping[str, bytes]) -> str:
    """Return ``pack.yaml`` with a policy in its order, before those that take every study."""
    top = parse(pack.encode(), Report(PACK_FILE))
    listed = top.get("policies") if top is not None else None
    names = [one.value for one in listed.elements()] if listed is not None else []
    if name in names:
        return pack
    last = [
        one
        for one in names
        if (content := files.get(f"{one}/{one}.yaml")) is not None
        and (policy := load_single(content, one)[0]) is not None
        and policy.match.kind == "every-study"
    ]
    return with_policy(pack, name, last) or pack


def check_draft(_setup: SideSetup, draft: Draft) -> dict[str, Any]:
    """Check a draft as the loader will, in its folder; all problems at once."""
    files = draft.placed()
    pack, problems = load_pack(files, draft.destinations)
    policy, _ = load_single(draft.text.encode(), f"{draft.name}.yaml", draft.destinations)
    shown = [one for one in problems if not _is_settled_by_activation(one, draft)]
    return {
        "is_valid": pack is not None,
        "version": policy.version if policy else None,
        "digest": policy.digest if policy else None,
        "problems": [problem_json(one) for one in shown],
    }


def run_draft_cases(_setup: SideSetup, draft: Draft) -> dict[str, Any]:
    """Run the cases of a draft."""
    policy, problems = load_single(
        draft.text.encode(), f"{draft.name}/{draft.name}.yaml", draft.destinations
    )
    every, case_problems = load_cases(draft.placed())
    own = [one for one in case_problems if one.file.startswith(f"{draft.name}/")]
    found: dict[str, Any] = {
        "passed": 0,
        "failed": 0,
        "cases": [],
        "coverage": None,
        "problems": [problem_json(one) for one in (*problems, *own)],
    }
    if policy is None:
        return found
    results = list(run_cases(policy, every.get(draft.name, ())))
    tried = coverage(policy, [one.result for one in results if one.result is not None])
    found["cases"] = [
        {
            "name": one.case.name,
            "line": one.case.line,
            "passed": not one.failures,
            "failures": [{"line": f.line, "message": f.message} for f in one.failures],
        }
        for one in results
    ]
    found["passed"] = sum(not one.failures for one in results)
    found["failed"] = sum(bool(one.failures) for one in results)
    found["coverage"] = {
        "tried": tried.tried,
        "total": tried.total,
        "gaps": [{"line": gap.line, "message": gap.message} for gap in tried.gaps],
    }
    return found


def preview_study(setup: SideSetup, request: PreviewRequest) -> dict[str, Any]:
    """Say what would happen to a study or to uploaded files; nothing is stored."""
    names = attributes_of(request.policies)
    read, instances = source_of_study(setup, request)
    facts = [facts_of(one, origin, read(one), names) for one, origin in instances]
    master = read_key_file(setup.key_file)

    def keys_of(project: str) -> ProjectKeys:
        return derive_project_keys(master, project)

    found = preview(request.policies, facts, read, keys_of, instances_max=request.instances_max)
    answer = preview_json(found, show_values=request.show_values)
    answer["shows_values"] = request.show_values
    answer["matches"] = None
    if isinstance(request.policies, Policy):
        alone = decide(Pack((request.policies,), request.policies.digest), facts)
        matching = [one for one in alone.asked if one.rule.partition(":")[0] == "match"]
        answer["matches"] = matching[0].answer.value if matching else None
        answer["decision"]["asked"][:0] = [
            {"policy": a.policy, "rule": a.rule, "answer": a.answer.value, "line": a.line}
            for a in matching
        ]
    return answer


def compare_versions(_setup: SideSetup, versions: tuple[Policy, Policy]) -> dict[str, Any]:
    """Compare two versions of a policy in meaning."""
    return diff_json(diff(*versions))


def decide_otherwise(setup: SideSetup, request: OtherwiseRequest) -> dict[str, Any]:
    """Say which studies another pack would decide otherwise, until the time is over."""
    ends_at = time.monotonic() + request.limit_s - SPARE_S
    names = attributes_of(request.old) | attributes_of(request.new)
    archive = _archive(setup)
    asked: list[int] = []
    unreadable: list[int] = []

    def studies() -> Iterator[tuple[str, Sequence[InstanceFacts]]]:
        for study in request.studies:
            if time.monotonic() > ends_at:
                return
            try:
                facts = [
                    facts_of(one, origin, archive.read(one), names)
                    for one, origin in study.instances
                ]
            except (LookupError, HoldError):
                unreadable.append(study.study_id)
                continue
            asked.append(study.study_id)
            yield str(study.study_id), facts

    others = [
        {"study": int(one.study), "before": one.before, "after": one.after}
        for one in decided_otherwise(request.old, request.new, studies())
    ]
    left = len(request.studies) - len(asked) - len(unreadable)
    return {
        "asked": len(asked),
        "unreadable": unreadable,
        "left_out": left,
        "otherwise": others,
    }


def load_draft(_setup: SideSetup, draft: Draft) -> Policy:
    """Return a draft as a policy. Raises ``PolicyError`` with its first error."""
    policy, problems = load_single(draft.text.encode(), f"{draft.name}.yaml", draft.destinations)
    if policy is None:
        first = next(one for one in problems if one.severity == "error")
        hint = f" ({first.hint})" if first.hint else ""
        raise PolicyError(f"line {first.line}: {first.message}{hint}")
    return policy


def replaced(pack: Pack, policy: Policy) -> Pack:
    """Return a pack with another version of one of its policies; a new one comes first."""
    names = [one.name for one in pack.policies]
    others = tuple(policy if one.name == policy.name else one for one in pack.policies)
    policies = others if policy.name in names else (policy, *pack.policies)
    return dataclasses.replace(pack, policies=policies)


def problem_json(problem: Problem) -> dict[str, Any]:
    """Return a problem as REST answers it."""
    return {
        "file": problem.file,
        "line": problem.line,
        "severity": problem.severity,
        "message": problem.message,
        "hint": problem.hint,
    }


def _is_settled_by_activation(problem: Problem, draft: Draft) -> bool:
    """Return whether a warning is about the lock, which is written when a draft is activated."""
    if problem.severity != "warning":
        return False
    is_own = problem.file == f"{draft.name}/{draft.name}.yaml"
    return problem.file == LOCK_FILE or (is_own and f"is not in {LOCK_FILE} yet" in problem.message)


def _archive(setup: SideSetup) -> OrthancArchive:
    return OrthancArchive(setup.orthanc_url, setup.orthanc_authorization)


def source_of_study(
    setup: SideSetup, request: PreviewRequest
) -> tuple[Callable[[str], bytes], list[tuple[str, Origin]]]:
    """Return how to read an instance, and which there are."""
    if request.study is None:
        files = {f"upload {number}": one for number, one in enumerate(request.uploads, 1)}
        return files.__getitem__, [(name, request.origin) for name in files]
    archive, kept = _archive(setup), dict[str, bytes]()
    room = KEPT_BYTES

    def read(instance: str) -> bytes:
        nonlocal room
        if instance in kept:
            return kept[instance]
        try:
            content = archive.read(instance)
        except LookupError:
            raise PolicyError("an instance of this study is no longer in Orthanc") from None
        if len(content) <= room:
            room -= len(content)
            kept[instance] = content
        return content

    return read, list(request.study.instances)


def facts_of(instance: str, origin: Origin, dicom: bytes, names: frozenset[str]) -> InstanceFacts:
    """Return what policies may look at, of one instance."""
    return InstanceFacts(instance, origin, extract(dicom, names))
