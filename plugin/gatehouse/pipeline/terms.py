"""The terms of a delivery as JSON, so that the ledger can keep them as they were decided on.

A policy's text alone doesn't hold them: the pack may give defaults for retries and windows.
"""

from __future__ import annotations

from typing import Any

from gatehouse.policy.model import Delivery, Retry


def to_json(delivery: Delivery) -> dict[str, Any]:
    """Return the terms as a JSON object."""
    return {
        "to": delivery.to,
        "via": delivery.via,
        "longest_s": delivery.retry.longest_s,
        "backoff_min_s": delivery.retry.backoff_min_s,
        "backoff_max_s": delivery.retry.backoff_max_s,
        "window": list(delivery.window) if delivery.window else None,
    }


def from_json(terms: dict[str, Any]) -> Delivery:
    """Return the terms that ``to_json`` wrote."""
    window = terms["window"]
    return Delivery(
        to=terms["to"],
        via=terms["via"],
        retry=Retry(terms["longest_s"], terms["backoff_min_s"], terms["backoff_max_s"]),
        window=(window[0], window[1]) if window else None,
    )
