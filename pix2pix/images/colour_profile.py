"""The ICC profile of a file, which says what colours its numbers mean. Only its name is read."""

import io
from functools import lru_cache

from PIL import ImageCms

ICC_TAG = 34675  # of TIFF files
_UNNAMED = "a profile without a name"
_NAMES_OF_SRGB = ("c2", "c2ci")  # small profiles that web sites write


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
