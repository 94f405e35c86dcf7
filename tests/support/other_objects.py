"""Small valid objects without an image: those of which the Basic Profile removes the contents."""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset

from support.dicom_builder import INSTANCE_UID, SERIES_UID, STUDY_UID, dataset

ENCAPSULATED_PDF_STORAGE = "1.2.840.10008.5.1.4.1.1.104.1"
PRESENTATION_STATE_STORAGE = "1.2.840.10008.5.1.4.1.1.11.1"
BASIC_TEXT_SR_STORAGE = "1.2.840.10008.5.1.4.1.1.88.11"
KEY_OBJECT_SELECTION_STORAGE = "1.2.840.10008.5.1.4.1.1.88.59"
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
OTHER_INSTANCE_UID = f"{INSTANCE_UID}.7"

_COMMON: dict[str, Any] = {
    "SpecificCharacterSet": "ISO_IR 100",
    "SOPInstanceUID": INSTANCE_UID,
    "StudyDate": "20240229",
    "StudyTime": "101112",
    "SeriesDate": "20240229",
    "SeriesTime": "101112",
    "ContentDate": "20240229",
    "ContentTime": "101112",
    "AccessionNumber": "ACC4711",
    "Manufacturer": "Imaginary Scanners",
    "ReferringPhysicianName": "Referrer^Rita",
    "PatientName": "Example^Jane^Q",
    "PatientID": "PAT-0815",
    "PatientBirthDate": "19700131",
    "PatientSex": "F",
    "StudyInstanceUID": STUDY_UID,
    "SeriesInstanceUID": SERIES_UID,
    "StudyID": "STUDY77",
    "SeriesNumber": "3",
    "InstanceNumber": "1",
}


def code(value: str, scheme: str, meaning: str) -> dict[str, str]:
    """Return the attributes of a code."""
    return {"CodeValue": value, "CodingSchemeDesignator": scheme, "CodeMeaning": meaning}


def encapsulated_pdf() -> Dataset:
    """Return a PDF that names the patient."""
    document = b"%PDF-1.4\n% Example^Jane^Q\n%%EOF\n"
    return dataset(
        **_COMMON,
        SOPClassUID=ENCAPSULATED_PDF_STORAGE,
        Modality="DOC",
        ConversionType="WSD",
        AcquisitionDateTime="20240229101112",
        BurnedInAnnotation="YES",
        DocumentTitle="Report on Jane Example",
        ConceptNameCodeSequence=[code("18748-4", "LN", "Diagnostic Imaging Report")],
        MIMETypeOfEncapsulatedDocument="application/pdf",
        EncapsulatedDocumentLength=len(document),
        EncapsulatedDocument=document,
    )


def _image_reference() -> dict[str, str]:
    return {
        "ReferencedSOPClassUID": CT_IMAGE_STORAGE,
        "ReferencedSOPInstanceUID": OTHER_INSTANCE_UID,
    }


def presentation_state() -> Dataset:
    """Return a Grayscale Softcopy Presentation State with a text beside the image."""
    text = {
        "AnchorPointAnnotationUnits": "PIXEL",
        "UnformattedTextValue": "Jane Example: nodule",
        "AnchorPoint": [3.0, 4.0],
        "AnchorPointVisibility": "Y",
    }
    return dataset(
        **_COMMON,
        SOPClassUID=PRESENTATION_STATE_STORAGE,
        Modality="PR",
        ContentLabel="FINDINGS",
        ContentDescription="nodule of Jane Example",
        PresentationCreationDate="20240229",
        PresentationCreationTime="101500",
        ContentCreatorName="Reader^Rob",
        ReferencedSeriesSequence=[
            {
                "SeriesInstanceUID": f"{SERIES_UID}.1",
                "ReferencedImageSequence": [_image_reference()],
            }
        ],
        DisplayedAreaSelectionSequence=[
            {
                "DisplayedAreaTopLeftHandCorner": [1, 1],
                "DisplayedAreaBottomRightHandCorner": [16, 16],
                "PresentationSizeMode": "SCALE TO FIT",
                "PresentationPixelAspectRatio": [1, 1],
            }
        ],
        GraphicLayerSequence=[{"GraphicLayer": "TEXT", "GraphicLayerOrder": 1}],
        GraphicAnnotationSequence=[{"GraphicLayer": "TEXT", "TextObjectSequence": [text]}],
        PresentationLUTShape="IDENTITY",
    )


def _document(sop_class: str, modality: str, title: dict[str, str], content: Any) -> Dataset:
    return dataset(
        **_COMMON,
        SOPClassUID=sop_class,
        Modality=modality,
        ReferencedPerformedProcedureStepSequence=[],
        ValueType="CONTAINER",
        ConceptNameCodeSequence=[title],
        ContinuityOfContent="SEPARATE",
        CurrentRequestedProcedureEvidenceSequence=[
            {
                "StudyInstanceUID": STUDY_UID,
                "ReferencedSeriesSequence": [
                    {
                        "SeriesInstanceUID": f"{SERIES_UID}.1",
                        "ReferencedSOPSequence": [_image_reference()],
                    }
                ],
            }
        ],
        ContentSequence=content,
    )


def _content_image() -> dict[str, Any]:
    return {
        "RelationshipType": "CONTAINS",
        "ValueType": "IMAGE",
        "ReferencedSOPSequence": [_image_reference()],
    }


def report() -> Dataset:
    """Return a Basic Text SR, verified, with a text and an image reference."""
    text = {
        "RelationshipType": "CONTAINS",
        "ValueType": "TEXT",
        "ConceptNameCodeSequence": [code("121071", "DCM", "Finding")],
        "TextValue": "Jane Example has a nodule",
    }
    title = code("11528-7", "LN", "Radiology Report")
    result = _document(BASIC_TEXT_SR_STORAGE, "SR", title, [text, _content_image()])
    result.CompletionFlag = "COMPLETE"
    result.VerificationFlag = "VERIFIED"
    result.PerformedProcedureCodeSequence = []
    observer = {
        "VerifyingOrganization": "Hospital of Nowhere",
        "VerificationDateTime": "20240229101112",
        "VerifyingObserverName": "Reader^Rob",
        "VerifyingObserverIdentificationCodeSequence": [],
    }
    result.VerifyingObserverSequence = [dataset(**observer)]
    return result


def key_object_selection() -> Dataset:
    """Return a Key Object Selection of one image."""
    title = code("113000", "DCM", "Of Interest")
    return _document(KEY_OBJECT_SELECTION_STORAGE, "KO", title, [_content_image()])
