"""Recognize UIDs and pseudonyms that were made with a project's keys.

An object that was de-identified before comes with values of our making; a second pass leaves
them as they are, and they are no leak. Some bits of each check the others, under the key. This is
written anew from that definition, and not taken from the code that makes them, so that a maker
which returns what it was given is noticed.
"""

from __future__ import annotations

import hmac
import re

from gatehouse.deid.model import ProjectKeys

_UID_CHECK_BITS = 34
_TEXT_CHECK_BITS = {20: 36, 16: 28}
"""Length of a pseudonym -> how many of its bits check the rest: of a patient, of another value."""

_UUID_UID = re.compile(r"2\.25\.([1-9]\d{0,38})")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_BITS_OF_LETTER = 5


def is_our_uid(keys: ProjectKeys, uid: str) -> bool:
    """Tell if a UID was made with these keys.

    Notes
    -----
    Source: RFC 9562 section 5.8: of a UUID's 128 bits, four are its version and two its variant.
    """
    found = _UUID_UID.fullmatch(uid)
    if found is None:
        return False
    bits = f"{int(found[1]):0128b}"
    if len(bits) != 128 or bits[48:52] != "1000" or bits[64:66] != "10":
        return False
    return _is_checked(keys.uid, int(bits[:48] + bits[52:64] + bits[66:], 2), _UID_CHECK_BITS)


def is_our_pseudonym(keys: ProjectKeys, text: str) -> bool:
    """Tell if a text, in any case, is a pseudonym that was made with these keys."""
    check_bits = _TEXT_CHECK_BITS.get(len(text))
    plain = text.lower()
    if check_bits is None or not set(plain) <= set(_ALPHABET):
        return False
    number = 0
    for letter in plain:
        number = (number << _BITS_OF_LETTER) + _ALPHABET.index(letter)
    return _is_checked(keys.pseudonym, number, check_bits)


def _is_checked(key: bytes, number: int, check_bits: int) -> bool:
    value, check = divmod(number, 1 << check_bits)
    digest = hmac.digest(key, b"check\0" + value.to_bytes(16, "big"), "sha256")
    return int.from_bytes(digest, "big") >> (256 - check_bits) == check
