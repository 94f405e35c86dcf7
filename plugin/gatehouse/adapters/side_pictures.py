"""Draws images for the preview: before and after, with window and level. In a child process.

What is drawn is what a viewer shows: Modality LUT, window (PS3.3 C.11.2), and colour as RGB. Large
images are made smaller. Nothing is stored, and nothing is measured on these pictures.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any, Final

from gatehouse.adapters.keys import read_key_file
from gatehouse.adapters.side_tasks import PreviewRequest, StudyToAsk, facts_of, source_of_study
from gatehouse.adapters.side_work import SideSetup
from gatehouse.deid.engine import deidentify
from gatehouse.deid.plan import compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.errors import PolicyError
from gatehouse.policy.decide import attributes_of, decide
from gatehouse.policy.explain import known_values
from gatehouse.policy.model import Origin, Pack, Policy

EDGE_MAX: Final = 768
"""Longest edge of a picture, in pixels."""

PIXELS_MAX: Final = 64 << 20
"""Samples of one frame; beyond that no picture is drawn."""

PICTURES_BYTES_MAX: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """Which image is to be drawn.

    Parameters
    ----------
    policies : Pack or Policy or None
        None: as it came. Else as it would leave.
    centre, width : float or None
        The window; None: that of the image, or one in which all its values fit.
    """

    policies: Pack | Policy | None
    study: StudyToAsk
    instance: str
    frame: int
    centre: float | None
    width: float | None


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, and what the sliders need."""

    png: bytes = field(repr=False)
    frames: int = 1
    centre: float = 0.0
    width: float = 0.0
    lowest: float = 0.0
    highest: float = 0.0
    is_colour: bool = False

    def about(self) -> str:
        """Return all but the picture, as JSON."""
        return json.dumps(
            {
                "frames": self.frames,
                "centre": round(self.centre, 1),
                "width": round(self.width, 1),
                "lowest": round(self.lowest, 1),
                "highest": round(self.highest, 1),
                "isColour": self.is_colour,
            }
        )


def draw(setup: SideSetup, request: PictureRequest) -> Picture:
    """Draw an image. Raises ``PolicyError`` with what to tell the person who asked."""
    asked = PreviewRequest(
        policies=request.policies or Pack((), ""),
        study=request.study,
        uploads=(),
        origin=Origin(),
        instances_max=1,
        show_values=True,
    )
    read, instances = source_of_study(setup, asked)
    dicom = read(request.instance)
    if request.policies is not None:
        policy = _policy(request.policies, instances, read)
        keys = derive_project_keys(read_key_file(setup.key_file), policy.recipe.project)
        plan = compile_plan(policy.recipe)
        known = known_values(plan, (read(one) for one, _ in instances))
        dicom = deidentify(dicom, plan, keys, known).to_bytes()
    return draw_file(dicom, request)


def _policy(policies: Pack | Policy, instances: Any, read: Any) -> Policy:
    if isinstance(policies, Policy):
        return policies
    names = attributes_of(policies)
    facts = [facts_of(one, origin, read(one), names) for one, origin in instances]
    found = decide(policies, facts).policy
    if found is None:
        raise PolicyError("no policy is for this study, so nothing would leave")
    return found


def draw_file(dicom: bytes, request: PictureRequest) -> Picture:
    """Draw an image of a DICOM file; raises as ``draw`` does."""
    # Here, because only this child needs them.
    import numpy as np
    import pydicom
    from PIL import Image
    from pydicom.pixels.processing import apply_modality_lut, convert_color_space
    from pydicom.pixels.utils import pixel_array

    dataset = pydicom.dcmread(io.BytesIO(dicom))
    if "PixelData" not in dataset:
        raise PolicyError("this instance holds no image")
    frames = int(dataset.get("NumberOfFrames", 1) or 1)
    rows, columns = int(dataset.get("Rows", 0)), int(dataset.get("Columns", 0))
    if rows * columns * int(dataset.get("SamplesPerPixel", 1)) > PIXELS_MAX:
        raise PolicyError("this image is too large to be drawn here")
    frame = min(max(0, request.frame), frames - 1)
    try:
        pixels = pixel_array(dataset, index=frame)
    except Exception as error:  # noqa: BLE001  decoders raise whatever they like
        # The texts of these libraries may quote values.
        raise PolicyError(f"this image can't be decoded here ({type(error).__name__})") from None
    if pixels.ndim == 3:
        interpretation = str(dataset.get("PhotometricInterpretation", "RGB"))
        if interpretation.startswith("YBR") and not _is_rgb_already(dataset):
            pixels = convert_color_space(pixels, interpretation, "RGB")
        image = Image.fromarray(np.asarray(pixels, dtype=np.uint8))
        return Picture(_png(image), frames, is_colour=True)
    values = np.asarray(apply_modality_lut(pixels, dataset), dtype=np.float64)
    lowest, highest = float(values.min()), float(values.max())
    centre, width = _window(dataset, lowest, highest)
    centre = centre if request.centre is None else request.centre
    width = max(1.0, width if request.width is None else request.width)
    # PS3.3 C.11.2.1.2, linear.
    grey = np.clip((values - (centre - 0.5)) / max(width - 1, 1) + 0.5, 0, 1) * 255
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        grey = 255 - grey
    picture = _png(Image.fromarray(grey.astype(np.uint8)))
    return Picture(picture, frames, centre, width, lowest, highest)


def _is_rgb_already(dataset: Any) -> bool:
    # Decoders of JPEG and JPEG 2000 give RGB for the colour transforms of these standards.
    syntax = dataset.file_meta.TransferSyntaxUID
    return bool(syntax.is_compressed) and str(syntax) != "1.2.840.10008.1.2.5"


def _window(dataset: Any, lowest: float, highest: float) -> tuple[float, float]:
    found = []
    for keyword in ("WindowCenter", "WindowWidth"):
        value = dataset.get(keyword)
        first = value[0] if isinstance(value, list | tuple) or hasattr(value, "append") else value
        try:
            found.append(float(first))
        except (TypeError, ValueError):
            break
    if len(found) == 2 and found[1] >= 1:
        return found[0], found[1]
    return (lowest + highest) / 2, max(1.0, highest - lowest)


def _png(image: Any) -> bytes:
    image.thumbnail((EDGE_MAX, EDGE_MAX))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
