"""Goal: pseudonyms and UIDs are keyed, stable, valid, and recognized when they come again.

Method: values against their properties; and a few fixed ones, because what was given out once must
be the same in every later version.
"""

from __future__ import annotations

import re
import uuid

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gatehouse.deid import pseudonyms
from gatehouse.deid.pseudonyms import (
    derive_project_keys,
    key_id,
    new_uid,
    new_uid_value,
    patient_message,
    pseudonym,
    value_pseudonym,
)

MASTER = b"m" * 32
KEYS = derive_project_keys(MASTER, "project")
OTHER_PROJECT = derive_project_keys(MASTER, "other")
OTHER_MASTER = derive_project_keys(b"n" * 32, "project")
UID = "1.2.826.0.1.3680043.8.498.1001"


def test_values_given_out_once_are_the_same_in_every_version() -> None:
    assert KEYS.key_id == "692bbe6511ce4269"
    assert new_uid(KEYS, UID) == "2.25.35132394664986827111305063214936598856"
    assert pseudonym(KEYS, "PAT-0815") == "TI6Z2OYXFRS5HVB3CEBA"
    assert pseudonym(KEYS, "PAT-0815", "HOSPITAL") == "A3LKPCUVJ2Q5GZICDEIA"
    assert pseudonym(KEYS, "", "", UID) == "2LYUFYGVY546PIQUEBOY"
    assert value_pseudonym(KEYS, "PN", "Doe^Jane") == "P4VWNFEGCFIN454J"


@pytest.mark.parametrize("length", [32, 64, 65, 500])
def test_keys_are_derived_as_another_implementation_derives_them(length: int) -> None:
    master = bytes(number % 251 for number in range(length))

    keys = derive_project_keys(master, "Lungenstudie Ä")

    domain = "Lungenstudie Ä".encode()
    for purpose, key in (("pseudonym", keys.pseudonym), ("uid", keys.uid), ("date", keys.date)):
        info = purpose.encode() + b"\0" + domain
        assert key == HKDF(SHA256(), 32, b"gatehouse/1", info).derive(master)


def test_keys_do_not_show_when_they_are_printed() -> None:
    assert repr(KEYS) == "ProjectKeys(key_id='692bbe6511ce4269')"


def test_keys_differ_by_purpose_project_and_master() -> None:
    every = [
        key
        for keys in (KEYS, OTHER_PROJECT, OTHER_MASTER)
        for key in (keys.pseudonym, keys.uid, keys.date)
    ]

    assert len(set(every)) == 9
    assert {len(key) for key in every} == {32}


def test_the_key_id_names_the_master_key_and_not_the_project() -> None:
    assert KEYS.key_id == OTHER_PROJECT.key_id == key_id(MASTER)
    assert OTHER_MASTER.key_id != KEYS.key_id


def test_a_new_uid_is_a_valid_uuid_derived_uid() -> None:
    text = new_uid(KEYS, UID)

    assert re.fullmatch(r"2\.25\.[1-9]\d{0,38}", text)
    made = uuid.UUID(int=int(text.removeprefix("2.25.")))
    assert (made.version, made.variant) == (8, uuid.RFC_4122)


@pytest.mark.parametrize("keys", [OTHER_PROJECT, OTHER_MASTER])
def test_new_uids_and_pseudonyms_differ_by_project_and_key(keys: object) -> None:
    assert new_uid(keys, UID) != new_uid(KEYS, UID)
    assert pseudonym(keys, "PAT") != pseudonym(KEYS, "PAT")
    assert value_pseudonym(keys, "PN", "A") != value_pseudonym(KEYS, "PN", "A")


def test_different_uids_get_different_new_ones() -> None:
    made = {new_uid(KEYS, f"1.2.3.{index}") for index in range(20_000)}

    assert len(made) == 20_000


