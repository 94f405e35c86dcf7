"""What most ways to send have in common: no storage commitment, and no end of a study."""

from __future__ import annotations

from collections.abc import Sequence

from gatehouse.errors import DeliveryError
from gatehouse.pipeline.ports import OutgoingInstance
from gatehouse.policy.model import Delivery


class PlainDestination:
    """Base of destinations at which each instance stands for itself."""

    def committed(
        self, _delivery: Delivery, _instances: Sequence[OutgoingInstance], /
    ) -> tuple[set[str], str]:
        """Refuse: storage commitment is defined for DIMSE alone (PS3.4 Annex J)."""
        raise DeliveryError("there is no storage commitment this way", is_permanent=True)

    def finish(self, _delivery: Delivery, _instances: Sequence[OutgoingInstance], /) -> None:
        """Do nothing."""
