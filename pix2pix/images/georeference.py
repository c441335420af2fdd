"""The georeference of a GeoTIFF file: the tags that say where on the earth its pixels lie.

The tags are those of OGC 19-008r4, sec. 7. They are copied as they are to translated images, which
have the same pixels' positions.
"""

from collections.abc import Sequence
from pathlib import Path

import tifffile

from pix2pix.images.decoded import DAMAGED
from pix2pix.images.orientation import ORIENTATION_TAG, UPRIGHT

# Pixel scale, tie points, transformation; directory, numbers and texts of the geographic keys.
_TAGS = (33550, 33922, 34264, 34735, 34736, 34737)
_SUFFIXES = (".tif", ".tiff")

# Code, dtype, number of values, values, and whether only the first page has the tag: an entry of
# `extratags` of tifffile.
Tag = tuple[int, int, int, object, bool]


def georeference(path: Path) -> Sequence[Tag]:
    """The tags of a GeoTIFF file; none for other files, and for files that cannot be read.

    Files whose pixels reading turns (tag 274) have none either: the tags would not fit any more.
    """
    if path.suffix.lower() not in _SUFFIXES:
        return ()
    try:
        with tifffile.TiffFile(path) as file:
            tags = file.pages.first.tags
            turn = tags.get(ORIENTATION_TAG)
            if turn is not None and turn.value != UPRIGHT:
                return ()
            found = [tags[code] for code in _TAGS if code in tags]
            return [(tag.code, int(tag.dtype), tag.count, tag.value, True) for tag in found]
    except DAMAGED:
        return ()  # reading the pixels says what is wrong
