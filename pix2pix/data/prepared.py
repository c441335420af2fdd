"""Read the prepared data, which the package `preparation` has written.

prepared_dir holds manifest.json and, for each split, source.npy and target.npy, and source_NAME.npy
for each of the manifest's extra_sources. Class ids are stored as ids. With the rule
`stretch` they are (N, H, W, C): the train split is stored at `load_size`, from which training
crops, dev and test at `image_size`. With `fit` and `none` images have unlike sizes: the arrays are
flat, and shapes.npy holds the height and width of each pair. Where a side declares pixels without a
value, mask.npy says which pixels count, see `masks`. All arrays are opened as memory maps,
so the data may be larger than the memory.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pix2pix.config import height_width
from pix2pix.data.arrays import Layout, open_array
from pix2pix.data.flat_images import FlatImages, FlatLayout
from pix2pix.data.input_statistics import InputStatistics, calibrate
from pix2pix.data.manifest import Manifest, SideRecord, load_manifest
from pix2pix.data.masks import MASK_DTYPE
from pix2pix.data.palette import label_colours
from pix2pix.data.splits import Split

_SHAPES_NAME = "shapes.npy"
_GROUP_PIXELS = 8 * 256**2  # larger batches of images need more memory and are no faster


@dataclass(frozen=True, slots=True)
class PreparedSplit:
    """A split: read-only images, of which item i, (H, W, C), is of the pair pair_ids[i].

    Items of `mask` are (H, W, 1), see `data.masks`; it is None if every pixel of every pair counts.
    """

    source: np.ndarray | FlatImages
    target: np.ndarray | FlatImages
    pair_ids: tuple[str, ...]
    mask: np.ndarray | FlatImages | None = None
    extra_sources: tuple[np.ndarray | FlatImages, ...] = ()

    @property
    def sources(self) -> tuple[np.ndarray | FlatImages, ...]:
        """The images of each source, in the order of the manifest."""
        return (self.source, *self.extra_sources)

    def __len__(self) -> int:
        return len(self.pair_ids)

    def groups(self, positions: Sequence[int], max_size: int) -> Iterator[list[int]]:
        """Divide positions, in their order, into groups of images of one size to be stacked.

        Images of unlike sizes may be large: a group of several has at most `_GROUP_PIXELS`.
        """
        group: list[int] = []
        for position in positions:
            if group and (
                len(group) == min(max_size, self._room(position))
                or not self._alike(group[0], position)
            ):
                yield group
                group = []
            group.append(int(position))
        if group:
            yield group

    def _room(self, position: int) -> float:
        """The largest number of images of this size in a group."""
        if not isinstance(self.source, FlatImages):
            return math.inf
        height, width, _ = self.source[position].shape
        return max(1, _GROUP_PIXELS // int(height * width))

    def _alike(self, position: int, other: int) -> bool:
        return bool(self.source[position].shape == self.source[other].shape)


def stacked(images: np.ndarray | FlatImages, positions: Sequence[int]) -> np.ndarray:
    """The images at positions of one group, (N, H, W, C)."""
    return np.stack([np.asarray(images[position]) for position in positions])


def open_split(prepared_dir: Path, split: Split) -> PreparedSplit:
    """Open the arrays of a split as read-only memory maps.

    Raises UserError if the manifest or an array is missing, damaged, or does not fit the other.
    """
    manifest = load_manifest(prepared_dir)
    pair_ids, shapes = manifest.splits[split].pair_ids, None
    if manifest.resize != "stretch":
        shapes = np.asarray(open_array(*shapes_file(prepared_dir, split, len(pair_ids))))
    source, target, *others = (
        layout.images(open_array(path, layout))
        for path, layout in layouts(prepared_dir, split, manifest, shapes)
    )
    mask = others.pop(0) if manifest.is_masked else None
    return PreparedSplit(source, target, pair_ids, mask, tuple(others))


def source_statistics(prepared_dir: Path, source: SideRecord) -> InputStatistics:
    """What the sources of the train split look like, calibrated on those of the dev split."""
    train, dev = (open_split(prepared_dir, split).source for split in ("train", "dev"))
    is_colours = source.kind == "labels" and source.num_labels is None
    return calibrate(
        train,
        (dev[index] for index in range(len(dev))),
        value_range=source.value_range,
        palette=label_colours(train) if is_colours else None,
    )


def layouts(
    directory: Path, split: Split, manifest: Manifest, shapes: np.ndarray | None
) -> list[tuple[Path, Layout | FlatLayout]]:
    """The path and the layout of each array of a split.

    `shapes` (N, 2) are the heights and widths of its images, None with the rule `stretch`.
    """
    sides = (("source", manifest.source), ("target", manifest.target))
    roles = [(role, side.channels, side.dtype) for role, side in sides]
    roles += [("mask", 1, MASK_DTYPE)] if manifest.is_masked else []
    for each in manifest.extra_sources:
        roles.append((f"source_{each.name}", each.side.channels, each.side.dtype))
    record = manifest.splits[split]

    def layout(channels: int, dtype: str) -> Layout | FlatLayout:
        if shapes is not None:
            return FlatLayout(shapes, channels, dtype)
        assert record.size_px is not None
        return Layout((len(record.pair_ids), *height_width(record.size_px), channels), dtype)

    return [
        (directory / split / f"{role}.npy", layout(channels, dtype))
        for role, channels, dtype in roles
    ]


def shapes_file(directory: Path, split: Split, num_pairs: int) -> tuple[Path, Layout]:
    """The path and the layout of the heights and widths of a split."""
    return directory / split / _SHAPES_NAME, Layout((num_pairs, 2), "int64")
