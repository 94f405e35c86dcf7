"""UIDs as parts of file names, object keys and URLs."""

from __future__ import annotations

import re

from gatehouse.errors import DeliveryError

_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
LENGTH_MAX = 64


def as_name(uid: str) -> str:
    """Return a UID that can be part of a path: digits and dots (PS3.5 9.1).

    Raises
    ------
    DeliveryError
        Permanent. Those that are made here are right; a policy that forwards passes others' on.
    """
    if len(uid) > LENGTH_MAX or not _UID.fullmatch(uid):
        raise DeliveryError("an instance has a UID that is none", is_permanent=True)
    return uid
