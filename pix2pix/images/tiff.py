"""Decode the bytes of a TIFF file: any number of channels, integers or floats."""

import io
from typing import IO, NamedTuple

import numpy as np
import tifffile

from pix2pix.errors import UserError
from pix2pix.images.alpha import unpremultiplied
from pix2pix.images.colour_profile import ICC_TAG, profile_name
from pix2pix.images.decoded import (
    DAMAGED,
    Decoded,
    FileFacts,
    Scaling,
    damaged,
    from_bits,
)
from pix2pix.images.georeference import NODATA_TAG, stated_affine
from pix2pix.images.options import ReadOptions, VolumeSlice
from pix2pix.images.orientation import ORIENTATION_TAG, UPRIGHT, orientation, upright
from pix2pix.images.palettes import IdColours, id_colours
from pix2pix.images.tiff_codecs import lossy_codec
from pix2pix.images.tiff_colours import (
    check_colours,
    highest_value,
    palette_colours,
    spread,
    stored_palette,
)
from pix2pix.images.tiff_masks import mask_of_slice, mask_pages, valid_pixels, without_masks
from pix2pix.images.tiff_pages import check_page_chain, check_pages, check_series, open_tiff
from pix2pix.images.tiff_scaling import check_unscaled, gdal_metadata, stated_scaling

TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_ALPHA = (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA)


class _Stored(NamedTuple):
    """The values of an image or of a slice as they are stored, and what describes them.

    `page` is the first of the pages that were read.
    """

    values: np.ndarray
    axes: str
    page: tifffile.TiffPage
    num_images: int
    num_pages: int
    metadata: tuple[str, ...]  # of GDAL, for each page that was read
    has_mask: bool
    valid: np.ndarray | None  # by the mask, see `decode_tiff`


def decode_tiff(data: bytes, options: ReadOptions) -> Decoded:
    """Decode a TIFF file, or one slice of its pages, as `decode.decode_file` does.

    Several pages of one size become the channels of one image. Reduced copies of the image, as
    geographic files have them, are left out. Masks are only read with `options.nodata` "file".
    Raises UserError.
    """
    try:
        with open_tiff(io.BytesIO(data)) as file:
            check_page_chain(io.BytesIO(data))
            stored = _read(file, options, len(data))
            turn = orientation(_tag_value(stored.page, ORIENTATION_TAG))
            profile = profile_name(_tag_value(stored.page, ICC_TAG))
    except DAMAGED as error:
        raise damaged(error) from None
    if stored.num_images != 1:
        raise UserError(
            f"holds {stored.num_images} images of unlike sizes, dtypes or channels; store one per "
            "file"
        )
    scaling = stated_scaling(stored.metadata, stored.page.samplesperpixel)
    highest = None if options.label_ids or scaling is not None else highest_value(stored.page)
    pixels, has_alpha = _colours(stored, highest, scaling, label_ids=options.label_ids)
    codec = lossy_codec(stored.page)
    nodata = _stated_nodata(stored.page) if options.nodata == "file" else None
    facts = FileFacts(
        file_format="TIFF",
        orientation=turn,
        has_alpha=has_alpha,
        is_lossy=codec is not None,
        lossy_codec=codec,
        num_pages=stored.num_pages,
        nodata=nodata if nodata is None or highest is None else nodata * 255 / highest,
        affine=stated_affine(stored.page) if turn == UPRIGHT else None,
        has_mask=stored.has_mask,
        scaling=scaling,
        colour_profile=profile,
        id_colours=_id_colours(pixels, stored.page) if options.label_ids else (),
    )
    valid = None if stored.valid is None else upright(stored.valid, turn)
    return Decoded(upright(from_bits(pixels, label_ids=options.label_ids), turn), facts, valid)


def _id_colours(ids: np.ndarray, page: tifffile.TiffPage) -> IdColours:
    if page.photometric != tifffile.PHOTOMETRIC.PALETTE or ids.dtype.kind != "u":
        return ()
    return id_colours(ids, stored_palette(page))


def _tag_value(page: tifffile.TiffPage, code: int) -> object:
    tag = page.tags.get(code)
    return None if tag is None else tag.value


def _colours(
    stored: _Stored, highest: int | None, scaling: Scaling | None, *, label_ids: bool
) -> tuple[np.ndarray, bool]:
    """The pixels (H, W, C) with the colours that they mean, and whether the last is opacity.

    `highest` is the value of few bits that means 255, see `tiff_colours.highest_value`.
    """
    pixels = _channels_last(stored.values, stored.axes)
    if highest is not None:
        pixels = spread(pixels, highest)
    if pixels.dtype == np.bool_ and stored.page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        pixels = ~pixels  # 0 is black here, as in PNG files of one bit
    extra = stored.page.extrasamples
    has_alpha = bool(extra) and extra[-1] in _ALPHA and pixels.shape[-1] in (2, 4)
    if has_alpha and extra[-1] == tifffile.EXTRASAMPLE.ASSOCALPHA:
        pixels = unpremultiplied(pixels)
    has_palette = stored.page.photometric == tifffile.PHOTOMETRIC.PALETTE
    if has_palette:  # indices of one bit are numbers, too
        pixels = from_bits(pixels, label_ids=True)
    if label_ids or has_alpha or has_palette or pixels.dtype == np.bool_:
        check_unscaled(scaling)
    if has_palette and not label_ids:
        pixels = palette_colours(pixels, stored.page)
    return pixels, has_alpha


