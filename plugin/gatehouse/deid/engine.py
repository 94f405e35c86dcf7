"""The engine: a DICOM file and a plan in, a de-identified DICOM file and its changes out.

``deidentify`` is pure and deterministic: the same bytes, plan and keys give the same bytes. What is
not understood raises a `HoldError`; there is no partial result. Pixel Data is never copied.
"""

from __future__ import annotations

import re
from typing import Final

from gatehouse.deid import code_streams, offset_tables, overlays, pixel_lengths, pixels, stamp
from gatehouse.deid.actions import PATIENT_ID, pseudonym
from gatehouse.deid.changes import Changes
from gatehouse.deid.editor import BEFORE_FIRST, Editor
from gatehouse.deid.forward import forward
from gatehouse.deid.instance import STUDY_INSTANCE_UID, Instance
from gatehouse.deid.known_values import NOTHING, KnownValues
from gatehouse.deid.levels import (
    SERIES_INSTANCE_UID,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    Level,
    root,
)
from gatehouse.deid.model import Change, Deidentified, ProjectKeys
from gatehouse.deid.output import assemble
from gatehouse.deid.plan import Plan
from gatehouse.dicom import part10, scan, write
from gatehouse.dicom.encodings import FIRST_DELIMITER, PIXEL_DATA, UNDEFINED
from gatehouse.dicom.part10 import File
from gatehouse.dicom.scan import Buffer
from gatehouse.errors import DeidentificationError, HoldError, ScanError

_NOTED_LENGTH_MAX: Final = 4096
"""Bytes of an attribute by which images are judged; a longer one is read up to here."""

_DIRECTORY_GROUP: Final = 4
_UID_LENGTH_MAX: Final = 64
_UID = re.compile(r"[0-9.]{1,64}")

_META_CHANGE = Change("MediaStorageSOPInstanceUID", "U", "profile", 0)
_PATIENT_ID_CHANGE = Change("PatientID", "D", "stamp", 0)
_CLINICAL_TRIAL_CHANGES = (
    Change("PatientIdentityRemoved", "D", "stamp", 0),
    Change("DeidentificationMethod", "D", "stamp", 0),
    Change("DeidentificationMethodCodeSequence", "D", "stamp", 0),
)
_LONGITUDINAL_CHANGE = Change("LongitudinalTemporalInformationModified", "D", "stamp", 0)


def deidentify(
    dicom: Buffer, plan: Plan, keys: ProjectKeys, known: KnownValues = NOTHING
) -> Deidentified:
    """De-identify one instance.

    Parameters
    ----------
    dicom : bytes or memoryview
        A DICOM file (PS3.10); a memoryview of a mapped file keeps the memory small.
    plan : Plan
        The policy's recipe, compiled.
    keys : ProjectKeys
        The keys of the recipe's project.
    known : KnownValues, optional
        What other instances of the study say of persons, for a plan that cleans texts: it is
        taken out together with what this instance says.

    Returns
    -------
    Deidentified
        Its chunks are views of ``dicom`` where they are long, so ``dicom`` must outlive it.

    Raises
    ------
    HoldError
        `ScanError` if the file can't be read safely; `DeidentificationError` if the plan can't be
        carried out, or if the image may carry burned-in text.

    Notes
    -----
    Source: PS3.15 E.1.1.
    """
    try:
        if plan.recipe.profile == "none":
            return forward(dicom)
        return _deidentify(dicom, plan, keys, known)
    except HoldError:
        raise
    except Exception as error:  # noqa: BLE001 whatever it is, nothing may leave
        raise DeidentificationError(
            "deid.unexpected", f"the engine failed with {type(error).__name__}"
        ) from None


def _deidentify(dicom: Buffer, plan: Plan, keys: ProjectKeys, known: KnownValues) -> Deidentified:
    file = part10.open_file(dicom)
    sop_class_uid = _sop_class_uid(file)
    top = root(plan, plan.for_sop_class(sop_class_uid)).top
    keeps = "retain-patient-characteristics" in plan.recipe.options
    instance = Instance(
        file,
        keys,
        known,
        keeps_characteristics=keeps,
        preserves_weekday=plan.recipe.preserves_weekday,
    )
    editor = Editor(instance)
    editor.changes.append(_META_CHANGE)
    _edit(editor, plan, top)
    _check_pixel_data(instance)
    pixel_lengths.hold_missing(instance)
    overlays.hold_embedded(instance)
    found = instance.notes.get(PIXEL_DATA)
    if found is not None and file.syntax.is_encapsulated:
        code_streams.hold_container(file.data, found.start, found.end, file.syntax.uid)
    if plan.recipe.suspicious_pixels == "hold":
        pixels.hold_suspicious(_pixel_values(instance))
    return _result(editor, sop_class_uid)


