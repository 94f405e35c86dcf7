"""Keyed pseudonyms and UIDs: the same for the same key and project, for ever.

Every project has keys of its own, one per purpose, derived from the master key. A pseudonym is
HMAC-SHA-256 of the original, so that without the key it can't be found by trying. Some of its bits
check the others, under the key: what was made here is recognized and left as it is, and a second
pass changes nothing.
"""

from __future__ import annotations

import hmac
from functools import cache, lru_cache
from typing import Final

from gatehouse.deid.model import ProjectKeys

_SALT = b"gatehouse/1"
"""Changes when the way of deriving changes; not a secret (RFC 5869 section 3.1)."""

_UID_VALUE_BITS = 88
_UID_CHECK_BITS = 34
"""122 bits of a UUID are free. 88 make two of 10^11 UIDs alike with a chance of 1 in 60,000; a
UID that was not made here passes for ours once in 10^10."""

_PATIENT_VALUE_BITS = 64
_PATIENT_CHECK_BITS = 36
_VALUE_VALUE_BITS = 52
_VALUE_CHECK_BITS = 28
"""16 characters, which is all that SH can hold."""

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_CACHED_UIDS = 65_536
_CACHED_LENGTH_MAX = 64

_STANDARD_ROOT = "1.2.840.10008."
_UUID_ROOT = "2.25."


def derive_project_keys(master: bytes, project: str) -> ProjectKeys:
    """Derive the keys of a project from the master key (HKDF-SHA-256, RFC 5869).

    Parameters
    ----------
    master : bytes
        The master key, at least 32 bytes.
    project : str
        The project's name in the policy: the domain within which pseudonyms are the same.
    """
    domain = project.encode("utf-8")
    return ProjectKeys(
        key_id=key_id(master),
        pseudonym=_derive(master, b"pseudonym\0" + domain),
        uid=_derive(master, b"uid\0" + domain),
        date=_derive(master, b"date\0" + domain),
    )


def key_id(master: bytes) -> str:
    """Return the public name of a master key: it says which key was used, and nothing about it."""
    return _derive(master, b"key-id\0")[:8].hex()


def _derive(master: bytes, info: bytes) -> bytes:
    """Return 32 bytes for one purpose (RFC 5869 sections 2.2 and 2.3; one block is enough)."""
    pseudo_random_key = hmac.digest(_SALT, master, "sha256")
    return hmac.digest(pseudo_random_key, info + b"\1", "sha256")


def keyed_number(key: bytes, message: bytes, bits: int) -> int:
    """Return the first ``bits`` (at most 256) of HMAC-SHA-256 as a number."""
    return int.from_bytes(hmac.digest(key, message, "sha256"), "big") >> (256 - bits)


def _check(key: bytes, value: int, check_bits: int) -> int:
    return keyed_number(key, b"check\0" + value.to_bytes(16, "big"), check_bits)


def _number(key: bytes, message: bytes, value_bits: int, check_bits: int) -> int:
    value = keyed_number(key, message, value_bits)
    return value << check_bits | _check(key, value, check_bits)


def _is_ours(key: bytes, number: int, check_bits: int) -> bool:
    value = number >> check_bits
    return number & ((1 << check_bits) - 1) == _check(key, value, check_bits)


def new_uid(keys: ProjectKeys, uid: str) -> str:
    """Return the UID that stands for an instance UID in this project.

    UIDs that the Standard registers (SOP classes, well-known frames of reference and instances)
    and UIDs that were made here stay as they are.

    Notes
    -----
    Source: PS3.5 section B.2 (UUID derived UIDs); RFC 9562 section 5.8 (UUID version 8).
    """
    value = uid.strip(" \0").encode("latin-1")
    if b"\\" in value:
        return _new_uid(keys.uid, value.decode("latin-1"))
    # As an element holds it: most that are asked for here were just made by the engine.
    padded = value + b"\0" * (len(value) & 1)
    return new_uid_value(keys.uid, padded).decode("latin-1").rstrip("\0")


def new_uid_value(key: bytes, value: bytes) -> bytes:
    """Return the value of an element with UIDs, each one replaced, padded to an even length."""
    if len(value) > _CACHED_LENGTH_MAX:
        return _new_uid_value.__wrapped__(key, value)
    return _new_uid_value(key, value)


