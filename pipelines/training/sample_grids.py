"""Pictures of the fixed dev pairs: sources, generated, target."""

from collections.abc import Sequence

from torch import Tensor

from pix2pix.data.manifest import Manifest
from pix2pix.data.prepared import PreparedSplit
from pix2pix.data.ranges import from_network
from pix2pix.images.grids import as_tile, image_grid, png_bytes
from pix2pix.models import InferenceMode


class SampleGrids:
    """Draws the same dev pairs each time, so that epochs can be compared."""

    def __init__(self, dev: PreparedSplit, indices: list[int], manifest: Manifest) -> None:
        self._manifest = manifest
        self._pairs = [
            ([images[index] for images in dev.sources], dev.target[index]) for index in indices
        ]

    def png(self, fakes: Sequence[Tensor], mode: InferenceMode) -> bytes:
        """Return the grid as PNG data; `fakes` (C, H, W) in [-1, 1] were generated in `mode`."""
        sources, target = self._manifest.sources, self._manifest.target
        generated = [
            from_network(fake[None], value_range=target.value_range, dtype=target.dtype)[0]
            for fake in fakes
        ]
        rows = [
            (
                *(
                    as_tile(image, side.value_range, alpha=side.alpha)
                    for image, side in zip(source_images, sources.values(), strict=True)
                ),
                as_tile(fake, target.value_range, alpha=target.alpha),
                as_tile(target_image, target.value_range, alpha=target.alpha),
            )
            for (source_images, target_image), fake in zip(self._pairs, generated, strict=True)
        ]
        return png_bytes(image_grid(rows, headings=(*sources, f"generated, {mode}", "target")))
