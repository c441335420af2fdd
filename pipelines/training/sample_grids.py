"""Pictures of the fixed dev pairs: source, generated, target."""

from collections.abc import Sequence

from torch import Tensor

from pix2pix.data.manifest import Manifest
from pix2pix.data.masks import VALID
from pix2pix.data.prepared import PreparedSplit
from pix2pix.data.ranges import from_network
from pix2pix.images.grids import as_tile, image_grid, png_bytes
from pix2pix.models import InferenceMode


class SampleGrids:
    """Draws the same dev pairs each time, so that epochs can be compared."""

    def __init__(self, dev: PreparedSplit, indices: list[int], manifest: Manifest) -> None:
        self._manifest = manifest
        self._pairs = [(dev.source[index], dev.target[index]) for index in indices]
        masks = [None if dev.mask is None else dev.mask[index] for index in indices]
        self._valid = [None if mask is None else mask[..., 0] == VALID for mask in masks]

    def png(self, fakes: Sequence[Tensor], mode: InferenceMode) -> bytes:
        """Return the grid as PNG data; `fakes` (C, H, W) in [-1, 1] were generated in `mode`."""
        source, target = self._manifest.source, self._manifest.target
        generated = [
            from_network(fake[None], value_range=target.value_range, dtype=target.dtype)[0]
            for fake in fakes
        ]
        rows = [
            (
                as_tile(source_image, source.value_range, alpha=source.alpha, valid=valid),
                as_tile(fake, target.value_range, alpha=target.alpha, valid=valid),
                as_tile(target_image, target.value_range, alpha=target.alpha, valid=valid),
            )
            for (source_image, target_image), fake, valid in zip(
                self._pairs, generated, self._valid, strict=True
            )
        ]
        return png_bytes(image_grid(rows, headings=("source", f"generated, {mode}", "target")))