def test_what_was_made_here_stays_as_it_is_in_its_own_project_only() -> None:
    uid, patient = new_uid(KEYS, UID), pseudonym(KEYS, "PAT")
    value = value_pseudonym(KEYS, "PN", "Doe^Jane")

    assert new_uid(KEYS, uid) == uid
    assert pseudonym(KEYS, patient) == patient
    assert value_pseudonym(KEYS, "PN", value) == value
    assert new_uid(OTHER_PROJECT, uid) != uid
    assert pseudonym(OTHER_PROJECT, patient) != patient
    assert value_pseudonym(OTHER_PROJECT, "PN", value) != value


@pytest.mark.parametrize(
    "uid",
    [
        "2.25.0",
        "2.25.1",
        "2.25.01",
        "2.25.340282366920938463463374607431768211455",
        "2.25.999999999999999999999999999999999999999",
        "2.25.329800735698586629295641978511506172918",
        "2.25.x",
        "2.25.",
    ],
)
def test_a_uuid_derived_uid_of_others_is_replaced(uid: str) -> None:
    assert new_uid(KEYS, uid) != uid


@pytest.mark.parametrize(
    "uid",
    [
        "1.2.840.10008.5.1.4.1.1.2",
        "1.2.840.10008.1.4.1.1",
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.1.5.8",
        "",
    ],
)
def test_uids_that_the_standard_registers_stay(uid: str) -> None:
    assert new_uid(KEYS, uid) == uid


def test_a_uid_that_only_pretends_to_be_the_standards_is_replaced() -> None:
    assert new_uid(KEYS, "1.2.840.10008.19700131.4711").startswith("2.25.")


@pytest.mark.parametrize("padded", [UID + "\0", UID + " ", " " + UID, UID + "\0\0"])
def test_padding_does_not_make_another_uid(padded: str) -> None:
    assert new_uid(KEYS, padded) == new_uid(KEYS, UID)


def test_each_of_several_uids_is_replaced_and_the_value_has_an_even_length() -> None:
    value = new_uid_value(KEYS.uid, b"1.2.3\\1.2.840.10008.1.4.1.1\\\\1.2.4\0")

    first, second, third, fourth = value.decode().rstrip("\0").split("\\")
    assert first == new_uid(KEYS, "1.2.3")
    assert second == "1.2.840.10008.1.4.1.1"
    assert third == ""
    assert fourth == new_uid(KEYS, "1.2.4")
    assert len(value) % 2 == 0


def test_long_values_of_uids_are_not_remembered() -> None:
    pseudonyms._new_uid_value.cache_clear()

    new_uid_value(KEYS.uid, b"1.2.3\\" * 100)

    assert pseudonyms._new_uid_value.cache_info().currsize == 0


def test_pseudonyms_fit_the_value_representations_they_are_for() -> None:
    assert re.fullmatch("[A-Z2-7]{20}", pseudonym(KEYS, "PAT"))
    assert re.fullmatch("[A-Z2-7]{16}", value_pseudonym(KEYS, "00080050", "ACC"))


def test_the_issuer_is_part_of_what_a_patient_is_known_by() -> None:
    made = {
        pseudonym(KEYS, "1"),
        pseudonym(KEYS, "1", "A"),
        pseudonym(KEYS, "1", "B"),
        pseudonym(KEYS, "A1"),
    }

    assert len(made) == 4


def test_padding_does_not_make_another_patient() -> None:
    assert pseudonym(KEYS, " PAT ", "A ") == pseudonym(KEYS, "PAT", "A")


def test_patients_without_an_id_are_told_apart_by_their_studies() -> None:
    first, again, second = (pseudonym(KEYS, "", "", uid) for uid in ("1.2", "1.2 ", "1.3"))

    assert first == again
    assert first != second
    assert patient_message("", "", "1.2") != patient_message("1.2", "", "")


def test_values_are_the_same_within_a_domain_only() -> None:
    assert value_pseudonym(KEYS, "PN", "A") == value_pseudonym(KEYS, "PN", "A")
    assert value_pseudonym(KEYS, "PN", "A") != value_pseudonym(KEYS, "00080050", "A")
