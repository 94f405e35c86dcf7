"""SOP classes that stand for all, where a policy is looked at without any object."""

from __future__ import annotations

from typing import Final

SOP_CLASSES: Final = (
    "",
    "1.2.840.10008.5.1.4.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.2",
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.4",
    "1.2.840.10008.5.1.4.1.1.6.1",
    "1.2.840.10008.5.1.4.1.1.7",
    "1.2.840.10008.5.1.4.1.1.20",
    "1.2.840.10008.5.1.4.1.1.88.33",
    "1.2.840.10008.5.1.4.1.1.104.1",
    "1.2.840.10008.5.1.4.1.1.128",
)
"""Storage SOP Classes for which plans are looked at; the first stands for those that the
Standard does not know. Which action an option asks for does not depend on them, only how a compound
code is settled does."""
