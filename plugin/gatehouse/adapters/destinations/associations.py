"""Opens associations to DICOM destinations, in clear or over TLS (PS3.15 Annex B).

Who a destination is says Orthanc's configuration (``DicomModalities``), which certificates are used
say the settings (``Gatehouse.Sending``). Where TLS is asked for, nothing is ever sent without it.
"""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext

from gatehouse.adapters.destinations.configuration import Tls
from gatehouse.errors import DeliveryError

# What goes wrong is said by the delivery; pynetdicom's lines quote what was sent.
logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)

CONNECT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 60.0
"""For an association or a DIMSE response; a busy archive may take its time."""


class Modalities(Protocol):
    """Where the gateway's Orthanc says who its DICOM destinations are."""

    def modality(self, name: str) -> Mapping[str, Any]:
        """Return AET, Host, Port ... of a key of DicomModalities."""

    def system(self) -> Mapping[str, Any]:
        """Return what Orthanc says of itself, with its own ``DicomAet``."""


class Caller:
    """Calls DICOM destinations by their names.

    Parameters
    ----------
    tls : Mapping
        Name of a destination -> its certificates.
    """

    def __init__(
        self,
        modalities: Modalities,
        tls: Mapping[str, Tls] | None = None,
        *,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        self._modalities = modalities
        self._tls = tls or {}
        self._answer_timeout_s = answer_timeout_s

    def about(self, name: str) -> Mapping[str, Any]:
        """Return what Orthanc knows of a destination, and as whom we call it (``LocalAet``).

        Raises
        ------
        DeliveryError
            Permanent: if Orthanc's configuration does not know it.
        """
        try:
            about = dict(self._modalities.modality(name))
        except LookupError:
            raise DeliveryError(
                "Orthanc's configuration has no such modality", is_permanent=True
            ) from None
        # Orthanc answers an empty text where the configuration does not say it.
        if not about.get("LocalAet"):
            about["LocalAet"] = self._modalities.system().get("DicomAet", "GATEHOUSE")
        return about

    def associate(
        self,
        name: str,
        contexts: Sequence[PresentationContext],
        handlers: Sequence[Any] = (),
        negotiation: Sequence[Any] = (),
    ) -> Association:
        """Open an association.

        Raises
        ------
        DeliveryError
            If the destination can't be reached, or does not want us.
        """
        about = self.about(name)
        entity = AE(ae_title=about["LocalAet"])
        entity.connection_timeout = CONNECT_TIMEOUT_S
        entity.acse_timeout = self._answer_timeout_s
        entity.dimse_timeout = self._answer_timeout_s
        entity.network_timeout = self._answer_timeout_s
        is_reached: list[bool] = []

        def prepare(event: evt.Event) -> None:
            is_reached.append(True)
            _send_at_once(event)

        association = entity.associate(
            about["Host"],
            int(about["Port"]),
            list(contexts),
            ae_title=about["AET"],
            evt_handlers=[(evt.EVT_CONN_OPEN, prepare), *handlers],
            ext_neg=list(negotiation),
            tls_args=self._tls_arguments(name, about),
        )
        if association.is_established:
            return association
        if association.is_rejected:
            raise DeliveryError(f"it rejected the association: {_why_rejected(association)}")
        if is_reached:
            raise DeliveryError("it aborted the association, or accepts none of its contexts")
        over = " over TLS" if about.get("UseDicomTls") else ""
        raise DeliveryError(f"it can't be reached{over}")

    def _tls_arguments(
        self, name: str, about: Mapping[str, Any]
    ) -> tuple[ssl.SSLContext, str] | None:
        wanted = self._tls.get(name)
        if not about.get("UseDicomTls", False):
            if wanted is not None:
                # Certificates that nobody uses: somebody believes that this is encrypted.
                raise DeliveryError(
                    "the settings have certificates for it, and Orthanc's configuration does not "
                    'say "UseDicomTls": true',
                    is_permanent=True,
                )
            return None
        if wanted is None:
            # Sending in clear instead would be a leak.
            raise DeliveryError(
                "Orthanc's configuration wants TLS, and the settings name no certificates for it "
                "(Gatehouse.Sending)",
                is_permanent=True,
            )
        return tls_context(wanted), about["Host"]


def tls_context(tls: Tls) -> ssl.SSLContext:
    """Return how to speak TLS: 1.2 or newer, and only to whom the trusted certificates vouch for.

    Raises
    ------
    DeliveryError
        Permanent: if the certificates can't be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = tls.verify_host
    try:
        context.load_verify_locations(cafile=str(tls.trusted))
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        raise DeliveryError(
            f"the certificates in the settings can't be used ({type(error).__name__})",
            is_permanent=True,
        ) from None
    return context


def _why_rejected(association: Association) -> str:
    """Return the reason in the Standard's words (PS3.8 Table 9-21): who has to mend what."""
    said = association.acceptor.primitive
    return str(said.reason_str) if said is not None else "it gives no reason"


def _send_at_once(event: evt.Event) -> None:
    # A C-STORE is several small writes; Nagle's algorithm would hold each back for 40 ms.
    connection = event.assoc.dul.socket
    if connection is not None and connection.socket is not None:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
