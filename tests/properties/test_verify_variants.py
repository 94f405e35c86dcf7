"""Goal: an identifying value is found however somebody has written it into another attribute.

Method: a CT of a made-up patient; one kept attribute holds one of the values in another writing.
The engine keeps it, and the verification must hold the object. The same for what only looks alike,
which must leave.
"""

from __future__ import annotations

import pytest

from gatehouse.deid.engine import deidentify
from gatehouse.deid.verify import verify
from gatehouse.errors import VerificationError
from support.dicom_builder import ct, to_bytes
from support.leaks import keys, plan

PATIENT = {
    "SpecificCharacterSet": "ISO_IR 192",
    "PatientName": "Quimby-Jones^Quentin Xavier=Иванова^Ольга",
    "PatientID": "PAT-0815-77",
    "PatientBirthDate": "19700131",
    "PatientTelephoneNumbers": "+41 44 255 11 11",
    "PatientAddress": "17 Maple Grove Road, 8001 Springfield",
    "OtherPatientIDs": "998877665",
    "AccessionNumber": "ACC4711X",
    "ReferringPhysicianName": "Vandermeulen^Rita",
}


def _check(**attributes: str) -> None:
    original = to_bytes(ct(rows=2, columns=2, **(PATIENT | attributes)))
    by = plan()
    verify(original, deidentify(original, by, keys()), by, keys())


@pytest.mark.parametrize(
    "written",
    [
        *(
            "of Quimby",
            "JONES",
            "quentin",
            "XAVIER",
            "CT_Quimby_1",
            "QUENTINQUIMBYJONES",
            "Ivanova",
        ),
        *("PAT081577", "pat 0815 77", "Pat.0815.77", "998 877 665", "acc-4711-x", "acc4711x"),
        *("1970-01-31", "31.01.1970", "01/31/1970", "31 Jan 1970", "Jan 31, 1970"),
        *("0041442551111", "044 255 11 11", "(044) 255-11-11", "442551111"),
        *("17 Maple Grove Road", "Maple Grove Road 17", "maple grove road", "8001 Springfield"),
        *("vandermeulen", "1.2.826.0.1.3680043.8.498.1001"),
    ],
)
def test_a_value_of_the_original_is_found_however_it_is_written(written: str) -> None:
    with pytest.raises(VerificationError) as held:
        _check(ContrastBolusRoute=written)

    assert held.value.path == "ContrastBolusRoute"
    assert written not in str(held.value)


@pytest.mark.parametrize(
    "written",
    [
        *("iv", "ORAL", "IV antecubital, 20G", "quimbination", "0815", "1970", "31.01.1971"),
        *("17", "Road", "grove", "255 11", "8001", "4.7.11", "pat"),
    ],
)
def test_what_only_looks_alike_may_leave(written: str) -> None:
    _check(ContrastBolusRoute=written)


def test_a_telephone_number_is_no_name_of_a_maker() -> None:
    with pytest.raises(VerificationError):
        _check(ManufacturerModelName="call +41 44 255 11 11")
