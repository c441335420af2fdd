"""What a file states about the colours that its numbers mean. It is only named, never applied.

Most files that state it have an ICC profile. Cameras that are set to Adobe RGB state it by EXIF
alone, and PNG files may have the chunks cICP, as frames of HDR films have it, or gAMA.
"""

import io
from functools import lru_cache

from PIL import Image, ImageCms

from pix2pix.images.decoded import DAMAGED

ICC_TAG = 34675  # of TIFF files
_UNNAMED = "a profile without a name"
_NAMES_OF_SRGB = ("c2", "c2ci")  # small profiles that web sites write

# Of EXIF (CIPA DC-008): two folders of tags, and tags with the values of Adobe RGB.
_EXIF_FOLDER, _INTEROPERABILITY_FOLDER = 0x8769, 0xA005
_COLOUR_SPACE, _ADOBE_COLOUR_SPACE = 0xA001, 2  # not in the standard, but some cameras write 2
_INDEX, _ADOBE_INDEX = 1, "R03"

_USUAL_GAMMA = 1 / 2.2
_GAMMA_TOLERANCE = 0.05  # of the usual one, within which the difference is not seen
# Of cICP (ITU-T H.273): the primaries of sRGB, and the curves that are its own or close to it.
_BT709_PRIMARIES, _USUAL_CURVES = 1, (1, 6, 13, 14, 15)


def stated_profile(picture: Image.Image, cicp: bytes | None) -> str | None:
    """The name of what a picture states about its colours; None if it states nothing unusual.

    `cicp` is the content of the chunk cICP of a PNG file, which has precedence.
    """
    if cicp is not None and len(cicp) == 4:
        primaries, curve = cicp[0], cicp[1]
        is_usual = primaries == _BT709_PRIMARIES and curve in _USUAL_CURVES
        return None if is_usual else f"primaries {primaries} and curve {curve} of ITU-T H.273"
    name = profile_name(picture.info.get("icc_profile"))
    if name is not None:
        return name
    if _is_adobe_by_exif(picture):
        return "Adobe RGB by EXIF"
    gamma = picture.info.get("gamma")
    if gamma and "srgb" not in picture.info and abs(gamma / _USUAL_GAMMA - 1) > _GAMMA_TOLERANCE:
        return f"gamma {gamma:g}"
    return None


def profile_name(profile: object) -> str | None:
    """The description that a profile states about itself; None if there are no bytes of one."""
    return _described(profile) if isinstance(profile, bytes) and profile else None


def is_srgb(name: str) -> bool:
    """Whether a profile is that of files without one, by its name."""
    return "srgb" in name.lower() or name.lower() in _NAMES_OF_SRGB


@lru_cache(maxsize=16)  # most files of a set have the same one, and reading it takes 0.2 ms
def _described(profile: bytes) -> str:
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = ImageCms.getProfileDescription(opened)
    except (OSError, ImageCms.PyCMSError):
        return _UNNAMED
    return " ".join(name.split()) or _UNNAMED


def _is_adobe_by_exif(picture: Image.Image) -> bool:
    try:
        exif = picture.getexif()
        space = exif.get_ifd(_EXIF_FOLDER).get(_COLOUR_SPACE)
        index = exif.get_ifd(_INTEROPERABILITY_FOLDER).get(_INDEX)
    except DAMAGED:
        return False  # the pixels are sound all the same
    return space == _ADOBE_COLOUR_SPACE or str(index).startswith(_ADOBE_INDEX)
