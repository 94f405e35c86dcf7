"""What a policy may not ask when instances are de-identified as they are received.

Then each instance is decided about by itself, before it is stored: nothing is known of the rest of
its study.
"""

from __future__ import annotations

from gatehouse.policy.conditions import comparisons_in
from gatehouse.policy.decide import conditions_of
from gatehouse.policy.model import Completion, Policy
from gatehouse.policy.report import Report
from gatehouse.policy.study_facts import STUDY_FACTS


def check_reception(policy: Policy, report: Report) -> None:
    """Report what can't be known when an instance is received."""
    for condition in conditions_of(policy):
        for leaf in comparisons_in(condition):
            if leaf.subject in STUDY_FACTS:
                report.error(
                    leaf.line,
                    f'"{leaf.subject}" can\'t be known when an instance is received',
                    'the pack says "reception: true"; ask only for attributes and the origin',
                )
    if policy.complete != Completion():
        report.error(
            policy.complete.line,
            '"complete" has no use when instances are de-identified as they are received',
        )
