"""What is fuzzed: each target takes bytes, and raises if anything but a `HoldError` comes out.

A target also raises when an output is not in order: when it can't be read again, when a second pass
changes it, when the independent verification can't read what the engine wrote, or when the engine
and a plain pydicom walk of the same plan disagree.
"""

from __future__ import annotations

import signal
import warnings
from collections.abc import Callable

import pydicom
from pydicom.datadict import dictionary_VR, tag_for_keyword

from gatehouse.deid.engine import deidentify
from gatehouse.deid.plan import compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.deid.recipe import AttributeRule, Recipe
from gatehouse.deid.text.clean import clean
from gatehouse.deid.text.names import Known
from gatehouse.deid.verify import verify
from gatehouse.dicom import part10, scan
from gatehouse.dicom.code_streams import texts_of_jpeg, texts_of_jpeg_2000, texts_of_jpeg_xl
from gatehouse.dicom.video_streams import texts_of_avc, texts_of_hevc, texts_of_mpeg_2
from gatehouse.errors import HoldError, VerificationError
from support.oracle import expected, flatten

SECONDS_MAX = 5
"""For an input of a few kilobytes; it takes milliseconds. More means that time grows faster than
the input does."""

KEYS = derive_project_keys(b"k" * 32, "fuzz")
PLANS = tuple(
    compile_plan(
        Recipe("fuzz", options=frozenset(options), attributes=attributes, suspicious_pixels=pixels)
    )
    for options, attributes, pixels in (
        ((), (), "hold"),
        (
            ("retain-safe-private", "retain-modified-dates", "retain-device-identity"),
            (AttributeRule("PatientBirthDate", "truncate-date", "a", parameters={"to": "year"}),),
            "accept",
        ),
        (
            ("clean-structured-content", "clean-descriptors", "clean-graphics", "retain-uids"),
            (
                AttributeRule("PatientAge", "generalize", "b"),
                AttributeRule("AccessionNumber", "pseudonym", "c"),
                AttributeRule("(0019,{SOMEBODY},0C)", "keep", "d"),
                AttributeRule("StudyID", "replace", "e", parameters={"with": "study"}),
            ),
            "accept",
        ),
    )
)

BASIC = PLANS[0]
"""Dates that are shifted, or hashed values, change at a second pass; what the profile does, not."""

KNOWN = Known.of(["Müller^Anna Maria", "山田^太郎=やまだ^たろう"], ["MR12345"], ["Mercy Hospital"])

Target = Callable[[bytes], object]


class FindingError(AssertionError):
    """What a target reports; says what went wrong, so that a corpus file need not be opened."""


def scanner(dicom: bytes) -> int:
    """Read every element of the top level, and the items of those that are sequences."""
    count = 0
    try:
        file = part10.open_file(dicom)
        for _, element in scan.elements(file.data, file.start, file.end, file.syntax.encoding):
            count += 1
            if element.vr == b"SQ":
                count += sum(1 for _ in scan.items(file.data, element))
    except HoldError:
        pass
    return count


def engine(dicom: bytes) -> int:
    """De-identify by several plans; what comes out must pass again unchanged, and be verifiable."""
    released = 0
    for plan in PLANS:
        try:
            result = deidentify(dicom, plan, KEYS)
            output = result.to_bytes()
        except HoldError as error:
            if error.rule == "deid.unexpected":
                raise FindingError(error.reason) from error
            continue
        released += 1
        try:
            again = deidentify(output, plan, KEYS).to_bytes()
        except HoldError as error:
            raise FindingError(f"the output is held: {error}") from error
        if again != output and plan is BASIC:
            raise FindingError("a second pass changes the output")
        try:
            verify(dicom, result, plan, KEYS)
        except VerificationError as error:
            is_hold = error.rule in ("verify.residual-identifier", "verify.unreadable")
            if not is_hold and not _is_in_value(error):
                raise FindingError(f"the output is not as it should be: {error}") from error
            if error.rule == "verify.unreadable" and "the output" in error.reason:
                raise FindingError(f"the verification: {error}") from error
    return released


def _is_in_value(error: VerificationError) -> bool:
    """Tell if the verification read items in a value that only begins like a sequence."""
    keyword, is_inner, _ = error.path.partition("/")
    tag = tag_for_keyword(keyword.partition("[")[0])
    return bool(is_inner) and tag is not None and dictionary_VR(tag) != "SQ"


_ITEM = b"\xfe\xff\x00\xe0"
"""What has no length is a sequence, whatever its tag (PS3.5 section 6.2.2); to pydicom it is one
only where its dictionary says so, and else a value that begins like an item."""


def differential(dicom: bytes) -> int:
    """Compare the engine with a plain pydicom walk of the same plan."""
    compared = 0
    for plan in PLANS:
        try:
            output = deidentify(dicom, plan, KEYS).to_bytes()
        except HoldError:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                theirs = expected(dicom, plan, KEYS)
            except Exception:  # noqa: BLE001, S112 pydicom does not read all that we read
                continue
            ours = flatten(output)
        different = sorted(
            (path for path in {*ours, *theirs} if ours.get(path) != theirs.get(path)), key=str
        )
        different = [one for one in different if not _is_item(theirs.get(one))]
        if different:
            places = ["/".join(f"{part:08x}" for part in path) for path in different[:3]]
            raise FindingError(f"the engine and the oracle differ at {places}")
        compared += 1
    return compared


def _is_item(value: object) -> bool:
    return isinstance(value, bytes) and value.startswith(_ITEM)


_READERS = (
    *(texts_of_jpeg, texts_of_jpeg_2000, texts_of_jpeg_xl),
    *(texts_of_mpeg_2, texts_of_avc, texts_of_hevc),
)


def streams(raw: bytes) -> int:
    """Look for text in compressed images; once it is overwritten, the same places are found."""
    found = 0
    for texts_of in _READERS:
        try:
            stretches = texts_of(raw)
        except HoldError:
            continue
        blanked = bytearray(raw)
        for start, end in stretches:
            if not 0 <= start <= end <= len(raw):
                raise FindingError("a stretch is outside of the image")
            blanked[start:end] = b" " * (end - start)
        try:
            again = texts_of(bytes(blanked))
        except HoldError as error:
            raise FindingError(f"an image without its text is held: {error}") from error
        if again != stretches:
            raise FindingError("without its text, an image has its text elsewhere")
        found += len(stretches)
    return found


def text(raw: bytes) -> str:
    """Clean a text; a second time nothing may change."""
    once = clean(raw.decode("utf-8", "replace"), KNOWN, mark=False)
    if "muller" in once.lower() or "müller" in once.lower():
        words = "".join(letter if letter.isalnum() else " " for letter in once.lower()).split()
        if {"muller", "müller"} & set(words):
            raise FindingError("a known name is left")
    return once


TARGETS: dict[str, Target] = {
    "scanner": scanner,
    "engine": engine,
    "differential": differential,
    "streams": streams,
    "text": text,
}


def timed(target: Target) -> Target:
    """Return a target that also raises if it takes too long.

    What counts is the time of the processor: a machine that stands still is no finding.
    """

    def stop(*_: object) -> None:
        raise FindingError(f"an input took more than {SECONDS_MAX} seconds")

    def run(dicom: bytes) -> object:
        before = signal.signal(signal.SIGPROF, stop)
        signal.setitimer(signal.ITIMER_PROF, SECONDS_MAX)
        try:
            return target(dicom)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)

    return run


pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
