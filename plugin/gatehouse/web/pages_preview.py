"""The preview: what would become of a study, element by element, and of its images."""

from __future__ import annotations

from typing import Annotated

from fastapi import HTTPException, Query, Request, Response

from gatehouse.adapters.side_pictures import PICTURES_BYTES_MAX, PictureRequest, draw
from gatehouse.web import (
    answers,
    draft_routes,
    policy_answers,
    preview_answers,
    routes,
    version_answers,
)
from gatehouse.web.access import Asker
from gatehouse.web.backend import backend
from gatehouse.web.beside import run_beside
from gatehouse.web.limits import Expensive, take_picture_turn
from gatehouse.web.pages_base import page, pages
from gatehouse.web.policy_routes import desk_of

INSTANCES = 10
"""Instances that are shown element by element: slices of a series are mostly alike."""


class PictureWanted(policy_answers.Request):
    """An image of a study, as it came and as it would leave."""

    study: str
    instance: str
    frame: int = 0
    centre: float | None = None
    width: float | None = None
    is_after: bool = False
    policy: policy_answers.PolicyName | None = None
    version: int | None = None
    text: policy_answers.PolicyText | None = None


@pages.get("/ui/preview")
def preview(
    request: Request,
    asker: Asker,
    study: Annotated[str, Query(max_length=64)] = "",
    policy: Annotated[str, Query(max_length=64)] = "",
    version: Annotated[int | None, Query(ge=1, le=999_999)] = None,
) -> Response:
    """Ask for a study and a policy; the answer comes into the page."""
    parts = backend(request)
    pack = parts.ledger.active_pack()
    record = None
    if study:
        try:
            record = answers.study(routes.find_study(parts.ledger, study))
        except HTTPException:
            record = None
    return page(
        "preview.html",
        asker,
        section="studies",
        study=study,
        record=record,
        policy=policy,
        version=version,
        policies=[one.name for one in version_answers.active_pack(pack).policies] if pack else [],
    )


@pages.post("/ui/preview")
def previewed(
    request: Request, wanted: preview_answers.PreviewRequest, asker: Asker, _turn: Expensive
) -> Response:
    """Return the preview as a part of a page. Nothing is stored."""
    found = draft_routes.preview(request, wanted, asker, None)
    return page("preview_part.html", asker, found=found, wanted=wanted)


@pages.post("/ui/picture")
def picture(request: Request, wanted: PictureWanted, asker: Asker) -> Response:
    """Return an image as PNG, drawn in a process of its own; only for who may see originals."""
    take_picture_turn(asker)
    desk = desk_of(request)
    subject = preview_answers.PreviewRequest(
        study=wanted.study, policy=wanted.policy, version=wanted.version, text=wanted.text
    )
    study, _ = draft_routes.subject_of(request, subject)
    if study is None or wanted.instance not in {name for name, _ in study.instances}:
        raise HTTPException(404, "there is no such instance in this study")
    drawn = run_beside(
        desk,
        draw,
        PictureRequest(
            policies=draft_routes.policies_of(desk, subject) if wanted.is_after else None,
            study=study,
            instance=wanted.instance,
            frame=wanted.frame,
            centre=wanted.centre,
            width=wanted.width,
        ),
    )
    if len(drawn.png) > PICTURES_BYTES_MAX:
        raise HTTPException(413, "the image is too large to be shown")
    return Response(
        drawn.png,
        media_type="image/png",
        headers={"X-Gatehouse-Picture": drawn.about()},
    )
