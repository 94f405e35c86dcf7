"""Reasons of holds in plain words: what each means, and what can be done."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, str] = {
    "no-policy": "No policy is for this study. Write or widen one, then re-evaluate; or release it "
    "under a policy by name.",
    "match-unknown": "It can't be told whether a policy is for this study, because a value is "
    "absent or its instances differ. Give the condition if-missing, or say any-instance.",
    "several-patients": "The study holds instances of more than one patient. Sort them out at the "
    "source; this can't be released.",
    "several-studies": "The instances are not of one study. Sort them out at the source.",
    "no-instances": "The study has no instances left.",
    "incomplete": "Not everything that the policy expects has arrived. It goes on by itself when "
    "more comes.",
    "late-instances": "Instances came after the study was released, and the policy holds these.",
    "observe": "The policy is observed: the study was decided about and de-identified on trial, "
    "and nothing is released.",
    "pixels.suspicious": "Images may carry burned-in text. Look at them; a privacy officer can "
    "accept them for this study.",
    "delivery.failed": "A destination did not take the study for the longest time of the policy. "
    "When it is back, retry the delivery or re-evaluate.",
    "archive.vanished": "The study was deleted from Orthanc.",
    "archive.older-instances": "Some instances were in Orthanc before Gatehouse. Process the study "
    "again to take them in.",
    "policy.none": "No policies are active.",
    "policy.unloadable": "The policy of this study can't be loaded by this version of Gatehouse.",
    "release.policy": "The policy under which it was released does not decide any more.",
    "worker.died": "The process that worked on an instance died, twice. Look at the instance, and "
    "re-evaluate.",
    "worker.timeout": "The work on an instance took too long, twice.",
    "internal.error": "Something went wrong that nobody foresaw; the log says when. Re-evaluate.",
    "internal.workflow-ended": "Its workflow ended unexpectedly. Re-evaluate.",
    "study.duplicate-sop-instance": "Several instances have the same SOP Instance UID.",
    "study.several": "Its instances would not be one study of one patient.",
    "reception.own-output": "Somebody sent back what this gateway had made.",
    "reception.unanswered": "It says that it is de-identified, and the service of Gatehouse did "
    "not say whether by this gateway. When the service is back, have it sent again.",
    "reception.journal": "The journal of reception could not be written or read: look at the disk "
    "where Gatehouse.Home is.",
    "reception.changed": "An instance was changed in Orthanc after Gatehouse had de-identified it. "
    "Delete the study, and have its sender send it again.",
    "reception.several-policies": "When its instances were received, different policies took them. "
    "Release the study under one of them, or delete it and have it sent again.",
    "reception.keep-local": "In reception mode only what is received is stored. Release the study "
    "under a policy without keep-local.",
    "reception.unmarked": "Instances came past the de-identification on reception. Delete them and "
    "have them sent again, or release the study under a policy: it is then de-identified.",
    "expired": "It was held for longer than held studies are kept waiting.",
}

FAMILIES: Mapping[str, str] = {
    "verify": "The independent check found something in the output that must not leave. The policy "
    "keeps too much, or text repeats an identifier: look at the place that is named.",
    "dicom": "An instance is no DICOM file that can be read safely. Look at the instance; it may "
    "be damaged.",
    "deid": "A rule of the policy could not be carried out on an element.",
    "pixels": "The pixel data can't be handled as the policy asks.",
    "facts": "A value that a policy asks for can't be read, or there are several where one is "
    "meant. Look at the attribute that is named.",
    "study": "Its instances do not fit together as one study of one patient. Sort them out at the "
    "source.",
    "spool": "What was made of the study was changed or lost before it left. Re-evaluate: it is "
    "made again.",
    "reception": "It could not be taken in as the policies ask.",
    "archive": "Orthanc does not have, or did not store, what was expected.",
    "delivery": "A delivery did not succeed.",
    "policy": "The policies can't be used for this study.",
    "worker": "A process that worked on the study did not finish.",
    "internal": "Something went wrong that nobody foresaw; the log says when.",
}


def words_of(rule: str) -> str:
    """Return what a rule means in plain words; a rule of no family is a check of a policy."""
    if rule in WORDS:
        return WORDS[rule]
    family, dot, _ = rule.partition(".")
    if dot and family in FAMILIES:
        return FAMILIES[family]
    return (
        "A check of the policy does not hold, or can't be answered. Correct the policy or the "
        "study, then decide again; a privacy officer can accept the check for this study."
    )
