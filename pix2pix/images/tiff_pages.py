"""Open a TIFF file, and find out whether all its pages are there; tifffile leaves out others."""

import logging
import struct
from collections.abc import Sequence
from math import prod
from typing import IO

import tifffile

from pix2pix.errors import UserError
from pix2pix.images.decoded import check_num_values
from pix2pix.images.jpeg_markers import JPEG_END
from pix2pix.plural import counted

_BIG_TIFF = 43  # the version that a header of BigTIFF states, whose offsets have 64 bits
# JPEG and JPEG 2000, whose pixels end with the same marker.
_ENDS_MARKED = (
    tifffile.COMPRESSION.JPEG,
    tifffile.COMPRESSION.JPEG2000,
    tifffile.COMPRESSION.APERIO_JP2000_YCBC,
    tifffile.COMPRESSION.APERIO_JP2000_RGB,
)


def open_tiff(file: IO[bytes]) -> tifffile.TiffFile:
    """Open a file. Raises what tifffile raises."""
    # tifffile logs what is wrong with a damaged file, and raises an exception with it as well.
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    return tifffile.TiffFile(file)


def check_page_chain(file: IO[bytes]) -> None:
    """Raise UserError if a page is said to lie beyond the end of the file.

    Each page of a TIFF file states where the next one is. A chain that leads back to an earlier
    page is left to tifffile. Raises struct.error if there is no whole header.
    """
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    is_big = struct.unpack_from(f"{order}H", head, 2)[0] == _BIG_TIFF
    offset_format, count_format, entry_bytes = ("Q", "Q", 20) if is_big else ("I", "H", 12)
    (offset,) = struct.unpack_from(order + offset_format, head, 8 if is_big else 4)
    seen = set()
    while offset and offset not in seen:
        seen.add(offset)
        if offset >= size:
            raise _cut_off(len(seen) - 1)
        file.seek(offset)
        count_bytes = file.read(struct.calcsize(order + count_format))
        (num_entries,) = struct.unpack(order + count_format, count_bytes)
        file.seek(offset + len(count_bytes) + num_entries * entry_bytes)
        next_bytes = file.read(struct.calcsize(order + offset_format))
        if len(next_bytes) < struct.calcsize(order + offset_format):
            raise _cut_off(len(seen) - 1)
        (offset,) = struct.unpack(order + offset_format, next_bytes)
    file.seek(0)


def check_series(file: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> None:
    """Raise UserError if the description of a file names pages that it does not hold.

    ImageJ describes a stack beside a single page, OME one whose pages may lie in other files.
    """
    num_missing = sum(page is None for page in series.pages)
    if file.is_imagej and file.imagej_metadata is not None:
        num_images = int(file.imagej_metadata.get("images", 1))
        num_missing += max(0, num_images - series.size // series.keyframe.size)
    if num_missing:
        raise UserError(
            f"it describes {num_missing} more pages than it holds; they may lie in other files"
        )


def check_pages(pages: Sequence[tifffile.TiffPage], num_bytes: int) -> None:
    """Raise UserError if the file is cut short or states an impossible size.

    tifffile itself pads a truncated JPEG silently, takes one that zeros fill up for whole, and
    spends minutes on billions of tiles that a damaged header states.
    """
    stated = f"{counted(len(pages), 'page')} of the shape {pages[0].shape}"
    check_num_values(sum(page.size for page in pages), stated)
    for page in pages:
        if page.is_tiled:  # each tile is decoded as a whole, whatever the size of the image
            num_values = prod(page.tile or ()) * page.samplesperpixel
            check_num_values(num_values, f"tiles of the shape {page.tile}")
    end = max(
        offset + length
        for page in pages
        for offset, length in zip(page.dataoffsets, page.databytecounts, strict=True)
    )
    if end > num_bytes:
        raise UserError("its pixels end beyond the end of the file")
    for page in pages:
        _check_places(page)
        if page.compression in _ENDS_MARKED:
            _check_jpeg_ends(page)


def _check_places(page: tifffile.TiffPage) -> None:
    """Raise UserError if a strip or a tile has no place, or a place and no length.

    GDAL leaves out empty ones, whose place and length are 0. Both are mostly stored at the end of
    the file, and tifffile takes what zeros have filled up there for empty. It also takes those for
    empty that are not listed at all, as where a header states too many rows.
    """
    num_places, num_parts = len(page.dataoffsets), prod(page.chunked)
    is_whole = page.compression == 1 and sum(page.databytecounts) >= page.nbytes  # in fewer strips
    if num_places < num_parts and not is_whole:
        raise UserError(f"it lists {num_places} of the {num_parts} strips or tiles of its pixels")
    for offset, length in zip(page.dataoffsets, page.databytecounts, strict=True):
        if (offset == 0) != (length == 0):
            raise UserError("where a strip or tile of its pixels lies is missing")


def _check_jpeg_ends(page: tifffile.TiffPage) -> None:
    """Raise UserError if a strip, a tile or the tables that they share have no marker of their end.

    So it is where zeros fill them up, of which the decoder makes some picture without an error, as
    in a JPEG file.
    """
    tables = page.jpegtables
    if tables is not None and not tables.rstrip(b"\0").endswith(JPEG_END):
        raise UserError("the end of the tables of its JPEG pixels is missing")
    file = page.parent.filehandle
    for offset, length in zip(page.dataoffsets, page.databytecounts, strict=True):
        file.seek(offset)
        if length and file.read(length).rfind(JPEG_END) < 0:
            raise UserError("the end of a strip or tile of its pixels is missing")


def _cut_off(num_pages: int) -> UserError:
    return UserError(f"what follows page {num_pages} lies beyond the end of the file")
