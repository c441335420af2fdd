"""How large the tiles of each layer are, and how much memory and disk a translation needs."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pix2pix.models import GeneratorConfig, InferenceNetwork
from pix2pix.models.inference_network import MASK_PART

_FLOAT_BYTES = 4
_ENOUGH_BYTES = 192 * 2**20  # larger tiles are no faster
_LEAST_SIDE = 8  # pixels of the coarser map; the neighbours of a smaller tile are most of its work
_FEW_ROWS = 32  # with fewer rows, a tile does not have the whole width
_MAPS = 1.25  # floats of working memory per input pixel and base channel; measured: 1.1 at 64
_MOVING = 500  # multiplications in the time in which a value is read or written; measured
_CONVERSION_COPIES = 4
_STATISTICS_BYTES = 2**25  # a part of a tile in float64
_MASK_BYTES = 9  # for each value of a mask while it is drawn: float32, int32 and uint8


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """How one layer is executed."""

    tile: tuple[int, int]  # rows and columns of the coarser map
    share: float  # of the time that the network takes


@dataclass(frozen=True, slots=True)
class TilePlan:
    """How an image is translated."""

    layers: Mapping[tuple[int, bool], LayerPlan]  # by level, and whether it is `up` or `down`
    memory_bytes: int  # at most, without the network's weights, the image and the result
    disk_bytes: int


@dataclass(frozen=True, slots=True)
class _Layer:
    """The sizes of one layer; `height` and `width` are those of the coarser map."""

    level: int
    is_up: bool
    in_channels: int
    out_channels: int
    height: int
    width: int

    @property
    def effort(self) -> int:
        """The time that the layer takes, in multiplications."""
        input_pixels, output_pixels = (1, 4) if self.is_up else (4, 1)
        values = input_pixels * self.in_channels + output_pixels * self.out_channels
        multiplications = 16 * self.in_channels * self.out_channels
        return (multiplications + _MOVING * values) * self.height * self.width

    @property
    def output_bytes(self) -> int:
        pixels = (4 if self.is_up else 1) * self.height * self.width
        return _FLOAT_BYTES * self.out_channels * pixels

    @property
    def weight_bytes(self) -> int:
        return _FLOAT_BYTES * 16 * self.in_channels * self.out_channels

    def tile_bytes(self, rows: int, columns: int) -> int:
        """The memory that a tile needs: its input as read and as padded, and its output."""
        if self.is_up:
            needed, computed = (rows + 2) * (columns + 2), 4 * rows * columns
        else:
            needed, computed = (2 * rows + 2) * (2 * columns + 2), rows * columns
        # Source and target are converted from and to the values of files, with more copies.
        in_copies = _CONVERSION_COPIES if self.level == 0 and not self.is_up else 2
        out_copies = _CONVERSION_COPIES if self.level == 0 and self.is_up else 1
        inputs = in_copies * needed * self.in_channels
        return _FLOAT_BYTES * (inputs + out_copies * computed * self.out_channels)

    def tile(self, allowed_bytes: int) -> tuple[int, int]:
        """The largest tile that needs at most `allowed_bytes`, but not below the least tile."""
        columns = self.width
        while columns > _LEAST_SIDE and self._rows(columns, allowed_bytes) < min(
            _FEW_ROWS, self.height
        ):
            columns = max(_LEAST_SIDE, math.ceil(columns / 2))
        rows = max(self._rows(columns, allowed_bytes), min(_LEAST_SIDE, self.height))
        return math.ceil(self.height / math.ceil(self.height / rows)), columns

    def _rows(self, columns: int, allowed_bytes: int) -> int:
        none = self.tile_bytes(0, columns)
        return min(self.height, (allowed_bytes - none) // (self.tile_bytes(1, columns) - none))


def whole_bytes(config: GeneratorConfig, padded_size: tuple[int, int]) -> int:
    """Estimate the working memory for one image of this height and width that is not tiled.

    The outermost level of the U-Net needs the most: its feature maps have a quarter of the image's
    pixels, and the skip connection, the upsampled map and their concatenation exist at the same
    time. `_MAPS` is this amount as measured, rounded up.
    """
    channels = config.source_channels + config.target_channels
    floats = round(_MAPS * config.base_channels) + 4 * channels
    return _FLOAT_BYTES * floats * padded_size[0] * padded_size[1]


def least_bytes(network: InferenceNetwork, size: tuple[int, int]) -> int:
    """The least memory that `make_plan` can keep to."""
    return make_plan(network, size, allowed_bytes=0).memory_bytes


def make_plan(network: InferenceNetwork, size: tuple[int, int], *, allowed_bytes: int) -> TilePlan:
    """Plan the translation of an image of `size` (H, W), multiples of 2**depth.

    `memory_bytes` of the plan is at most `allowed_bytes`, if this is not below `least_bytes`.
    """
    layers = list(_layers(network.config, size))
    # A library may keep the weights of a layer in another order while it is computed.
    fixed = max(layer.weight_bytes for layer in layers) + _STATISTICS_BYTES
    allowed = min(_ENOUGH_BYTES, allowed_bytes - fixed)
    shapes = {layer: layer.tile(allowed) for layer in layers}
    masks = network.mask_shapes(*size).values()
    drawing = max((_MASK_BYTES * min(MASK_PART, math.prod(each)) for each in masks), default=0)
    total = sum(layer.effort for layer in layers)
    return TilePlan(
        layers={
            (layer.level, layer.is_up): LayerPlan(shape, layer.effort / total)
            for layer, shape in shapes.items()
        },
        memory_bytes=max(
            drawing, fixed + max(layer.tile_bytes(*shape) for layer, shape in shapes.items())
        ),
        disk_bytes=_disk_bytes(layers) + sum(map(math.prod, masks)),
    )


def _layers(config: GeneratorConfig, size: tuple[int, int]) -> Iterator[_Layer]:
    """The layers in the order in which they are executed."""
    height, width = size
    for level in range(config.depth):
        channels = config.source_channels if level == 0 else config.width(level - 1)
        coarse = height >> level + 1, width >> level + 1
        yield _Layer(level, False, channels, config.width(level), *coarse)
    for level in reversed(range(config.depth)):
        joined = 1 if level == config.depth - 1 else 2
        out_channels = config.target_channels if level == 0 else config.width(level - 1)
        coarse = height >> level + 1, width >> level + 1
        yield _Layer(level, True, joined * config.width(level), out_channels, *coarse)


def _disk_bytes(layers: list[_Layer]) -> int:
    """The most that lies in files at the same time: maps stay until they were read."""
    downs, ups = layers[: len(layers) // 2], layers[len(layers) // 2 : -1]
    used = most = sum(layer.output_bytes for layer in downs)
    read = [downs[-1].output_bytes]
    for up, skip in zip(ups, reversed(downs[:-1]), strict=True):
        used += up.output_bytes
        most = max(most, used)
        used -= sum(read)
        read = [skip.output_bytes, up.output_bytes]
    return most
