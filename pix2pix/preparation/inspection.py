"""Inspect the pixels of one pair: its offences, and what the checks of the whole set need."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pix2pix.config import SMALLEST_PX, DataConfig, SideConfig, height_width, size_text
from pix2pix.images.decoded import FileFacts
from pix2pix.images.validity import Masked
from pix2pix.memory import no_traceback_of_memory
from pix2pix.preparation.duplicates import thumbnails
from pix2pix.preparation.masks import (
    counted_pixels,
    masked_shares,
    why_nothing_counts,
    with_mean,
)
from pix2pix.preparation.offences import BadPair, Offence, OffenceKind
from pix2pix.preparation.pair_files import PairFiles
from pix2pix.preparation.read_pairs import ReadPair, read_pair
from pix2pix.preparation.values import Values, is_far_outside, measure, num_colours

_MOST_CHANNELS = 4  # of label colours that are counted


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A pair that cannot be read, and why."""

    files: PairFiles
    offences: tuple[Offence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """What was measured on a pair, and its offences.

    Tuples of unnamed length have the order of `DataConfig.roles`: source, target, extra sources.
    """

    files: PairFiles
    offences: tuple[Offence, ...]
    dtypes: tuple[str, ...]
    content_hash: str
    thumbnails: np.ndarray  # (K, 256) float32, see `duplicates`
    masked_shares: tuple[float, ...]  # of the pixels, which have no value
    size: tuple[int, int]  # height and width of the target, px
    source_size: tuple[int, int]
    is_cut: bool  # see `pairs.ReadPair`
    facts: tuple[FileFacts, ...]
    values: tuple[Values, ...]
    # Mean absolute difference of source and target divided by the range of their values, in
    # [0, 1]; None if their shapes or dtypes differ.
    difference: float | None
    num_colours: tuple[int | None, ...]  # of 8-bit labels without ids; None for other images
    copies_of_target: tuple[str, ...]  # names of the extra sources that are equal to the target

    @property
    def file_dtypes(self) -> tuple[str, ...]:
        """The dtypes of the files, of which `dtypes` are those that images have here."""
        return tuple(facts.dtype for facts in self.facts)

    @property
    def is_square(self) -> bool:
        """Whether the images are square, so that preparing does not change their proportions."""
        return self.size[0] == self.size[1]


def inspect_pair(files: PairFiles, *, root: Path, config: DataConfig) -> Inspected | Unreadable:
    """Read a pair and collect its offences. Bad files give offences, not exceptions.

    Raises UserError if the memory is too small: that is no offence of the pair, which must not be
    left out for it.
    """
    with no_traceback_of_memory(f"pair {files.pair_id!r}"):
        return _inspected(files, root, config)


def _inspected(files: PairFiles, root: Path, config: DataConfig) -> Inspected | Unreadable:
    try:
        pair = read_pair(files, config)
    except BadPair as error:
        return Unreadable(files, (files.offence(error, root),))
    nothing = why_nothing_counts(pair, config)
    if nothing is not None:
        return Unreadable(files, _offences(files, [("nothing_counts", nothing)], root))
    values = _values(pair, config)
    wrong = [*_too_small(pair.size, config), *_wrong_sides(pair, values, config)]
    # What a recipe makes of equal photos may differ: the photos alone tell pairs apart.
    telling = pair.images if config.layout != "photos" else (pair.images[photo_role(config)],)
    return Inspected(
        files=files,
        offences=_offences(files, wrong, root),
        dtypes=tuple(image.pixels.dtype.name for image in pair.images),
        content_hash=content_hash(*telling),
        thumbnails=thumbnails([with_mean(*image) for image in telling]),
        masked_shares=masked_shares(pair),
        size=pair.size,
        source_size=pair.source_size,
        is_cut=pair.is_cut,
        facts=pair.facts,
        values=values,
        difference=_difference(*pair.images[:2]),
        num_colours=tuple(
            num_colours(image.pixels) if _has_label_colours(side, image.pixels) else None
            for side, image in zip(config.roles.values(), pair.images, strict=True)
        ),
        copies_of_target=tuple(
            extra.name
            for extra, image in zip(config.extra_sources, pair.images[2:], strict=True)
            if np.array_equal(image.pixels, pair.target)
        ),
    )


def _has_label_colours(side: SideConfig, image: np.ndarray) -> bool:
    is_told_by_colour = side.kind == "labels" and side.num_labels is None
    return is_told_by_colour and image.dtype == np.uint8 and image.shape[2] <= _MOST_CHANNELS


def _offences(
    files: PairFiles, wrong: Sequence[tuple[OffenceKind, str]], root: Path
) -> tuple[Offence, ...]:
    """What is wrong with a pair, with the names of its files."""
    return tuple(Offence(kind, (files.pair_id,), files.names(root), text) for kind, text in wrong)


def content_hash(*images: Masked) -> str:
    """The SHA-256 of shapes, dtypes and pixels of all images, as returned by `read_pair`.

    It covers which pixels have no value, but not what the files hold there.
    """
    digest = hashlib.sha256()
    for image, valid in images:
        digest.update(f"{image.shape} {image.dtype.name} ".encode())
        digest.update(np.ascontiguousarray(image).data)
        if valid is not None:
            digest.update(np.packbits(valid).data)
    return digest.hexdigest()


def _values(pair: ReadPair, config: DataConfig) -> tuple[Values, ...]:
    sides = zip(pair.images, pair.facts, config.roles.values(), strict=True)
    return tuple(
        measure(counted_pixels(*image), declared=side.value_range, has_alpha=facts.has_alpha)
        for image, facts, side in sides
    )


def _difference(source_image: Masked, target_image: Masked) -> float | None:
    source, target = source_image.pixels, target_image.pixels
    if source.shape != target.shape or source.dtype != target.dtype:
        return None
    masks = [valid for _, valid in (source_image, target_image) if valid is not None]
    counts = np.logical_and.reduce(masks) if masks else None
    source, target = counted_pixels(source, counts), counted_pixels(target, counts)
    if not source.size:
        return None
    if np.array_equal(source, target):
        return 0.0
    low = min(float(source.min()), float(target.min()))
    high = max(float(source.max()), float(target.max()))
    flat_source, flat_target = (image.reshape(len(image), -1) for image in (source, target))
    # OpenCV sums in float64, and makes no float copy of the images.
    total: float = cv2.norm(flat_source, flat_target, cv2.NORM_L1)
    return total / source.size / (high - low)


def photo_role(config: DataConfig) -> int:
    """The place of side B among the roles."""
    return list(config.roles).index("B")


def _too_small(size: tuple[int, int], config: DataConfig) -> Iterator[tuple[OffenceKind, str]]:
    """An offence for a height and width in which images can be neither trained with nor scored."""
    height, width = size
    if config.resize == "none":
        if min(size) < SMALLEST_PX:
            reason = f"{width}x{height} px, and no score exists of less than {SMALLEST_PX} px"
            yield "too_small", reason
        return
    needed = height_width(config.image_size)
    if config.resize == "fit":
        needed = (min(needed), min(needed))
    if height < needed[0] or width < needed[1]:
        at_least = size_text(config.image_size)
        yield "too_small", f"{width}x{height} px, smaller than data.image_size ({at_least})"


def _wrong_sides(
    pair: ReadPair, values: tuple[Values, ...], config: DataConfig
) -> Iterator[tuple[OffenceKind, str]]:
    measured = zip(config.roles.items(), pair.images, pair.facts, values, strict=True)
    for (role, side), masked, fact, value in measured:
        name, image = f"side {role}", counted_pixels(*masked)
        if side.num_labels is not None and fact.is_lossy:
            yield "lossy_labels", f"{name} holds class ids in {fact.lossy_kind}"
        if side.value_range is not None:
            yield from _out_of_range(image, side, value, name)


def _out_of_range(
    image: np.ndarray, side: SideConfig, values: Values, name: str
) -> Iterator[tuple[OffenceKind, str]]:
    """Offences for values outside of value_range.

    Values very far outside are reported as "no_data", because they usually mark missing data.
    """
    assert side.value_range is not None
    low, high = side.value_range
    least, most = image.min(), image.max()
    if low <= least and most <= high:
        return
    if values.no_data is None and not is_far_outside(image, side.value_range):
        yield "out_of_range", f"{name} has values {least}..{most} outside {low}..{high}"
        return
    share = np.count_nonzero((image < low) | (image > high)) / image.size
    if values.no_data is not None:
        what = f"{values.no_data:g} in {values.no_data_share:.1%} of the pixels"
        rest = f", all other values are {values.low:g}..{values.high:g}"
    else:
        what, rest = f"{least:g}..{most:g}, {share:.1%} of the values", ""
    yield "no_data", f"{name} has {what} far outside {low:g}..{high:g}{rest}"
