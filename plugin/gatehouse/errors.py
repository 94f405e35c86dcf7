"""The errors of Gatehouse.

They carry tags, paths, rule names and counts, never a value of an attribute: what is raised may
end up in a log, in the ledger or on a page.
"""

from __future__ import annotations


class GatehouseError(Exception):
    """Base of all errors that Gatehouse raises on purpose. Its text is safe to log."""


class ConfigurationError(GatehouseError):
    """A setting is missing or wrong; the start must stop with this one message."""


class StateError(GatehouseError):
    """What was asked for does not fit the state that the study or delivery is in now."""


class UnavailableError(GatehouseError):
    """Something that is needed does not answer now; trying again later can help."""


class PolicyError(GatehouseError):
    """A policy, or a pack of policies, can't be used."""


class HoldError(GatehouseError):
    """An instance, and with it its study, must be held.

    Parameters
    ----------
    rule : str
        Stable name of the rule that asks for the hold, e.g. ``"dicom.truncated"``,
        ``"pixels.suspicious"``, ``"verify.residual-identifier"``.
    reason : str
        One sentence in plain words for the administrator. Never holds a value.
    path : str, optional
        Where in the data set, e.g. ``"RequestAttributesSequence[0]/RequestedProcedureID"``.
    """

    def __init__(self, rule: str, reason: str, path: str = "") -> None:
        super().__init__(rule, reason, path)
        self.rule = rule
        self.reason = reason
        self.path = path

    def __str__(self) -> str:
        place = f" at {self.path}" if self.path else ""
        return f"{self.rule}: {self.reason}{place}"


class ScanError(HoldError):
    """The bytes are not a DICOM file that can be read safely (``dicom.*`` rules)."""


class DeidentificationError(HoldError):
    """A rule of the plan could not be carried out (``deid.*`` and ``pixels.*`` rules)."""


class VerificationError(HoldError):
    """The independent check found something in the bytes that would leave (``verify.*`` rules)."""


class DeliveryError(GatehouseError):
    """A destination did not take an instance.

    Parameters
    ----------
    reason : str
        What happened, without values: a status in hex, the type of an exception.
    is_permanent : bool
        True if trying again can't help (e.g. the destination refuses the SOP class).
    """

    def __init__(self, reason: str, *, is_permanent: bool = False) -> None:
        super().__init__(reason, is_permanent)
        self.reason = reason
        self.is_permanent = is_permanent

    def __str__(self) -> str:
        return self.reason
