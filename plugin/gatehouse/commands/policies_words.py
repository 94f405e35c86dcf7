"""What ``gatehouse policies`` prints; no command of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def print_problems(answer: dict[str, Any], to: Any = None) -> None:
    """Print what is wrong with a policy."""
    for one in answer.get("problems", ()):
        print(f"{one['file']}:{one['line']}: {one['severity']}: {one['message']}", file=to)
        if one["hint"]:
            print(f"hint: {one['hint']}", file=to)


def _print_check(answer: dict[str, Any]) -> None:
    print_problems(answer)
    print("The policy can be used." if answer["is_valid"] else "The policy can't be used.")


def print_cases(answer: dict[str, Any], to: Any = None) -> None:
    """Print each case, and what is not as it says."""
    for one in answer.get("cases", ()):
        print(f"  {'ok  ' if one['passed'] else 'FAIL'}  {one['name']}", file=to)
        for failure in one["failures"]:
            print(f"        line {failure['line']}: {failure['message']}", file=to)


def _print_test(answer: dict[str, Any]) -> None:
    print_problems(answer)
    print_cases(answer)
    print(f"{answer['passed']} passed, {answer['failed']} failed")


def _print_list(answer: dict[str, Any]) -> None:
    for one in answer["policies"]:
        print(f"{one['name']} version {one['version']} ({one['digest'][:12]})")
    print(f"pack {answer['digest'][:12]}, by {answer['activated_by']} at {answer['activated_at']}")


def _print_history(answer: dict[str, Any]) -> None:
    for one in answer["versions"]:
        mark = " (active)" if one["version"] == answer["active_version"] else ""
        print(f"version {one['version']}{mark}, {one['digest'][:12]}")
        for time in one["activations"]:
            print(f"    at {time['at']} by {time['by']}, from {time['source']}")


def _print_preview(answer: dict[str, Any]) -> None:
    decision = answer["decision"]
    matches = f"; its match answers {answer['matches']}" if answer["matches"] else ""
    print(
        f"{answer['outcome']} by {decision['policy'] or 'no policy'}: {decision['reason']}{matches}"
    )
    for one in decision["asked"]:
        print(f"  {one['answer']:8}{one['policy']}:{one['line']}: {one['rule']}")
    for instance in answer["instances"]:
        print(instance["instance"])
        if instance["hold"]:
            print(f"  would be held by {instance['hold']['rule']}: {instance['hold']['reason']}")
        for one in instance["elements"]:
            print(f"  {one['path']}: {one['fate']} ({one['code'] or '-'}, {one['rule']})")
            if one.get("before") is not None:
                print(f"      before: {_plain(one['before'])}")
                print(f"      after:  {_plain(one['after'])}")
    for one in answer["deliver"]:
        print(f"to {one['to']} via {one['via']}")
    if answer["keep_local"]:
        print(f"kept in this Orthanc with the label {answer['keep_local']}")


def _plain(text: str) -> str:
    """Return a value so that it can't play tricks with a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)[:200] or "-"


def _print_diff(answer: dict[str, Any]) -> None:
    for one in answer["sections"]:
        print(f"{one['part']}: {one['before'] or '-'} -> {one['after'] or '-'}")
    for one in answer["attributes"]:
        print(f"{one['attribute']}: {one['before']} -> {one['after']}")
    for warning in answer["warnings"]:
        print(f"warning: {warning}")
    if not answer["sections"] and not answer["attributes"]:
        print("no difference in meaning")


def _print_otherwise(answer: dict[str, Any]) -> None:
    for one in answer["otherwise"]:
        print(f"study {one['study']}: {one['before']} -> {one['after']}")
    left = f", {answer['left_out']} were left out for lack of time" if answer["left_out"] else ""
    print(f"{len(answer['otherwise'])} of {answer['asked']} studies otherwise{left}")


def _print_shadow(answer: dict[str, Any]) -> None:
    state = f"ended at {answer['ended_at']}" if answer["ended_at"] else "runs"
    print(
        f"version {answer['version']} {state}: {answer['compared']} studies compared, "
        f"{len(answer['differences'])} otherwise"
    )
    for one in answer["differences"]:
        print(f"study {one['study']}:")
        if one["decision_before"]:
            print(f"  {one['decision_before']} -> {one['decision_after']}")
        for other in one["attributes"]:
            print(f"  {other['attribute']}: {other['before']} -> {other['after']}")
        if one["destinations_before"] or one["destinations_after"]:
            before, after = (
                ", ".join(one[f"destinations_{when}"]) or "nowhere" for when in ("before", "after")
            )
            print(f"  to {before} -> to {after}")


def _print_proposals(answer: dict[str, Any]) -> None:
    for one in answer["proposals"]:
        about = f"{one['name']} version {one['version']}" if one["name"] else "the folder"
        because = f": {one['because']}" if one["because"] else ""
        print(f"{one['id']}: {about}, {one['state']}, by {one['proposed_by']}{because}")


def print_state(answer: dict[str, Any]) -> None:
    """Print what became of a change."""
    print_problems(answer)
    about = f"{answer['name']} version {answer['version']}: " if answer.get("name") else ""
    waits = f" as number {answer['proposal']}" if answer.get("proposal") else ""
    print(f"{about}{answer['state']}{waits}")


PRINTERS: dict[str, Callable[[dict[str, Any]], None]] = {
    "list": _print_list,
    "history": _print_history,
    "show": lambda answer: print(answer["text"], end=""),
    "check": _print_check,
    "test": _print_test,
    "preview": _print_preview,
    "diff": _print_diff,
    "otherwise": _print_otherwise,
    "shadow": _print_shadow,
    "proposals": _print_proposals,
}
