"""The network that is exported: an inference network for images of any size, padding included."""

# N batch, C channels, H, W pixels; float32 in [-1, 1] at both ends.

from collections.abc import Sequence

import torch
import torch.fx.experimental._config as symbolic_shapes
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from pix2pix.models import InferenceNetwork
from pix2pix.models.padding import reflect_to_multiple

SOURCE, FAKE = "source", "fake"  # the names of input and output


class PortableNetwork(nn.Module):
    """Maps (N, C, H, W) to (N, C', H, W) for any N, H and W, and pads images as `translate` does.

    `masks` has a factor (C, h, w) for each dropout level, see `InferenceNetwork.mask_shapes`, the
    same for all images of the batch. A mask may be larger than the image needs; its upper left part
    is used then.
    """

    def __init__(self, network: InferenceNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, source: Tensor, masks: Sequence[Tensor] = ()) -> Tensor:
        """Translate a batch."""
        height, width = source.shape[-2:]
        padded = reflect_to_multiple(source, self.network.config.multiple_px)
        shapes = self.network.mask_shapes(*padded.shape[-2:]).values()
        cut = [_upper_left(mask, *shape[1:]) for mask, shape in zip(masks, shapes, strict=True)]
        fake: Tensor = self.network(padded, cut)
        return fake[..., :height, :width]


def mask_names(network: InferenceNetwork) -> dict[str, int]:
    """The level of each dropout mask by the name of the input, in the order of the inputs."""
    multiple = network.config.multiple_px
    return {f"mask_{level}": level for level in network.mask_shapes(multiple, multiple)}


def exported_program(network: InferenceNetwork) -> ExportedProgram:
    """Return the portable network as a torch.export program for any N, H and W of at least 1."""
    multiple = network.config.multiple_px
    # Unlike lengths, so that none is taken for another one.
    height, width = 2 * multiple + 1, 4 * multiple
    source = torch.zeros(2, network.config.source_channels, height, width)
    masks = [torch.ones(shape) for shape in network.mask_shapes(3 * multiple, width).values()]
    free = (
        {0: Dim("batch", min=1), 2: Dim("height", min=1), 3: Dim("width", min=1)},
        [{1: Dim.DYNAMIC, 2: Dim.DYNAMIC} for _ in masks],
    )
    # Otherwise, torch would give lengths of 1 a program of their own, and would refuse here all
    # images that the innermost level has as one pixel.
    sizes_of_one_are_sizes = symbolic_shapes.patch(backed_size_oblivious=True)  # type: ignore[attr-defined]
    with sizes_of_one_are_sizes, torch.no_grad():
        program = torch.export.export(
            PortableNetwork(network), (source, masks), dynamic_shapes=free, strict=False
        )
    for node in program.graph.nodes:  # it would name folders of this machine in the files
        node.meta.pop("stack_trace", None)
    return program


def _upper_left(mask: Tensor, height: int, width: int) -> Tensor:
    """The part of (C, H, W). Slices would make torch.export compare H and W with the source's."""
    return mask.index_select(1, torch.arange(height)).index_select(2, torch.arange(width))
