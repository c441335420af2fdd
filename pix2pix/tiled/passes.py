"""The pass of an image through the network, one layer after the other, tile by tile."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pix2pix.models import GeneratorConfig, InferenceNetwork
from pix2pix.models.generator import LEAK, image
from pix2pix.models.inference_network import Block
from pix2pix.tiled.dropout import SpilledMask, spilled_masks
from pix2pix.tiled.feature_map import FeatureMap, Normalization, Readable, padded_window
from pix2pix.tiled.plan import TilePlan
from pix2pix.tiled.spill import SpillFile, check_room
from pix2pix.tiled.statistics import ChannelStatistics
from pix2pix.tiled.tiles import Tile, needed_to_double, needed_to_halve, tiles

WriteTile = Callable[[Tile, Tensor], None]


@torch.inference_mode()
def translate_in_tiles(
    network: InferenceNetwork,
    source: Readable,
    write: WriteTile,
    *,
    seed: int,
    plan: TilePlan,
    folder: Path,
    progress: Callable[[float], None],
) -> None:
    """Give each tile (H, W, C') of the translated image, in [-1, 1], to `write`.

    The values are those of `pix2pix.models.translate`, but for rounding. `source` has height and
    width that are multiples of 2**depth. `progress` is called with the finished share of the work.

    Raises UserError if `folder` has not enough room for the temporary files, StorageError if one of
    them cannot be written.
    """
    config = network.config
    check_room(folder, plan.disk_bytes)
    shapes = network.mask_shapes(*source.shape[:2])
    with ExitStack() as files:
        masks = spilled_masks(folder, shapes, seed=seed, rate=config.dropout, files=files)
        layers = _Layers(plan, folder, network.device, files, progress)
        skips: list[FeatureMap] = []
        for level, down in enumerate(_blocks(network.down)):
            skips.append(layers.hidden(down, level, skips[-1:] or [source]))
        inputs = [skips.pop()]
        outermost, *others = _blocks(network.up)
        for level, up in reversed(list(enumerate(others, start=1))):
            x = layers.hidden(up, level, inputs, mask=masks.get(level))
            for each in inputs:
                each.close()
            inputs = [skips.pop(), x]
        for tile, values in layers.convolved(outermost, 0, inputs):
            write(tile, _image(values, source.read(tile), config))


def _image(values: Tensor, source: Tensor, config: GeneratorConfig) -> Tensor:
    """A tile (H, W, C) of the image, from those of the last layer's output and of the source."""
    batch, sources = (each.permute(2, 0, 1).unsqueeze(0) for each in (values, source))
    return image(batch, sources, config)[0].permute(1, 2, 0)


def _blocks(modules: nn.ModuleList) -> list[Block]:
    return [cast(Block, module) for module in modules]


@dataclass
class _Layers:
    """Executes layers, and counts what is done."""

    plan: TilePlan
    folder: Path
    device: torch.device
    files: ExitStack
    progress: Callable[[float], None]
    done: float = 0.0

    def hidden(
        self,
        block: Block,
        level: int,
        inputs: Sequence[Readable],
        mask: SpilledMask | None = None,
    ) -> FeatureMap:
        """Write the output of a layer to a file; its norm needs the statistics of all tiles."""
        height, width, _ = inputs[0].shape
        size = (2 * height, 2 * width) if block.is_up else (height // 2, width // 2)
        file = self.files.enter_context(SpillFile(self.folder))
        output = FeatureMap(file, (*size, block.out_channels), self.device)
        statistics = ChannelStatistics(block.out_channels, self.device)
        for tile, values in self.convolved(block, level, inputs):
            output.write(tile, values)
            if block.eps is not None:
                statistics.add(values)
        if block.eps is not None:
            output.normalization = _normalization(block, statistics, block.eps)
        output.mask = mask
        return output

    def convolved(
        self, block: Block, level: int, inputs: Sequence[Readable]
    ) -> Iterator[tuple[Tile, Tensor]]:
        """The tiles of a layer's convolution, each (H, W, C), with their places in the output."""
        height, width, _ = inputs[0].shape
        coarse = (height, width) if block.is_up else (height // 2, width // 2)
        layer = self.plan.layers[level, block.is_up]
        for tile in tiles(*coarse, layer.tile):
            needed = needed_to_double(tile) if block.is_up else needed_to_halve(tile)
            x = padded_window(inputs, needed)
            if block.is_up:
                F.relu_(x)
            elif level > 0:
                F.leaky_relu_(x, LEAK)
            # Padding of a transposed convolution cuts off what the other tiles compute.
            output = block.convolve(x, padding=3 if block.is_up else 0)
            del x
            yield (tile.doubled() if block.is_up else tile), output[0].permute(1, 2, 0)
            self.done += layer.share * tile.height * tile.width / (coarse[0] * coarse[1])
            self.progress(min(1.0, self.done))


def _normalization(block: Block, statistics: ChannelStatistics, eps: float) -> Normalization:
    factor = (statistics.variance + eps).rsqrt()
    if block.scale is not None:
        factor = factor * block.scale.double()
    shift = torch.zeros_like(factor) if block.shift is None else block.shift
    return Normalization(statistics.mean.float(), factor.float(), shift.float())
