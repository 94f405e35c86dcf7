"""The options of PS3.15 E.3 by the names that policies use.

Each function answers which other options can't be asked for together with its own. What an option
does to each attribute is in the Standard's table; this module knows no attributes.
"""

from __future__ import annotations

from collections.abc import Callable

from gatehouse.policy.registry import Registry

OPTIONS: Registry[Callable[[], frozenset[str]]] = Registry("option")
option = OPTIONS.register

NOT_YET = frozenset({"clean-pixel-data", "clean-recognizable-visual-features"})
"""Named by the Standard, refused until there is a pixel stage: a promise that nobody keeps is worse
than none."""

_NONE: frozenset[str] = frozenset()


@option("retain-safe-private", source="PS3.15 E.3.10")
def retain_safe_private() -> frozenset[str]:
    """Keep the private attributes that the Standard lists as safe (Table E.3.10-1)."""
    return _NONE


@option("retain-uids", source="PS3.15 E.3.9")
def retain_uids() -> frozenset[str]:
    """Keep the UIDs as they are. Whoever has the originals can then link the two."""
    return _NONE


@option("retain-device-identity", source="PS3.15 E.3.8")
def retain_device_identity() -> frozenset[str]:
    """Keep what identifies the device, such as its serial number and station name."""
    return _NONE


@option("retain-institution-identity", source="PS3.15 E.3.11")
def retain_institution_identity() -> frozenset[str]:
    """Keep what identifies the institution, such as its name and address."""
    return _NONE


@option("retain-patient-characteristics", source="PS3.15 E.3.7")
def retain_patient_characteristics() -> frozenset[str]:
    """Keep physical characteristics of the patient, such as age, sex, size and weight."""
    return _NONE


@option("retain-full-dates", source="PS3.15 E.3.6")
def retain_full_dates() -> frozenset[str]:
    """Keep dates and times as they are. They can identify a patient together with other sources."""
    return frozenset({"retain-modified-dates"})


@option("retain-modified-dates", source="PS3.15 E.3.6")
def retain_modified_dates() -> frozenset[str]:
    """Move dates and times by an offset that is the same for all of a patient's studies."""
    return frozenset({"retain-full-dates"})


@option("clean-descriptors", source="PS3.15 E.3.5")
def clean_descriptors() -> frozenset[str]:
    """Keep descriptions and comments after what identifies was taken out of their text."""
    return _NONE


@option("clean-structured-content", source="PS3.15 E.3.4")
def clean_structured_content() -> frozenset[str]:
    """Keep the content of structured reports after what identifies was taken out."""
    return _NONE


@option("clean-graphics", source="PS3.15 E.3.3")
def clean_graphics() -> frozenset[str]:
    """Keep graphics, text annotations and overlays after what identifies was taken out."""
    return _NONE


@option("clean-pixel-data", source="PS3.15 E.3.1")
def clean_pixel_data() -> frozenset[str]:
    """Take burned-in text out of the pixels. Not available yet: a policy that asks is refused."""
    return _NONE


@option("clean-recognizable-visual-features", source="PS3.15 E.3.2")
def clean_recognizable_visual_features() -> frozenset[str]:
    """Make faces unrecognizable. Not available yet: a policy that asks for it is refused."""
    return _NONE
