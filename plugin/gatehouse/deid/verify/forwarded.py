"""The second check of an instance that leaves as it came: that it does."""

from __future__ import annotations

from gatehouse.deid.model import Deidentified, Verified
from gatehouse.deid.verify.walk import Buffer
from gatehouse.errors import VerificationError


def verify_forwarded(original: Buffer, forwarded: Deidentified) -> Verified:
    """Check that what would leave is what came.

    Raises
    ------
    VerificationError
        If it is not.
    """
    if forwarded.to_bytes() != bytes(original) or forwarded.changes:
        raise VerificationError(
            "verify.forwarded", "a forwarded instance differs from its original"
        )
    return Verified(forwarded, 0)
