"""The networks."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from pix2pix.config.strict import STRICT

MAX_DEPTH = 8  # levels of the published U-Net: 256 px down to one


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """The two networks (Isola et al. 2017, sec. 6.1)."""

    __pydantic_config__ = STRICT

    base_channels: Annotated[
        int, Field(ge=1, le=512, description="width of the generator's first level")
    ]
    depth: Annotated[
        int | None,
        Field(ge=2, le=12, description="levels of the U-Net; null: as many as the size allows"),
    ]
    norm: Annotated[
        Literal["batch", "instance", "none"], Field(description="normalisation of both networks")
    ]
    dropout: Annotated[float, Field(ge=0, lt=1, description="rate in the inner decoder levels")]
    dropout_layout: Annotated[
        Literal["pytorch", "torch"],
        Field(description="where dropout sits: as in the PyTorch (none at depth 5) or Lua release"),
    ]
    discriminator_channels: Annotated[
        int, Field(ge=1, le=512, description="width of the discriminator's first layer")
    ]
    discriminator_layers: Annotated[
        int, Field(ge=0, le=5, description="0-5: patches of 1, 16, 34, 70, 142, 286 px")
    ]


def generator_depth(image_size: int, depth: int | None) -> int:
    """`depth`, or if None as many halvings as `image_size` (px) allows, at most eight."""
    if depth is not None:
        return depth
    halvings = (image_size & -image_size).bit_length() - 1
    return min(halvings, MAX_DEPTH)
