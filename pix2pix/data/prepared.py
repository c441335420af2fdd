"""Read the prepared data, which the package `preparation` has written.

prepared_dir holds manifest.json and, for each split, source.npy and target.npy: (N, H, W, C). The
arrays are opened as memory maps, so the data may be larger than the memory. The train split is
stored at `load_size`, from which training crops; dev and test are stored at `image_size`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pix2pix.config import height_width
from pix2pix.data.arrays import Layout, open_array
from pix2pix.data.manifest import Manifest, load_manifest
from pix2pix.data.splits import Split


@dataclass(frozen=True, slots=True)
class PreparedSplit:
    """A split: read-only memory maps (N, H, W, C); row i is the pair pair_ids[i]."""

    source: np.ndarray
    target: np.ndarray
    pair_ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pair_ids)


def open_split(prepared_dir: Path, split: Split) -> PreparedSplit:
    """Open the arrays of a split as read-only memory maps.

    Raises UserError if the manifest or an array is missing, damaged, or does not fit the other.
    """
    manifest = load_manifest(prepared_dir)
    source, target = (
        open_array(path, layout) for path, layout in layouts(prepared_dir, split, manifest)
    )
    return PreparedSplit(source, target, manifest.splits[split].pair_ids)


def layouts(directory: Path, split: Split, manifest: Manifest) -> list[tuple[Path, Layout]]:
    """The path and the layout of the source array and of the target array of a split."""
    record = manifest.splits[split]
    shape = (len(record.pair_ids), *height_width(record.size_px))
    return [
        (directory / split / f"{role}.npy", Layout((*shape, side.channels), side.dtype))
        for role, side in (("source", manifest.source), ("target", manifest.target))
    ]
