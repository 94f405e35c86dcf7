"""Goal: every route is open to exactly the roles that its line of the table names.

Method: the whole table times every role, against the real application on a ledger with one study.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatehouse.adapters.http_filter import ROLES
from gatehouse.web.access import ACCESS, Gate
from support.asgi import Reply, call
from support.rest import SECRET, Site, headers

EXAMPLES = {
    "which": "1",
    "hold_id": "1",
    "name": "basic",
    "version": "1",
    "number": "1",
    "via": "dicom",
    "delivery_id": "1",
    "run_id": "1",
}

ROUTES = sorted(ACCESS)

ROLE_USERS = {role: role for role in ROLES}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(
        tmp_path_factory.mktemp("site"), roles={**ROLE_USERS, "nobody": [], "odd": "administrator"}
    ) as made:
        yield made


def ask(site: Site, route: tuple[str, str], user: str, **more: str) -> Reply:
    method, path = route
    return call(site.app, method, path.format(**EXAMPLES), headers(user, **more))


def test_every_route_of_the_application_is_in_the_table_and_the_other_way_round(
    site: Site,
) -> None:
    assert site.routes() == set(ROUTES)


@pytest.mark.parametrize("role", sorted(ROLES))
@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_a_route_is_open_to_its_roles_and_closed_to_the_others(
    site: Site, route: tuple[str, str], role: str
) -> None:
    reply = ask(site, route, role, **{"X-Gatehouse": "1"})

    assert (reply.status != 403) is (role in ACCESS[route])
    assert reply.status in (200, 403, 404, 409, 422)


@pytest.mark.parametrize("user", ["nobody", "odd", "unheard-of", ""])
@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_a_user_without_a_role_gets_nothing(site: Site, route: tuple[str, str], user: str) -> None:
    reply = ask(site, route, user, **{"X-Gatehouse": "1"})

    assert reply.status == 403
    assert b"this user has no role in Gatehouse" in reply.body


@pytest.mark.parametrize("secret", ["", "wrong", SECRET[:-1], SECRET + "x", "\u00fc"])
@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_nobody_gets_in_past_the_plugin(site: Site, route: tuple[str, str], secret: str) -> None:
    sent = headers("privacy-officer", **{"X-Gatehouse-Secret": secret, "X-Gatehouse": "1"})

    reply = call(site.app, route[0], route[1].format(**EXAMPLES), sent)

    assert reply.status == 403
    assert b"requests come through Orthanc only" in reply.body


CHANGES = [route for route in ROUTES if route[0] != "GET"]


@pytest.mark.parametrize("route", CHANGES, ids=" ".join)
@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "text/plain; application/json"},
        {"X-Gatehouse": "0"},
    ],
)
def test_a_change_that_a_page_of_others_could_send_is_refused(
    site: Site, route: tuple[str, str], sent: dict[str, str]
) -> None:
    assert ask(site, route, "privacy-officer", **sent).status == 403


@pytest.mark.parametrize("route", CHANGES, ids=" ".join)
@pytest.mark.parametrize(
    "sent", [{"Content-Type": "application/json; charset=utf-8"}, {"X-Gatehouse": "1"}]
)
def test_a_change_that_is_meant_is_done(
    site: Site, route: tuple[str, str], sent: dict[str, str]
) -> None:
    assert ask(site, route, "privacy-officer", **sent).status != 403


def test_a_gate_without_a_secret_can_t_be_made() -> None:
    with pytest.raises(ValueError, match="the gate needs a secret"):
        Gate("", {})


@pytest.mark.parametrize(
    ("target", "status"), [("/gatehouse/unknown", 404), ("/gatehouse", 404), ("/", 404)]
)
def test_what_is_not_a_route_is_not_found(site: Site, target: str, status: int) -> None:
    assert call(site.app, "GET", target, headers("viewer")).status == status


@pytest.mark.parametrize(
    ("given", "status"),
    [("viewer", 200), ("viewer,operator", 200), ("", 403), ("root", 403), ("VIEWER", 403)],
)
@pytest.mark.parametrize("name", ["Ada", "petra"])
def test_roles_of_a_profile_count_instead_of_the_table(
    tmp_path: Path, name: str, given: str, status: int
) -> None:
    with Site(tmp_path) as site:
        sent = headers(name, **{"X-Gatehouse-Roles": given})

        reply = call(site.app, "GET", "/gatehouse/studies", sent)
        audit = call(site.app, "GET", "/gatehouse/audit", sent)

    assert (reply.status, audit.status) == (status, 403)


def test_names_of_users_are_compared_as_they_are(tmp_path: Path) -> None:
    roles: dict[str, Any] = {"J\u00fcrgen": "viewer"}
    with Site(tmp_path, roles=roles) as site:
        right = call(site.app, "GET", "/gatehouse/studies", headers("J%C3%BCrgen"))
        wrong = call(site.app, "GET", "/gatehouse/studies", headers("j%C3%BCrgen"))

    assert (right.status, wrong.status) == (200, 403)
