"""The ledger: what was received, decided, made, delivered, held, and by which policy.

It says where every study is, survives any crash, and is the evidence of each delivery. It keeps
no values of attributes (see ``ledger_tables``).
"""

from __future__ import annotations

from gatehouse.adapters.ledger_audit import AuditLedger
from gatehouse.adapters.ledger_audit_search import AuditSearchLedger
from gatehouse.adapters.ledger_delivery_views import DeliveryViewLedger
from gatehouse.adapters.ledger_destinations import DestinationLedger
from gatehouse.adapters.ledger_inbox import InboxLedger
from gatehouse.adapters.ledger_notices import NoticeLedger
from gatehouse.adapters.ledger_proposals import ProposalLedger
from gatehouse.adapters.ledger_reception import ReceptionLedger
from gatehouse.adapters.ledger_retention import RetentionLedger
from gatehouse.adapters.ledger_runs import RunsLedger
from gatehouse.adapters.ledger_search import SearchLedger
from gatehouse.adapters.ledger_views import ViewLedger
from gatehouse.adapters.ledger_worklist import WorklistLedger


class Ledger(
    SearchLedger,
    AuditSearchLedger,
    WorklistLedger,
    InboxLedger,
    ReceptionLedger,
    DestinationLedger,
    ViewLedger,
    DeliveryViewLedger,
    ProposalLedger,
    NoticeLedger,
    RunsLedger,
    RetentionLedger,
    AuditLedger,
):
    """The whole ledger. See the bases for its methods, by who uses them.

    Parameters
    ----------
    url : str
        ``sqlite:////absolute/path/gatehouse.db`` or ``postgresql+psycopg://...``.
    migrate : bool
        Bring the tables up to date first.
    """
