"""The terms of a delivery as JSON, so that the ledger can keep them as they were decided on.

A policy's text alone doesn't hold them: the pack may give defaults for retries and windows. Its
condition (``when``) is not among them: it is answered when the study is decided about.
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
        "priority": delivery.priority,
        "transfer_syntaxes": list(delivery.transfer_syntaxes),
        "only_if_absent": delivery.only_if_absent,
        "verify": delivery.verify,
    }


def from_json(terms: dict[str, Any]) -> Delivery:
    """Return the terms that ``to_json`` wrote."""
    window = terms["window"]
    return Delivery(
        to=terms["to"],
        via=terms["via"],
        retry=Retry(terms["longest_s"], terms["backoff_min_s"], terms["backoff_max_s"]),
        window=(window[0], window[1]) if window else None,
        # Absent in what the first release wrote.
        priority=terms.get("priority", "normal"),
        transfer_syntaxes=tuple(terms.get("transfer_syntaxes", ())),
        only_if_absent=terms.get("only_if_absent", False),
        verify=terms.get("verify", "receipts"),
    )
