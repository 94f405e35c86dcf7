"""What a policy may not ask when instances are de-identified as they are received.

Then each instance is decided about by itself, before it is stored: nothing is known of the rest of
its study, nor who sent it, and no original is kept.
"""

from __future__ import annotations

from collections.abc import Iterator

from gatehouse.deid.plan import cleans_texts
from gatehouse.policy.conditions import comparisons_in
from gatehouse.policy.decide import conditions_of
from gatehouse.policy.model import Completion, Policy
from gatehouse.policy.report import Report, line_of_key
from gatehouse.policy.study_facts import ORIGIN_FACTS, STUDY_FACTS

KNOWN_ORIGIN = frozenset({"protocol"})
"""What Orthanc tells of an instance's origin when it is received."""


def check_reception(policy: Policy, report: Report) -> None:
    """Report what can't be known, or can't be done, when an instance is received."""
    for condition in conditions_of(policy):
        for leaf in comparisons_in(condition):
            if leaf.subject in STUDY_FACTS:
                report.error(
                    leaf.line,
                    f'"{leaf.subject}" can\'t be known when an instance is received',
                    'the pack says "reception: true"; ask only for attributes and "protocol"',
                )
            elif leaf.subject in ORIGIN_FACTS and leaf.subject not in KNOWN_ORIGIN:
                report.error(
                    leaf.line,
                    f'"{leaf.subject}" is not known when an instance is received',
                    'Orthanc tells only "protocol" at that moment; ask for attributes, or let '
                    "Orthanc's own settings say who may send",
                )
    if policy.complete != Completion():
        report.error(
            policy.complete.line,
            '"complete" has no use when instances are de-identified as they are received',
        )
    for key, message, hint in _refused(policy):
        report.error(line_of_key(policy.text, key), message, hint)


def _refused(policy: Policy) -> Iterator[tuple[str, str, str]]:
    """Yield what a policy wants that needs the original: its key, what is wrong, what to do."""
    if policy.stage == "observe":
        yield (
            "stage",
            '"stage: observe" can\'t be when instances are de-identified as they are received: '
            "nothing is kept about which it could be decided later",
            'write "stage: active" or "stage: off", and try the policy in a pack without reception',
        )
    if policy.recipe.profile == "none":
        yield (
            "deidentify",
            '"profile: none" would store instances as they are, which "reception: true" promises '
            "they never are",
            'write "profile: basic", or take "reception: true" out of the pack',
        )
    if cleans_texts(policy.recipe):
        yield (
            "deidentify",
            "texts can't be cleaned when an instance is received: that needs all names in its "
            "study",
            "remove clean-descriptors, clean-structured-content, retain-safe-private and "
            'clean-text, or take "reception: true" out of the pack',
        )
    if policy.retain_original_s is not None:
        yield (
            "retain-original",
            '"retain-original" has no use: no original is kept when instances are de-identified '
            "as they are received",
            "remove the line",
        )
    if any(one.when is not None for one in policy.deliver):
        yield (
            "deliver",
            "a delivery's \"when\" can't be asked: it is about a whole study, of which only "
            "de-identified instances are there when it is complete",
            'write one policy for each destination, and ask in its "match"',
        )
