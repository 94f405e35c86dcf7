"""Which page is open to whom: part of the table of ``web.access``.

A page shows everybody who has a role the same but values of originals; what it offers to change
goes to the REST routes, which have lines of their own in the table.
"""

from __future__ import annotations

from collections.abc import Mapping

from gatehouse.adapters.http_filter import ROLES

_PRIVACY = frozenset({"privacy-officer"})

PAGES_ACCESS: Mapping[tuple[str, str], frozenset[str]] = {
    ("GET", "/gatehouse/ui"): ROLES,
    ("GET", "/gatehouse/ui/"): ROLES,
    ("GET", "/gatehouse/ui/static/{version}/{name}"): ROLES,
    ("GET", "/gatehouse/ui/overview"): ROLES,
    # Who did what is for privacy officers, as over REST.
    ("GET", "/gatehouse/ui/audit"): _PRIVACY,
    ("GET", "/gatehouse/ui/destinations"): ROLES,
    ("GET", "/gatehouse/ui/held"): ROLES,
    ("GET", "/gatehouse/ui/policies"): ROLES,
    ("GET", "/gatehouse/ui/policies/{name}"): ROLES,
    ("GET", "/gatehouse/ui/policies/{name}/conformance"): ROLES,
    ("GET", "/gatehouse/ui/new-policy"): frozenset({"policy-editor", "privacy-officer"}),
    ("GET", "/gatehouse/ui/preview"): ROLES,
    ("POST", "/gatehouse/ui/preview"): ROLES,
    # Images of originals may show who it is.
    ("POST", "/gatehouse/ui/picture"): _PRIVACY,
    ("GET", "/gatehouse/ui/runs"): ROLES,
    ("GET", "/gatehouse/ui/runs/{run_id}"): ROLES,
    ("GET", "/gatehouse/ui/studies"): ROLES,
    ("GET", "/gatehouse/ui/studies/{which}"): ROLES,
    ("GET", "/gatehouse/ui/find"): ROLES,
}
"""Method and path -> roles that may use it."""
