"""Goal: values of our own making are recognized, and those of others are not.

Method: what ``deid.pseudonyms`` makes is held against the verification's own definition.
"""

from __future__ import annotations

import uuid

import pytest

from gatehouse.deid.pseudonyms import derive_project_keys, new_uid, pseudonym, value_pseudonym
from gatehouse.deid.verify.ours import is_our_pseudonym, is_our_uid

OURS = derive_project_keys(b"a" * 32, "project")
OTHER_PROJECT = derive_project_keys(b"a" * 32, "other")
OTHER_KEY = derive_project_keys(b"b" * 32, "project")


@pytest.mark.parametrize("uid", ["1.2.3", "1.2.840.113619.2.1", "2.25.1"])
def test_a_new_uid_is_ours_under_its_keys_only(uid: str) -> None:
    made = new_uid(OURS, uid)

    assert is_our_uid(OURS, made)
    assert not is_our_uid(OTHER_PROJECT, made)
    assert not is_our_uid(OTHER_KEY, made)


@pytest.mark.parametrize("number", range(20))
def test_a_uid_of_somebody_else_is_not_ours(number: int) -> None:
    theirs = uuid.uuid5(uuid.NAMESPACE_OID, str(number))

    assert not is_our_uid(OURS, f"2.25.{theirs.int}")


@pytest.mark.parametrize("uid", ["", "2.25.", "2.25.x", "2.25.0", "1.2.3", f"2.25.{10**38 * 9}"])
def test_what_is_no_uid_of_a_uuid_is_not_ours(uid: str) -> None:
    assert not is_our_uid(OURS, uid)


def test_a_changed_digit_makes_a_uid_somebody_elses() -> None:
    made = new_uid(OURS, "1.2.3")
    changed = made[:-1] + str((int(made[-1]) + 1) % 10)

    assert not is_our_uid(OURS, changed)


def test_pseudonyms_are_ours_in_any_case_under_their_keys_only() -> None:
    for made in (pseudonym(OURS, "4711"), value_pseudonym(OURS, "PN", "Doe")):
        assert is_our_pseudonym(OURS, made)
        assert is_our_pseudonym(OURS, made.lower())
        assert not is_our_pseudonym(OTHER_PROJECT, made)


@pytest.mark.parametrize("text", ["", "DOE", "A" * 20, "A" * 16, "0" * 20, "ÄÖÜ" * 5 + "A"])
def test_texts_of_others_are_not_ours(text: str) -> None:
    assert not is_our_pseudonym(OURS, text)
