"""Which requests to Orthanc's own REST API a sealed gateway takes, from whom.

Runs inside Orthanc: standard library only. Orthanc has checked the password already; here it is
asked whether this user may do this. What changes something must be in the table, everything else
is refused, so that a route that a later Orthanc adds is closed until somebody thought about it.

Left out on purpose, because identified data would leave past the policies, or what Gatehouse relies
on would be gone:

* ``/modalities/x/store``, ``/peers/x/store``, ``*/store-straight``, ``/dicom-web/servers/x/stow``
  and the like, C-MOVE on behalf of others, ``/instances/x/export``
* ``PUT /modalities/x``, ``/peers/x``, ``/dicom-web/servers/x``: another host behind a known name
* ``anonymize``, ``modify``, ``split``, ``merge``: Orthanc's own, without policy and verification
* ``DELETE /changes``: the inbox
* ``/tools/execute-script``, ``/tools/reset``, ``/tools/shutdown``

Requests with the plugin's own token never come here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

GET, POST, PUT, DELETE = 1, 2, 3, 4
"""``orthanc.HttpMethod``; Orthanc has applied ``_method`` and ``X-HTTP-Method-Override`` before."""

ANYONE = frozenset({""})
"""Everybody whom Orthanc authenticated, with and without a role."""

READERS = frozenset({"operator", "privacy-officer"})
"""Who may see identified studies in Orthanc."""

ROLES = frozenset({"viewer", "operator", "policy-editor", "privacy-officer"})

RESOURCE = r"/(patients|studies|series|instances)/[^/]+"


class Entry(NamedTuple):
    """One line of the table: these methods on this path are open to these roles."""

    methods: tuple[int, ...]
    path: str
    roles: frozenset[str]


TABLE = (
    # Our own routes check the role themselves.
    Entry((GET, POST, PUT, DELETE), r"/gatehouse(/.*)?", ANYONE),
    # Receiving is open to every account, as C-STORE is.
    Entry((POST,), r"/instances", ANYONE),
    Entry((POST,), r"/dicom-web/studies(/[^/]+)?", ANYONE),
    # Nothing about patients in these.
    Entry((GET,), r"/(system|statistics|plugins(/.*)?)", ROLES),
    Entry((GET,), r"/(app|ui)(/.*)?|/|/favicon\.ico", ROLES),
    # The authorization plugin tells a caller about the caller; Orthanc Explorer 2 asks for it.
    Entry((GET,), r"/auth/(user/profile|user-profile)", ROLES),
    # Reading, also what Orthanc wants to be asked for by POST.
    Entry((GET,), r"/.*", READERS),
    Entry((POST,), r"/tools/(find|lookup|bulk-content|count-resources)", READERS),
    Entry((POST,), r"/tools/create-(archive|media|media-extended)", READERS),
    Entry((POST,), RESOURCE + r"/(archive|media)", READERS),
    Entry((POST,), r"/(modalities|peers)/[^/]+/echo", READERS),
    Entry((POST,), r"/jobs/[^/]+/(cancel|pause)", READERS),
    # Deleting on purpose; Gatehouse notices it.
    Entry((DELETE,), RESOURCE, READERS),
    # Marks that people use; nothing of ours is kept in them.
    Entry((PUT, DELETE), RESOURCE + r"/(labels|metadata)/[^/]+", READERS),
)

_COMPILED = tuple((entry.methods, re.compile(entry.path), entry.roles) for entry in TABLE)


def is_allowed(method: int, uri: str, roles: Collection[str]) -> bool:
    """Return whether a user with these roles may do this.

    Parameters
    ----------
    uri : str
        The path as Orthanc understood it: decoded, without ``.``, ``..`` and empty parts.
    roles : collection of str
        The roles of the user; may be empty.
    """
    path = "/" + "/".join(part for part in uri.split("/") if part)
    return any(
        method in methods and pattern.fullmatch(path) and (allowed is ANYONE or allowed & {*roles})
        for methods, pattern, allowed in _COMPILED
    )


def roles_of(user: str, table: Mapping[str, str | list[str]]) -> frozenset[str]:
    """Return the roles that the setting ``Roles`` gives to a user; unknown ones don't count."""
    given = table.get(user, ())
    return ROLES & ({given} if isinstance(given, str) else {*given})
