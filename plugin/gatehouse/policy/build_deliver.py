"""Make the deliveries of a policy: where to, how, how long, when."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from gatehouse.policy import units
from gatehouse.policy.destinations import DESTINATIONS
from gatehouse.policy.destinations import NOT_YET as DESTINATIONS_NOT_YET
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
        bounds = element.get("window")
        delivery = Delivery(
            to=element.value["to"].value,
            via=element.value["via"].value,
            retry=build_retry(element.get("retry"), defaults.retry),
            window=units.window(bounds.value) if bounds else defaults.window,
        )
        _check_destination(delivery, element, report, destinations)
        _check_times(delivery, element, report)
        if any((delivery.to, delivery.via) == (other.to, other.via) for other in found):
            report.error(element.line, f'"{delivery.to}" via {delivery.via} is in "deliver" twice')
        found.append(delivery)
    return tuple(found)


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
    if delivery.via in DESTINATIONS_NOT_YET:
        report.error(
            element.line_of("via"),
            f'delivery via "{delivery.via}" is not available yet',
            "use dicom or peer",
        )
    elif destinations is not None and delivery.via in destinations:
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
