"""Goal: no request to Orthanc's own REST API lets identified data out past the policies.

Method: the table of the filter is asked for requests that would, and for those that people need,
with each role; and for every line of the table with every role.
"""

from __future__ import annotations

import pytest

from gatehouse.adapters.http_filter import (
    DELETE,
    GET,
    POST,
    PUT,
    READERS,
    ROLES,
    TABLE,
    is_allowed,
    roles_of,
)

STUDY = "/studies/8a8cf898-ca27c490-d0c7058c-929d0581-2bbf104d"
INSTANCE = "/instances/f689ddd2-662f8fe1-8b18180d-ec2a2cee-937917af"

REFUSED_TO_EVERYBODY = [
    (DELETE, "/changes"),
    (DELETE, "/exports"),
    (POST, "/modalities/research-pacs/store"),
    (POST, "/modalities/research-pacs/store-straight"),
    (POST, "/modalities/research-pacs/move"),
    (POST, "/modalities/research-pacs/storage-commitment"),
    (PUT, "/modalities/research-pacs"),
    (DELETE, "/modalities/research-pacs"),
    (POST, "/peers/research-pacs/store"),
    (POST, "/peers/research-pacs/store-straight"),
    (PUT, "/peers/research-pacs"),
    (POST, "/dicom-web/servers/archive/stow"),
    (POST, "/dicom-web/servers/archive/get"),
    (PUT, "/dicom-web/servers/archive"),
    (POST, "/transfers/send"),
    (POST, "/queries/1/retrieve"),
    (POST, "/queries/1/answers/0/retrieve"),
    (POST, f"{INSTANCE}/export"),
    (POST, f"{INSTANCE}/anonymize"),
    (POST, f"{INSTANCE}/modify"),
    (POST, f"{STUDY}/anonymize"),
    (POST, f"{STUDY}/modify"),
    (POST, f"{STUDY}/split"),
    (POST, f"{STUDY}/merge"),
    (POST, "/tools/bulk-anonymize"),
    (POST, "/tools/bulk-modify"),
    (POST, "/tools/bulk-delete"),
    (POST, "/tools/create-dicom"),
    (POST, "/tools/execute-script"),
    (POST, "/tools/reset"),
    (POST, "/tools/shutdown"),
    (PUT, "/tools/log-level"),
    (PUT, "/auth/tokens/stone-viewer-publication"),
    (PUT, f"{INSTANCE}/attachments/dicom"),
    (POST, f"{INSTANCE}/attachments/dicom/uncompress"),
    (POST, "/jobs/1/resubmit"),
    (POST, "/some/route/of/a/later/version"),
    (PUT, "/instances"),
    (7, "/instances"),
]

OPEN_TO_READERS = [
    (GET, "/changes"),
    (GET, "/studies"),
    (GET, f"{INSTANCE}/file"),
    (GET, f"{STUDY}/archive"),
    (POST, f"{STUDY}/archive"),
    (POST, "/tools/find"),
    (POST, "/tools/bulk-content"),
    (POST, "/tools/create-archive"),
    (POST, "/modalities/research-pacs/echo"),
    (DELETE, STUDY),
    (PUT, f"{STUDY}/labels/checked"),
    (PUT, f"{STUDY}/metadata/1024"),
]

OPEN_TO_EVERY_ROLE = [
    (GET, "/"),
    (GET, "/system"),
    (GET, "/statistics"),
    (GET, "/app/explorer.html"),
    (GET, "/plugins/explorer.js"),
    (GET, "/auth/user/profile"),
]

OPEN_TO_EVERY_ACCOUNT = [
    (POST, "/instances"),
    (POST, "/dicom-web/studies"),
    (POST, "/dicom-web/studies/1.2.3"),
    (GET, "/gatehouse/status"),
    (POST, f"/gatehouse{STUDY}/process"),
]


@pytest.mark.parametrize(("method", "uri"), REFUSED_TO_EVERYBODY)
def test_what_would_break_a_promise_is_refused_whatever_the_role(method: int, uri: str) -> None:
    assert not is_allowed(method, uri, ROLES)


