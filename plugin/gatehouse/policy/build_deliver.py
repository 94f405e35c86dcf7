"""Make the deliveries of a policy: where to, how, how long, when."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from gatehouse.policy import units
from gatehouse.policy.build_conditions import build_condition
from gatehouse.policy.destinations import (
    ALWAYS_CHECKED,
    CAN_COMMIT,
    DESTINATIONS,
    TRANSFER_SYNTAXES,
)
from gatehouse.policy.model import Delivery, Retry
from gatehouse.policy.report import Report, nearest
from gatehouse.policy.shapes import Shapes
from gatehouse.policy.yaml_subset import Node

DestinationNames = Mapping[str, Collection[str]]
"""For each way of delivery the names that are configured; a way that is not in it is not known."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What ``pack.yaml`` says for deliveries that do not say it themselves."""

    retry: Retry = field(default_factory=Retry)
    window: tuple[str, str] | None = None


def build_deliver(
    node: Node | None,
    shapes: Shapes,
    report: Report,
    destinations: DestinationNames | None,
    defaults: Defaults,
) -> tuple[Delivery, ...]:
    """Return the deliveries of a ``deliver`` section, those that the schema found right."""
    found: list[Delivery] = []
    for element in node.elements() if node else ():
        if not shapes.is_right(element):
            continue
        bounds, when = element.get("window"), element.get("when")
        syntaxes = element.get("transfer-syntax")
        delivery = Delivery(
            to=element.value["to"].value,
            via=element.value["via"].value,
            retry=build_retry(element.get("retry"), defaults.retry),
            window=units.window(bounds.value) if bounds else defaults.window,
            priority=_value(element, "priority", "normal"),
            when=build_condition(when, shapes, report) if when else None,
            transfer_syntaxes=tuple(
                TRANSFER_SYNTAXES[one.value] for one in (syntaxes.elements() if syntaxes else ())
            ),
            only_if_absent=_value(element, "only-if-absent", False),
            verify=_value(element, "verify", "receipts"),
        )
        _check_verify(delivery, element, report)
        _check_destination(delivery, element, report, destinations)
        _check_times(delivery, element, report)
        if any((delivery.to, delivery.via) == (other.to, other.via) for other in found):
            report.error(element.line, f'"{delivery.to}" via {delivery.via} is in "deliver" twice')
        found.append(delivery)
    return tuple(found)


def _value(node: Node, key: str, default: Any) -> Any:
    child = node.get(key)
    return default if child is None else child.value


def build_retry(node: Node | None, default: Retry) -> Retry:
    """Return a ``retry`` section; what it does not say is as in ``default``."""
    longest = node.get("for") if node else None
    backoff = node.get("backoff") if node else None
    low, high = default.backoff_min_s, default.backoff_max_s
    if backoff:
        low, high = units.duration_range_s(backoff.value)
    return Retry(
        longest_s=units.duration_s(longest.value) if longest else default.longest_s,
        backoff_min_s=low,
        backoff_max_s=high,
    )


def _check_destination(
    delivery: Delivery, element: Node, report: Report, destinations: DestinationNames | None
) -> None:
    if destinations is not None and delivery.via in destinations:
        names = destinations[delivery.via]
        if delivery.to not in names:
            section = DESTINATIONS[delivery.via].function()
            known = nearest(delivery.to, names)
            report.error(
                element.line_of("to"),
                f'there is no destination "{delivery.to}" in {section} of Orthanc\'s configuration',
                known or "add it there, or correct the name",
            )


def _check_times(delivery: Delivery, element: Node, report: Report) -> None:
    if delivery.window is not None and delivery.window[0] == delivery.window[1]:
        report.error(
            element.line_of("window"),
            '"window" ends when it begins, and would never be open',
            "leave it out if deliveries may run at any time",
        )
    if delivery.retry.backoff_min_s > delivery.retry.backoff_max_s:
        report.error(
            element.line_of("retry"), "the first pause of backoff is longer than the longest"
        )


def _check_verify(delivery: Delivery, element: Node, report: Report) -> None:
    if delivery.verify == "receipts":
        return
    if delivery.via in ALWAYS_CHECKED:
        report.error(
            element.line_of("verify"),
            f'"verify" has no use for deliveries via {delivery.via}',
            "the digest of each object is compared with what was written anyway; leave it out",
        )
    elif delivery.verify == "commitment" and delivery.via not in CAN_COMMIT:
        report.error(
            element.line_of("verify"),
            f"there is no storage commitment for deliveries via {delivery.via}",
            'PS3.4 Annex J is for dicom; use "query"',
        )
