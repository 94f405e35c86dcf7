"""Break the code on purpose, one way at a time, and see that a test notices each.

``python tools/sabotage.py [--write] [NAME...]`` works on copies in a temporary folder; the checkout
stays as it is. For each break it runs the tests that should notice. Exit code 1 if one did not
notice, or if the code that is to be broken is not there any more. ``--write`` writes the outcome to
``tests/sabotage.md``.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "tests" / "sabotage.md"
SECONDS_MAX = 900
IGNORED = shutil.ignore_patterns("data", ".venv", "__pycache__")
COPIED = ("plugin", "tests", "tools", "policies", "bench", "docs", "pyproject.toml", "README.md")


class Break(NamedTuple):
    """One way to break the code."""

    name: str
    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


BREAKS = (
    Break(
        "uids-without-key",
        "UIDs are hashed without the project's key",
        "deid/pseudonyms.py",
        'int.from_bytes(hmac.digest(key, message, "sha256"), "big")',
        'int.from_bytes(hmac.digest(b"same for all", message, "sha256"), "big")',
        ("tests/unit/test_pseudonyms.py",),
    ),
    Break(
        "projects-share-keys",
        "all projects have the same keys",
        "deid/pseudonyms.py",
        'domain = project.encode("utf-8")',
        'domain = b""',
        ("tests/unit/test_pseudonyms.py",),
    ),
    Break(
        "top-level-only",
        "removing rules act on the top level only, as in a well-known tool",
        "deid/editor.py",
        "elif entry.kind == CUT and length != UNDEFINED:",
        "elif entry.kind == CUT and length != UNDEFINED and place is not None:\n"
        "                    position = following\n"
        "                    continue\n"
        "                elif entry.kind == CUT and length != UNDEFINED:",
        ("tests/standard/test_table_e1_1.py", "tests/properties/test_canaries.py"),
    ),
    Break(
        "sequences-not-entered",
        "items of sequences of defined length are not looked at",
        "deid/editor.py",
        "        if kind == SEQUENCE or (kind == NOTE",
        "        if kind == SEQUENCE and length != UNDEFINED:\n"
        "            return value + length, 0\n"
        "        if kind == SEQUENCE or (kind == NOTE",
        ("tests/properties/test_canaries.py",),
    ),
    Break(
        "unlisted-sequences-not-entered",
        "items of sequences that only the file says are sequences are not looked at",
        "deid/editor.py",
        'if vr == b"SQ":\n            return True',
        'if vr == b"SQ":\n            return length == UNDEFINED',
        (
            "tests/standard/test_safe_private.py",
            "tests/unit/test_engine_sequences.py",
            "tests/properties/test_engine_oracle.py",
        ),
    ),
    Break(
        "private-kept",
        "private elements of a block without creator are kept",
        "deid/privates.py",
        'return level.private(tag, ""), 0',
        "return None, 0",
        ("tests/properties/test_canaries.py", "tests/standard/test_safe_private.py"),
    ),
    Break(
        "old-uid-in-file-meta",
        "the file meta information keeps the old SOP Instance UID",
        "deid/engine.py",
        "head = part10.head(sop_class_uid, sop_instance, file.syntax.uid)",
        "head = part10.head(\n"
        "        sop_class_uid, _text(instance.value(SOP_INSTANCE_UID)), file.syntax.uid\n"
        "    )",
        ("tests/unit/test_engine.py",),
    ),
    Break(
        "not-marked",
        "Patient Identity Removed says NO",
        "deid/stamp.py",
        'PATIENT_IDENTITY_REMOVED, b"CS", b"YES "',
        'PATIENT_IDENTITY_REMOVED, b"CS", b"NO"',
        ("tests/unit/test_engine_stamp.py",),
    ),
    Break(
        "dates-shifted-unevenly",
        "the first of a month moves by a day more than the others",
        "deid/dates.py",
        "+ timedelta(days)",
        '+ timedelta(days + (day == "01"))',
        ("tests/unit/test_dates.py", "tests/properties/test_engine_properties.py"),
    ),
    Break(
        "dates-same-for-all",
        "all patients have the same date offset",
        "deid/dates.py",
        'keyed_number(date_key, b"offset\\0" + patient, 64)',
        'keyed_number(date_key, b"offset\\0", 64)',
        ("tests/unit/test_dates.py",),
    ),
    Break(
        "no-depth-limit",
        "nesting has no limit",
        "dicom/encodings.py",
        "DEPTH_MAX: Final = 32",
        "DEPTH_MAX: Final = 1000",
        ("tests/unit/test_scan.py", "tests/unit/test_engine_sequences.py"),
    ),
    Break(
        "disorder-accepted",
        "an element that comes twice is taken",
        "deid/editor.py",
        "if not previous < tag < stop:",
        "if not previous <= tag < stop:",
        ("tests/unit/test_scan.py",),
    ),
    Break(
        "unforeseen-error-passes",
        "an exception that nobody foresaw leaves the engine, with its text",
        "deid/engine.py",
        "except Exception as error:  # noqa: BLE001 whatever it is, nothing may leave",
        "except ZeroDivisionError as error:",
        ("tests/unit/test_engine.py",),
    ),
    Break(
        "known-names-not-searched",
        "the text cleaner forgets the names that the study knows",
        "deid/text/known.py",
        'if plain in known.names or plain.replace("\'", "") in known.names:',
        "if False:",
        ("tests/unit/test_text.py",),
    ),
    Break(
        "every-word-is-safe",
        "the text cleaner keeps words of no vocabulary",
        "deid/text/safe.py",
        "if style.is_prose and token.text.islower():",
        "if token.text:",
        ("tests/unit/test_text.py",),
    ),
    Break(
        "verification-trusts",
        "the verification finds, and does not hold",
        "deid/verify/check.py",
        "        if suspects:\n",
        "        if suspects and not suspects:\n",
        ("tests/unit/test_verify.py", "tests/properties/test_canaries.py"),
    ),
    Break(
        "verification-skips-structure",
        "the verification does not ask if the output is marked as de-identified",
        "deid/verify/check.py",
        "    check_structure(reading, original, deidentified)\n",
        "",
        ("tests/unit/test_verify_structure.py", "tests/unit/test_verify.py"),
    ),
    Break(
        "no-verification",
        "what the engine made is not verified before it goes to the spool",
        "pipeline/bench.py",
        "verify(original, deidentified, plan, keys)",
        '__import__("gatehouse.deid.model", fromlist=[""]).Verified(deidentified, 0)',
        ("tests/unit/test_pipeline_verifies.py",),
    ),
    Break(
        "unknown-is-no",
        "what a policy can't know counts as: not for this study",
        "policy/decide.py",
        "        if answer is Answer.UNKNOWN:\n            return Decision(",
        "        if answer is None:\n            return Decision(",
        ("tests/unit/test_policy_decide.py",),
    ),
    Break(
        "unknown-check-passes",
        "a check that can't be told passes",
        "policy/decide.py",
        "if failed is None and answer is not Answer.YES:",
        "if failed is None and answer is Answer.NO:",
        ("tests/unit/test_policy_decide.py",),
    ),
    Break(
        "first-instance-only",
        "a study is judged by its first instance",
        "policy/conditions.py",
        "return agreed(self._of_instance(condition, instance) for instance in self.instances)",
        "return agreed(self._of_instance(condition, one) for one in self.instances[:1])",
        ("tests/unit/test_policy_decide.py", "tests/unit/test_policy_conditions.py"),
    ),
    Break(
        "several-patients",
        "a study of several patients is accepted",
        "policy/decide.py",
        'if _several(facts, "PatientID") or',
        "if",
        ("tests/unit/test_policy_decide.py",),
    ),
    Break(
        "lock-not-asked",
        "a policy may change without a new version",
        "policy/lock.py",
        "elif locked is not None and locked != policy.digest:",
        "elif locked is not None and locked == 0:",
        ("tests/unit/test_policy_pack.py",),
    ),
    Break(
        "held-instance-left-out",
        "a study with a held instance leaves without that instance",
        "pipeline/study.py",
        "        held = held or _clashing(outputs.values())\n",
        "        held = _clashing(outputs.values())\n",
        ("tests/faults/test_pipeline.py",),
    ),
    Break(
        "own-outputs-unregistered",
        "our own outputs are not known as such when they come back",
        "pipeline/study.py",
        "ledger.register_own_outputs(",
        "(lambda *_: None)(",
        ("tests/unit/test_pipeline_verifies.py",),
    ),
    Break(
        "delivered-without-receipts",
        "a delivery without all receipts counts as delivered",
        "pipeline/delivery.py",
        "        if left:\n",
        "        if left > 1000:\n",
        ("tests/unit/test_pipeline_delivery.py", "tests/faults/test_pipeline.py"),
    ),
    Break(
        "key-readable-by-others",
        "a key file that others can read is taken",
        "adapters/keys.py",
        "if mode & (stat.S_IRWXG | stat.S_IRWXO):",
        "if mode & 0:",
        ("tests/unit/test_keys.py",),
    ),
    Break(
        "references-dangle",
        "Referenced SOP Instance UIDs get other UIDs than the instances themselves",
        "deid/actions.py",
        "return pseudonyms.new_uid_value(context.keys.uid, value)",
        "return pseudonyms.new_uid_value(\n"
        "        context.keys.uid + bytes(element.tag == 0x00081155), value\n"
        "    )",
        ("tests/standard/test_references.py",),
    ),
    Break(
        "comments-in-images",
        "comments in compressed images leave",
        "deid/code_streams.py",
        "    if reader is None:\n        return",
        "    if reader is not None:\n        return",
        ("tests/unit/test_code_streams.py",),
    ),
    Break(
        "any-role-will-do",
        "over REST, any role may do anything",
        "web/access.py",
        "if not roles & allowed:",
        "if not roles:",
        ("tests/unit/test_rest_access.py",),
    ),
    Break(
        "links-followed",
        "symbolic links lead out of the folder that is de-identified",
        "adapters/files.py",
        "if entry.is_symlink():",
        'if entry.name == "":',
        ("tests/unit/test_deidentify_command.py",),
    ),
)


class Outcome(NamedTuple):
    """What became of one break."""

    sabotage: Break
    noticed_by: str
    """The first test that failed; empty if none did."""
    problem: str


def attempt(sabotage: Break) -> Outcome:
    """Copy the tree, break it, and run the tests that should notice."""
    source = (ROOT / "plugin" / "gatehouse" / sabotage.file).read_text("utf-8")
    if source.count(sabotage.old) < 1:
        return Outcome(sabotage, "", "the code to be broken is not there any more")
    with tempfile.TemporaryDirectory(prefix="sabotage-") as folder:
        copy = Path(folder)
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, copy / name, ignore=IGNORED)
            elif (ROOT / name).exists():
                shutil.copy(ROOT / name, copy / name)
        place = copy / "plugin" / "gatehouse" / sabotage.file
        for test in sabotage.tests:
            place.write_text(source.replace(sabotage.old, sabotage.new, 1), "utf-8")
            result = _run(test, copy)
            failed = re.search(r"^FAILED ([\w/.]+::\w+)", result, re.MULTILINE)
            if failed:
                place.write_text(source, "utf-8")
                if " failed" in _run(failed[1], copy):
                    return Outcome(sabotage, "", f"{failed[1]} fails without it, too")
                return Outcome(sabotage, failed[1], "")
            if "passed" not in result:
                return Outcome(sabotage, "", f"{test} could not run: {result[-200:]}")
    return Outcome(sabotage, "", "no test noticed")


def _run(test: str, folder: Path) -> str:
    environment = os.environ | {
        "PYTHONPATH": str(folder / "plugin"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [
        *(sys.executable, "-m", "pytest", "-x", "--tb=no", "-rfp", "-p", "no:cacheprovider"),
        *("-o", "addopts=--strict-markers", test),
    ]
    result = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS_MAX,
    )
    return result.stdout + result.stderr


def report(outcomes: Sequence[Outcome]) -> str:
    """Return the page that lists what was broken and who noticed."""
    lines = [
        "# Sabotage",
        "",
        "Each line is a way in which the code was broken, and the first test that noticed.",
        "`make sabotage` does it again (`tools/sabotage.py`); this page is written by it.",
        "",
        "| broken | where | noticed by |",
        "| --- | --- | --- |",
    ]
    for outcome in outcomes:
        sabotage = outcome.sabotage
        noticed = (
            f"`{outcome.noticed_by}`" if outcome.noticed_by else f"**nobody**: {outcome.problem}"
        )
        lines.append(f"| {sabotage.what} | `{sabotage.file}` | {noticed} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Try the breaks that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--write", action="store_true", help="write tests/sabotage.md")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    chosen = [one for one in BREAKS if not arguments.names or one.name in arguments.names]
    with ThreadPoolExecutor(2) as pool:
        outcomes = []
        for outcome in pool.map(attempt, chosen):
            outcomes.append(outcome)
            print(f"{outcome.sabotage.name}: {outcome.noticed_by or outcome.problem}", flush=True)
    if arguments.write:
        REPORT.write_text(report(outcomes), "utf-8")
    return 0 if all(outcome.noticed_by for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