@pytest.mark.parametrize(("method", "uri"), OPEN_TO_READERS)
@pytest.mark.parametrize("role", sorted(READERS))
def test_operators_and_privacy_officers_work_with_the_archive(
    method: int, uri: str, role: str
) -> None:
    assert is_allowed(method, uri, {role})


@pytest.mark.parametrize(("method", "uri"), OPEN_TO_READERS)
@pytest.mark.parametrize("role", [None, *sorted(ROLES - READERS)])
def test_nobody_else_sees_or_changes_identified_studies(
    method: int, uri: str, role: str | None
) -> None:
    assert not is_allowed(method, uri, {role} - {None})


@pytest.mark.parametrize(("method", "uri"), OPEN_TO_EVERY_ROLE)
@pytest.mark.parametrize("role", sorted(ROLES))
def test_every_role_sees_what_says_nothing_about_patients(method: int, uri: str, role: str) -> None:
    assert is_allowed(method, uri, {role})


@pytest.mark.parametrize(("method", "uri"), OPEN_TO_EVERY_ROLE)
def test_a_user_without_a_role_does_not_see_even_that(method: int, uri: str) -> None:
    assert not is_allowed(method, uri, set())


@pytest.mark.parametrize(("method", "uri"), OPEN_TO_EVERY_ACCOUNT)
def test_a_user_without_a_role_may_send_studies_and_ask_our_routes(method: int, uri: str) -> None:
    assert is_allowed(method, uri, set())


@pytest.mark.parametrize(
    ("uri", "is_open"),
    [
        ("/instances/", True),
        ("//instances", True),
        ("/instances/x", False),
        ("/gatehouse", True),
        ("/gatehouses", False),
        ("/x/instances", False),
        ("/instances\n", False),
    ],
)
def test_a_path_is_matched_as_a_whole(uri: str, is_open: bool) -> None:
    assert is_allowed(POST, uri, set()) is is_open


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry.path)
@pytest.mark.parametrize("role", sorted(ROLES))
def test_every_line_of_the_table_says_for_each_role_what_it_opens(entry, role: str) -> None:
    says = not entry.roles & ROLES or role in entry.roles
    example = {
        r"/gatehouse(/.*)?": "/gatehouse/held",
        r"/instances": "/instances",
        r"/dicom-web/studies(/[^/]+)?": "/dicom-web/studies",
        r"/(system|statistics|plugins(/.*)?)": "/system",
        r"/(app|ui)(/.*)?|/|/favicon\.ico": "/app/explorer.html",
        r"/auth/(user/profile|user-profile)": "/auth/user/profile",
        r"/.*": "/patients",
        r"/tools/(find|lookup|bulk-content|count-resources)": "/tools/find",
        r"/tools/create-(archive|media|media-extended)": "/tools/create-media",
        r"/(patients|studies|series|instances)/[^/]+/(archive|media)": f"{STUDY}/media",
        r"/(modalities|peers)/[^/]+/echo": "/peers/research-pacs/echo",
        r"/jobs/[^/]+/(cancel|pause)": "/jobs/1/cancel",
        r"/(patients|studies|series|instances)/[^/]+": STUDY,
        r"/(patients|studies|series|instances)/[^/]+/(labels|metadata)/[^/]+": (
            f"{STUDY}/labels/x"
        ),
    }[entry.path]

    assert all(is_allowed(method, example, {role}) is says for method in entry.methods)


@pytest.mark.parametrize(
    ("given", "roles"),
    [
        ("operator", {"operator"}),
        (["viewer", "operator"], {"viewer", "operator"}),
        (["admin"], set()),
        ([], set()),
    ],
)
def test_roles_are_those_of_the_setting_and_unknown_ones_count_for_nothing(
    given: str | list[str], roles: set[str]
) -> None:
    assert roles_of("alice", {"alice": given}) == roles
    assert roles_of("bob", {"alice": given}) == frozenset()