@lru_cache(maxsize=_CACHED_UIDS)
def _new_uid_value(key: bytes, value: bytes) -> bytes:
    uids = value.decode("latin-1").split("\\")
    new = "\\".join(_new_uid(key, uid.strip(" \0")) for uid in uids).encode("latin-1")
    return new + b"\0" if len(new) & 1 else new


def _new_uid(key: bytes, uid: str) -> str:
    if not uid or (uid.startswith(_STANDARD_ROOT) and uid in _registered()):
        return uid
    if uid.startswith(_UUID_ROOT) and _is_our_uid(key, uid):
        return uid
    number = _number(key, b"uid\0" + uid.encode("latin-1"), _UID_VALUE_BITS, _UID_CHECK_BITS)
    return _UUID_ROOT + str(_as_uuid(number))


def _as_uuid(number: int) -> int:
    """Spread 122 bits around the version (8: made in our own way) and variant of a UUID."""
    high, middle, low = number >> 74, number >> 62 & 0xFFF, number & (1 << 62) - 1
    return high << 80 | 8 << 76 | middle << 64 | 2 << 62 | low


def _is_our_uid(key: bytes, uid: str) -> bool:
    digits = uid.removeprefix(_UUID_ROOT)
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 39:
        return False
    uuid = int(digits)
    number = uuid >> 80 << 74 | (uuid >> 64 & 0xFFF) << 62 | uuid & (1 << 62) - 1
    is_same = _as_uuid(number) == uuid and str(uuid) == digits
    return is_same and _is_ours(key, number, _UID_CHECK_BITS)


@cache
def _registered() -> frozenset[str]:
    # Imported here: few objects hold such a UID where an instance UID is expected.
    from gatehouse.standard._registered_uids import REGISTERED, ROOT

    return frozenset(ROOT + part for part in REGISTERED.split())


def _spell(number: int, bits: int) -> str:
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(bits - 5, -1, -5))


def _read(text: str, bits: int) -> int | None:
    if len(text) * 5 != bits or not set(text) <= set(_ALPHABET):
        return None
    number = 0
    for letter in text:
        number = number << 5 | _ALPHABET.index(letter)
    return number


def patient_message(patient_id: str, issuer: str, study_instance_uid: str) -> bytes:
    """Return what a patient is known by: the ID with its issuer; without one, the study.

    Patients without an ID are not taken for one and the same: each of their studies stands for
    itself.
    """
    if patient_id:
        return b"patient\0" + issuer.encode("utf-8") + b"\0" + patient_id.encode("utf-8")
    return b"study\0" + study_instance_uid.encode("utf-8")


def pseudonym(
    keys: ProjectKeys, patient_id: str, issuer: str = "", study_instance_uid: str = ""
) -> str:
    """Return the pseudonym of a patient: 20 letters and digits.

    Parameters
    ----------
    patient_id, issuer : str
        Patient ID (0010,0020) and Issuer of Patient ID (0010,0021), decoded.
    study_instance_uid : str
        The original one; used where there is no Patient ID.
    """
    return _pseudonym(
        keys.pseudonym,
        patient_id.strip(" \0"),
        issuer.strip(" \0"),
        study_instance_uid.strip(" \0"),
    )


# A study is thousands of instances of one patient, one after the other.
@lru_cache(maxsize=64)
def _pseudonym(key: bytes, patient_id: str, issuer: str, study_instance_uid: str) -> str:
    bits = _PATIENT_VALUE_BITS + _PATIENT_CHECK_BITS
    number = _read(patient_id, bits)
    if number is not None and _is_ours(key, number, _PATIENT_CHECK_BITS):
        return patient_id
    message = patient_message(patient_id, issuer, study_instance_uid)
    return _spell(_number(key, message, _PATIENT_VALUE_BITS, _PATIENT_CHECK_BITS), bits)


def value_pseudonym(keys: ProjectKeys, domain: str, value: str) -> str:
    """Return the pseudonym of any other value: 16 letters and digits, the same in its domain."""
    bits = _VALUE_VALUE_BITS + _VALUE_CHECK_BITS
    number = _read(value, bits)
    if number is not None and _is_ours(keys.pseudonym, number, _VALUE_CHECK_BITS):
        return value
    message = b"value\0" + domain.encode("utf-8") + b"\0" + value.encode("utf-8")
    return _spell(_number(keys.pseudonym, message, _VALUE_VALUE_BITS, _VALUE_CHECK_BITS), bits)
