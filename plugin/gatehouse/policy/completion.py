"""Whether a study has arrived whole: quiet for long enough, with all that the policy expects.

No clock is read here; how long a study has waited comes in. Without that only what the policy
expects is asked, and what is not there holds the study until more comes.
"""

from __future__ import annotations

from collections.abc import Callable

from gatehouse.policy.model import Answer, Condition, Decision, Outcome, Policy, Timing


def incomplete(
    policy: Policy, answer: Callable[[Condition], Answer], timing: Timing | None
) -> Decision | None:
    """Return a hold for a study that is not whole yet, or came late; None if it can go on.

    Parameters
    ----------
    policy : Policy
        The policy that matched.
    answer : callable
        Answers a condition for the study.
    timing : Timing or None
        How long it has waited; None if nobody knows.
    """
    complete = policy.complete
    if timing is not None and timing.was_released and complete.late_instances == "hold":
        reason = "instances came after the study was released, and the policy holds what is late"
        return Decision(Outcome.HOLD, policy, "late-instances", reason, ())
    quiet_left = 0.0
    if timing is not None and complete.quiet_s is not None:
        quiet_left = max(0.0, complete.quiet_s - timing.quiet_for_s)
    missing = complete.expect is not None and answer(complete.expect) is not Answer.YES
    if not missing and not quiet_left:
        return None
    wait_left: float | None = None
    if timing is not None and complete.longest_wait_s is not None:
        wait_left = max(0.0, complete.longest_wait_s - timing.waited_s)
        if not wait_left and (not missing or complete.incomplete == "process"):
            return None  # it came slowly, but it has waited long enough
    reason = _reason(missing=missing, is_over=wait_left == 0.0)
    left = [one for one in (quiet_left if not missing else 0.0, wait_left) if one]
    return Decision(
        Outcome.HOLD, policy, "incomplete", reason, (), again_after_s=min(left) if left else None
    )


def _reason(*, missing: bool, is_over: bool) -> str:
    if not missing:
        return "the study has not been quiet for as long as the policy asks"
    if is_over:
        return "the study was still incomplete after the longest wait"
    return "not all that the policy expects of a complete study is there yet"
