"""The scale and offset that a GeoTIFF file states for its values: GDAL's metadata, tag 42112.

A stored value v means v * scale + offset. The tag is XML: <GDALMetadata> with an <Item> such as
<Item name="SCALE" sample="0" role="scale">0.1</Item> for each number; `sample` is the channel. What
is not stated is scale 1 and offset 0. Only the role counts, as in GDAL, not the name.
"""

from collections.abc import Sequence
from math import isfinite
from xml.etree import ElementTree

import numpy as np
import tifffile

from pix2pix.errors import UserError
from pix2pix.images.decoded import Scaling

_METADATA_TAG = 42112
_ROLES = ("scale", "offset")
_IDENTITY = (1.0, 0.0)


def gdal_metadata(page: tifffile.TiffPage) -> str:
    """The XML of a page; empty if it has none."""
    tag = page.tags.get(_METADATA_TAG)
    if tag is None:
        return ""
    return tag.value.decode(errors="replace") if isinstance(tag.value, bytes) else str(tag.value)


def stated_scaling(texts: Sequence[str], num_samples: int) -> Scaling | None:
    """The scale and offset of each of the samples of a page, given the XML of all pages.

    None if the stored values are the measured ones. Raises UserError if the pages differ, because
    then it is not known which channels of the image the numbers are for.
    """
    found = {_of_page(text, num_samples) for text in texts}
    if len(found) > 1:
        raise UserError(
            "has pages of unlike scales and offsets; store them as the bands of one page, or store "
            "the values that they mean, as float32"
        )
    (scaling,) = found
    return None if set(scaling) == {_IDENTITY} else scaling


def check_unscaled(scaling: Scaling | None) -> None:
    """Raise UserError if a file whose values are no measurements states a scale and offset."""
    if scaling is None:
        return
    scale, offset = next(each for each in scaling if each != _IDENTITY)
    raise UserError(
        f"states the scale {scale:g} and the offset {offset:g}, which class ids, bits, palettes "
        "and images with opacity cannot have; if they mean nothing, remove them, as with "
        "`gdal_edit.py -scale 1 -offset 0 FILE`"
    )


def measured_values(stored: np.ndarray, scaling: Scaling) -> np.ndarray:
    """Apply the scale and offset of each channel to (H, W, C); float64."""
    scales, offsets = np.array(scaling).T
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused later
        values: np.ndarray = stored * scales + offsets
    return values


def _of_page(text: str, num_samples: int) -> Scaling:
    stated = _stated(text) if text else {}
    return tuple(
        (stated.get((sample, "scale"), 1.0), stated.get((sample, "offset"), 0.0))
        for sample in range(num_samples)
    )


def _stated(text: str) -> dict[tuple[int, str], float]:
    """The stated numbers by sample and role."""
    try:
        items = list(ElementTree.fromstring(text).iter("Item"))
    except ElementTree.ParseError as error:
        raise UserError(
            f"states GDAL metadata (tag {_METADATA_TAG}) that is no XML ({error}); write the file "
            "again without this tag, or with a whole one"
        ) from None
    stated = {}
    for item in items:
        role, sample = item.get("role", "").lower(), item.get("sample", "")
        if role in _ROLES and sample.isdecimal():
            stated[int(sample), role] = _number(role, item.text or "")
    return stated


def _number(role: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not isfinite(number):
        raise UserError(f"states the {role} {text!r}, which is no finite number; correct it")
    return number
