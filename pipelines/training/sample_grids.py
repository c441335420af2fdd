"""Pictures of the fixed dev pairs: source, generated, target."""

from torch import Tensor

from pix2pix.data.manifest import Manifest
from pix2pix.data.prepared import PreparedSplit
from pix2pix.data.ranges import from_network
from pix2pix.images.grids import as_rgb8, image_grid, png_bytes
from pix2pix.models import InferenceMode


class SampleGrids:
    """Draws the same dev pairs each time, so that epochs can be compared."""

    def __init__(self, dev: PreparedSplit, indices: list[int], manifest: Manifest) -> None:
        self._manifest = manifest
        self._pairs = [(dev.source[index], dev.target[index]) for index in indices]

    def png(self, fakes: Tensor, mode: InferenceMode) -> bytes:
        """Return the grid as PNG data; `fakes` (N, C, H, W) in [-1, 1] were generated in `mode`."""
        source, target = self._manifest.source, self._manifest.target
        generated = from_network(fakes, value_range=target.value_range, dtype=target.dtype)
        rows = [
            (
                as_rgb8(source_image, source.value_range, alpha=source.alpha),
                as_rgb8(fake, target.value_range, alpha=target.alpha),
                as_rgb8(target_image, target.value_range, alpha=target.alpha),
            )
            for (source_image, target_image), fake in zip(self._pairs, generated, strict=True)
        ]
        return png_bytes(image_grid(rows, headings=("source", f"generated, {mode}", "target")))
