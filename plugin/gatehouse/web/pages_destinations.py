"""The page of destinations: how each is, what waits for it, and what a person can do."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Request, Response

from gatehouse.pipeline.states import DeliveryState
from gatehouse.web import answers, destination_routes, routes
from gatehouse.web.access import Asker
from gatehouse.web.pages_base import page, pages

SHOWN = 50


@pages.get("/ui/destinations")
def destinations(request: Request, asker: Asker) -> Response:
    """List destinations, and the deliveries that failed or still go on."""
    found = destination_routes.destinations(request).destinations
    # Looking for what is not there would go through all deliveries that ever were.
    failed = _deliveries(request, "failed") if any(one.failed for one in found) else ()
    sending = _deliveries(request, "sending") if any(one.sending for one in found) else ()
    waiting = _deliveries(request, "waiting") if any(one.waiting for one in found) else ()
    return page(
        "destinations.html",
        asker,
        section="destinations",
        destinations=found,
        failed=failed,
        going_on=[*sending, *waiting][:SHOWN],
    )


def _deliveries(request: Request, state: DeliveryState) -> Sequence[answers.Delivery]:
    return routes.deliveries(request, state=state, limit=SHOWN, offset=0).deliveries
