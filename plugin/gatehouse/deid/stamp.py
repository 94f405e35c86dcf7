"""What a de-identified object says of itself (PS3.15 E.1.1; PS3.3 C.7.1.1 and C.12.1.1.7).

Patient Identity Removed, De-identification Method, De-identification Method Code Sequence, and
Longitudinal Temporal Information Modified. To what an earlier de-identification wrote, ours is
added once: its text is carried over, and so are codes of CID 7050; others are not known to be
harmless.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from gatehouse.deid.exceptions import parse_path
from gatehouse.deid.plan import Plan
from gatehouse.dicom import scan, write
from gatehouse.dicom.encodings import Encoding
from gatehouse.dicom.scan import Buffer, Element
from gatehouse.standard import dictionary
from gatehouse.standard._cid_7050 import CODES, CODING_SCHEME
from gatehouse.standard._table_e1_1 import EDITION

PATIENT_IDENTITY_REMOVED: Final = 0x00120062
DEIDENTIFICATION_METHOD: Final = 0x00120063
DEIDENTIFICATION_METHOD_CODE_SEQUENCE: Final = 0x00120064
LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED: Final = 0x00280303

_CODE_VALUE: Final = 0x00080100
_CODING_SCHEME_DESIGNATOR: Final = 0x00080102
_CODE_MEANING: Final = 0x00080104
_CODE_TAGS: Final = frozenset({_CODE_VALUE, _CODING_SCHEME_DESIGNATOR})

_LO_LENGTH_MAX: Final = 64
_METHOD_LENGTH_MAX: Final = 4096
_DATE_VRS: Final = frozenset({"DA", "DT", "TM"})


def method(plan: Plan) -> tuple[bytes, ...]:
    """Return the values of De-identification Method: profile and edition, policy and version."""
    recipe = plan.recipe
    values = [f"PS3.15 {EDITION} Basic Application Confidentiality Profile"]
    if recipe.policy:
        values.append(f"Gatehouse policy {recipe.policy} version {recipe.version}")
    else:
        values.append("Gatehouse")
    return tuple(value[:_LO_LENGTH_MAX].encode("ascii", "replace") for value in values)


def longitudinal(plan: Plan) -> str:
    """Return what was really done to dates: the options', unless the policy has exceptions."""
    for attribute in plan.recipe.attributes:
        step = parse_path(attribute.path)[-1]
        is_date = isinstance(step, int) and dictionary.vr(step) in _DATE_VRS
        if attribute.action in ("shift-date", "truncate-date"):
            return "MODIFIED"
        if is_date and plan.longitudinal == "REMOVED" and attribute.action == "keep":
            return "MODIFIED"
        if is_date and plan.longitudinal == "UNMODIFIED" and attribute.action != "keep":
            return "MODIFIED"
    return plan.longitudinal


@lru_cache(maxsize=256)
def clinical_trial_elements(
    plan: Plan, encoding: Encoding, earlier_method: bytes, earlier_codes: tuple[str, ...]
) -> bytes:
    """Return the three elements of group 0012, encoded.

    Parameters
    ----------
    earlier_method : bytes
        Value of De-identification Method in the input.
    earlier_codes : tuple of str
        See `earlier_codes`.
    """
    ours = method(plan)
    earlier = [value.strip(b" \0") for value in earlier_method.split(b"\\")]
    values = [value for value in earlier if value and value not in ours]
    text = write.text(b"\\".join([*dict.fromkeys(values), *ours]))
    codes = dict.fromkeys((*earlier_codes, *plan.method_codes))
    items = write.items(encoding, [_code(encoding, code) for code in codes])
    return (
        write.element(encoding, PATIENT_IDENTITY_REMOVED, b"CS", b"YES ")
        + write.element(encoding, DEIDENTIFICATION_METHOD, b"LO", text)
        + write.element(encoding, DEIDENTIFICATION_METHOD_CODE_SEQUENCE, b"SQ", items)
    )


@lru_cache(maxsize=256)
def longitudinal_element(plan: Plan, encoding: Encoding) -> bytes:
    """Return Longitudinal Temporal Information Modified, encoded."""
    value = write.text(longitudinal(plan).encode("ascii"))
    return write.element(encoding, LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED, b"CS", value)


def _code(encoding: Encoding, code: str) -> bytes:
    element = write.element
    return (
        element(encoding, _CODE_VALUE, b"SH", write.text(code.encode("ascii")))
        + element(encoding, _CODING_SCHEME_DESIGNATOR, b"SH", write.text(CODING_SCHEME.encode()))
        + element(encoding, _CODE_MEANING, b"LO", write.text(CODES[code].encode("ascii")))
    )


def earlier_method(data: Buffer, element: Element | None) -> bytes:
    """Return the value of De-identification Method, or nothing if it is absent or absurdly long."""
    if element is None or element.end - element.start > _METHOD_LENGTH_MAX:
        return b""
    return bytes(data[element.start : element.end])


def earlier_codes(data: Buffer, element: Element | None) -> tuple[str, ...]:
    """Return the codes of CID 7050 in De-identification Method Code Sequence, in their order."""
    if element is None:
        return ()
    found: list[str] = []
    for start, end in scan.items(data, element):
        wanted = scan.find(
            data, start, end, element.encoding, _CODE_TAGS, _CODING_SCHEME_DESIGNATOR
        )
        values = {
            tag: bytes(data[one.start : one.end]).strip(b" \0").decode("latin-1")
            for tag, one in wanted.items()
            if one.end - one.start <= _LO_LENGTH_MAX
        }
        if values.get(_CODING_SCHEME_DESIGNATOR) == CODING_SCHEME:
            found.append(values.get(_CODE_VALUE, ""))
    return tuple(dict.fromkeys(code for code in found if code in CODES))
