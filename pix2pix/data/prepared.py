"""The prepared data, read in place: memory maps of what `preparation` has written.

prepared_dir/manifest.json and, per split, source.npy and target.npy: (N, H, W, C), memory-mapped
by the reader, so that a set larger than the memory is as good as a small one. train is stored at
`load_size`, to be cropped; dev and test at `image_size`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pix2pix.data.arrays import Layout, open_array
from pix2pix.data.manifest import Manifest, load_manifest
from pix2pix.data.splits import Split


@dataclass(frozen=True, slots=True)
class PreparedSplit:
    """A split: read-only memory maps (N, H, W, C), row i being the pair pair_ids[i]."""

    source: np.ndarray
    target: np.ndarray
    pair_ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pair_ids)


def open_split(prepared_dir: Path, split: Split) -> PreparedSplit:
    """Map the arrays of a split, read-only.

    Raises UserError if the manifest or an array is missing, ValueError if an array is not
    what the manifest says.
    """
    manifest = load_manifest(prepared_dir)
    source, target = (
        open_array(path, layout) for path, layout in layouts(prepared_dir, split, manifest)
    )
    return PreparedSplit(source, target, manifest.splits[split].pair_ids)


def layouts(directory: Path, split: Split, manifest: Manifest) -> list[tuple[Path, Layout]]:
    """Files and shapes of the arrays of a split: source, target."""
    record = manifest.splits[split]
    square = (len(record.pair_ids), record.size_px, record.size_px)
    return [
        (directory / split / f"{role}.npy", Layout((*square, side.channels), side.dtype))
        for role, side in (("source", manifest.source), ("target", manifest.target))
    ]
