"""What is to be reached, and what each target is compared with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the report's list of targets.

    Parameters
    ----------
    what : str
        In plain words.
    figure : str
        Name of the figure in the results; of an engine target, what comes after study and tool.
    bound : float
        What must be reached.
    stretch : float
        What would be better still.
    is_most : bool
        True if the figure must be at most the bound; else at least.
    unit : str
        ``"x"`` for ratios.
    """

    what: str
    figure: str
    bound: float
    stretch: float
    is_most: bool = False
    unit: str = "x"

    def is_reached_by(self, figure: float) -> bool:
        """Return whether a measured figure is good enough."""
        return figure <= self.bound if self.is_most else figure >= self.bound


ENGINE_TARGETS = (
    Target("dicognito over ours", "dicognito", 12, 20),
    Target("dicom-anonymizer over ours", "dicom-anonymizer", 10, 17),
    Target("deid over ours", "deid", 50, 98),
    Target("gdcmanon -e over ours", "gdcmanon -e", 1.5, 2.2),
    Target("dcmodify over ours", "dcmodify", 1.5, 2.2),
    Target("Orthanc's anonymize over ours", "Orthanc /anonymize", 6, 10),
    Target("ours over cp -r", "over-cp", 3, 2, is_most=True),
)
"""Ratios of wall times on the CT study."""

TARGETS = (
    Target(
        "peak memory, 105 MB multi-frame", "enhanced-mr/peak", 64, 32, is_most=True, unit=" MiB"
    ),
    Target("as many jobs as cores against one, 1,000 SR", "speed-up", 1.7, 1.9),
    Target("cost per instance, 5,000 against 200", "growth", 1.1, 1.0, is_most=True),
    Target(
        "cost of a study, 1,000,000 rows in the ledger against 1,000",
        *("ledger-growth", 1.1, 1.0),
        is_most=True,
    ),
    Target("the slowest page, median", "pages/slowest-ms", 200, 100, is_most=True, unit=" ms"),
    Target("the largest page", "pages/largest-kb", 300, 150, is_most=True, unit=" kB"),
    Target("ingest while the pipeline works, CT", "gateway/ingest-busy-ratio", 0.70, 0.90),
    *(
        Target(
            f"reception mode against plain ingest, {study.upper()}",
            *(f"reception/{study}/ratio", bound, stretch),
        )
        for study, bound, stretch in (
            ("ct", 0.90, 1.0),
            ("mr", 0.85, 0.95),
            ("sr", 0.85, 0.95),
            ("dx", 0.60, 0.85),
            ("us", 0.60, 0.85),
            ("enhanced-mr", 0.60, 0.85),
        )
    ),
    Target(
        "1,000 CT, delivery over plain sending", "gateway/peer/1000/ratio", 1.5, 1.1, is_most=True
    ),
)