def _stated_nodata(page: tifffile.TiffPage) -> float | None:
    """The number, possibly NaN, in the tag with which GDAL marks pixels that were not measured."""
    stated = _tag_value(page, NODATA_TAG)
    if stated is None:
        return None
    try:
        return float(str(stated).strip(" \0"))
    except ValueError:
        raise UserError(
            f"states the nodata value {stated!r}, which is no number; correct tag {NODATA_TAG}"
        ) from None


def _read(file: tifffile.TiffFile, options: ReadOptions, num_bytes: int) -> _Stored:
    # Pages are counted before `file.series` iterates over them. In a damaged file a page can point
    # back to an earlier one, and the iteration would then never end.
    num_pages, chosen = len(file.pages), options.volume_slice
    if chosen is None:
        check_pages([file.pages[index].aspage() for index in range(num_pages)], num_bytes)
    with_masks = _series(file)
    series = without_masks(with_masks)
    check_series(file, series[0])
    if not options.label_ids:  # class ids have no colours
        check_colours(file.pages.first)
    if chosen is None:
        values, axes, pages = series[0].asarray(), series[0].axes, _pages(series[0])
    else:
        values, axes, pages = _slice(series[0], chosen, num_bytes)
    masks = mask_pages(with_masks, pages[0])
    used = masks if options.nodata == "file" else []
    if chosen is not None:
        used = mask_of_slice(used, chosen.index, len(series[0].pages))
        check_pages([*pages, *used], num_bytes)
    return _Stored(
        values,
        axes,
        pages[0],
        num_images=len(series),
        num_pages=len(series[0].pages) if chosen is None else 1,
        metadata=tuple(gdal_metadata(page) for page in pages),
        has_mask=bool(masks),
        valid=valid_pixels(used),
    )


def _pages(series: tifffile.TiffPageSeries) -> list[tifffile.TiffPage]:
    return [page.aspage() for page in series.pages if page is not None]


def tiff_length(file: IO[bytes]) -> int | None:
    """The number of slices of a stack of pages, None for a file of one image."""
    try:
        check_page_chain(file)
        with open_tiff(file) as opened:
            len(opened.pages)  # this finds pages that point back to earlier ones
            series = without_masks(_series(opened))[0]
            check_series(opened, series)
            place = _stack_axis(series.axes)
            return None if place is None else int(series.shape[place])
    except DAMAGED as error:
        raise damaged(error) from None


def _series(file: tifffile.TiffFile) -> list[tifffile.TiffPageSeries]:
    """The images of a file, of which each has all pages of its size, dtype and channels.

    tifffile itself takes pages that it wrote in separate calls for separate images.
    """
    if file.pages.first.is_shaped and len(file.series) > 1:
        # A file keeps its series. Another look at it finds them without the marks of these calls.
        file = tifffile.TiffFile(file.filehandle)
        file.is_shaped = False  # type: ignore[attr-defined]  # it is set from a list of names
    return file.series


def _stack_axis(axes: str) -> int | None:
    """The place of the axis of slices among the axes of a series; None if there is none."""
    others = [axis for axis in axes if axis not in "YXS"]
    if not others:
        return None
    return axes.index("Z" if "Z" in others else others[0])


def _slice(
    series: tifffile.TiffPageSeries, chosen: VolumeSlice, num_bytes: int
) -> tuple[np.ndarray, str, list[tifffile.TiffPage]]:
    """The pixels of one slice, the names of their axes, and the pages that were read."""
    place = _stack_axis(series.axes)
    if place is None or not chosen.index < series.shape[place]:
        raise UserError(f"it has no slice {chosen}")
    if len(series.pages) == series.shape[place]:  # reading one page takes the least memory
        frame = series.pages[chosen.index]
        if frame is None:
            raise UserError(f"slice {chosen} is missing")
        page = frame.aspage()
        check_pages([page], num_bytes)
        return page.asarray(), page.axes, [page]
    pages = _pages(series)
    check_pages(pages, num_bytes)
    axes = series.axes[:place] + series.axes[place + 1 :]
    return series.asarray().take(chosen.index, axis=place), axes, pages


def _channels_last(pixels: np.ndarray, axes: str) -> np.ndarray:
    if pixels.ndim != len(axes):
        raise damaged(UserError(f"its values have the shape {pixels.shape}"))
    others = [index for index, axis in enumerate(axes) if axis not in "YX"]
    if "Y" not in axes or "X" not in axes or len(others) > 1:
        raise UserError(f"has axes {axes}; store height, width and channels only")
    order = [axes.index("Y"), axes.index("X"), *others]
    pixels = pixels.transpose(order)
    return pixels if others else pixels[..., None]
