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
    return page(
        "destinations.html",
        asker,
        section="destinations",
        destinations=destination_routes.destinations(request).destinations,
        failed=_deliveries(request, "failed"),
        going_on=[*_deliveries(request, "sending"), *_deliveries(request, "waiting")][:SHOWN],
    )


def _deliveries(request: Request, state: DeliveryState) -> Sequence[answers.Delivery]:
    return routes.deliveries(request, state=state, limit=SHOWN, offset=0).deliveries