def _sop_class_uid(file: File) -> str:
    """Return the SOP Class UID of the data set, on which the rules of all elements depend."""
    encoding = file.syntax.encoding
    found = None
    for tag, element in scan.elements(file.data, file.start, file.end, encoding):
        if tag >> 16 == _DIRECTORY_GROUP:
            raise ScanError("dicom.dicomdir", "it is a DICOMDIR, not an instance of a study")
        if tag >= SOP_CLASS_UID:
            found = element if tag == SOP_CLASS_UID else None
            break
    if found is None or found.end - found.start > _UID_LENGTH_MAX:
        raise ScanError("dicom.incomplete", "it has no SOP Class UID")
    uid = _text(bytes(file.data[found.start : found.end]))
    if not _UID.fullmatch(uid):
        raise ScanError("dicom.incomplete", "it has no SOP Class UID")
    return uid


def _edit(editor: Editor, plan: Plan, top: Level) -> None:
    """Edit the whole data set, and insert what it must have, each at its place."""
    instance, edits, changes = editor.instance, editor.edits, editor.changes
    file = instance.file
    encoding = file.syntax.encoding
    position, previous = file.start, BEFORE_FIRST

    def read_up_to(stop: int) -> None:
        nonlocal position, previous
        position, _, previous = editor.data_set(
            position, file.end, top, encoding, previous=previous, stop=stop
        )

    read_up_to(PATIENT_ID + 1)
    entry = top[PATIENT_ID]
    if PATIENT_ID not in instance.notes and entry.action is pseudonym:
        instance.position = position
        new = write.text(instance.patient_pseudonym().encode("ascii"))
        instance.results[PATIENT_ID] = new
        edits.append((position, position, write.element(encoding, PATIENT_ID, b"LO", new)))
        changes.append(_PATIENT_ID_CHANGE)

    read_up_to(stamp.PATIENT_IDENTITY_REMOVED)
    slot, stamp_position = len(edits), position
    edits.append(None)
    changes.extend(_CLINICAL_TRIAL_CHANGES)
    read_up_to(stamp.LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED)
    edits[slot] = (
        stamp_position,
        stamp_position,
        stamp.clinical_trial_elements(
            plan,
            encoding,
            stamp.earlier_method(file.data, instance.notes.get(stamp.DEIDENTIFICATION_METHOD)),
            stamp.earlier_codes(
                file.data, instance.notes.get(stamp.DEIDENTIFICATION_METHOD_CODE_SEQUENCE)
            ),
        ),
    )
    edits.append((position, position, stamp.longitudinal_element(plan, encoding)))
    changes.append(_LONGITUDINAL_CHANGE)
    read_up_to(FIRST_DELIMITER)


def _check_pixel_data(instance: Instance) -> None:
    """Hold Pixel Data that is not as the transfer syntax says (PS3.5 sections 8.2 and A.4)."""
    found = instance.notes.get(PIXEL_DATA)
    if found is None:
        return
    file = instance.file
    (length,) = file.syntax.encoding.u32(file.data, found.start - 4)
    if (length == UNDEFINED) is not file.syntax.is_encapsulated:
        raise ScanError(
            "dicom.pixel-data", "Pixel Data is not encoded as the transfer syntax says", "PixelData"
        )
    offset_tables.hold_extended(instance, found.end - found.start)


def _pixel_values(instance: Instance) -> dict[int, str]:
    """Return the values by which `pixels` judges."""
    data = instance.file.data
    return {
        tag: bytes(data[found.start : min(found.end, found.start + _NOTED_LENGTH_MAX)]).decode(
            "latin-1"
        )
        for tag, found in instance.notes.items()
        if tag in pixels.TAGS
    }


def _result(editor: Editor, sop_class_uid: str) -> Deidentified:
    """Put the output together."""
    instance = editor.instance
    file = instance.file
    study, series, sop_instance = (
        _new_uid(instance, tag, name)
        for tag, name in (
            (STUDY_INSTANCE_UID, "Study Instance UID"),
            (SERIES_INSTANCE_UID, "Series Instance UID"),
            (SOP_INSTANCE_UID, "SOP Instance UID"),
        )
    )
    head = part10.head(sop_class_uid, sop_instance, file.syntax.uid)
    if file.syntax.is_deflated:
        data_set = b"".join(assemble(b"", file.data, file.start, file.end, editor.edits))
        chunks: list[bytes | memoryview] = [head, part10.deflate(data_set)]
    else:
        chunks = assemble(head, file.data, file.start, file.end, editor.edits)
    return Deidentified(
        chunks=chunks,
        changes=Changes(editor.changes),
        sop_instance_uid_old=_text(instance.value(SOP_INSTANCE_UID)),
        sop_instance_uid_new=sop_instance,
        series_instance_uid_new=series,
        study_instance_uid_new=study,
        patient_id_new=_text(instance.results.get(PATIENT_ID, instance.value(PATIENT_ID))),
    )


def _new_uid(instance: Instance, tag: int, name: str) -> str:
    """Return a UID that the output must have."""
    new = _text(instance.results[tag] if tag in instance.results else instance.value(tag))
    if _UID.fullmatch(new):
        return new
    if not _text(instance.value(tag)):
        raise ScanError("dicom.incomplete", f"it has no {name}")
    raise DeidentificationError("deid.incomplete", f"the policy leaves no valid {name}")


def _text(value: bytes) -> str:
    return value.decode("latin-1").strip(" \0")
