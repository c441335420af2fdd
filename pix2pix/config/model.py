"""Parameters of the networks."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from pix2pix.config.sizes import Size, height_width
from pix2pix.config.strict import STRICT

DropoutLayout = Literal["pytorch", "torch"]
Upsample = Literal["transposed", "resize"]

MAX_DEPTH = 8  # levels of the published U-Net: 256 px down to one


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """The two networks (Isola et al. 2017, sec. 6.1)."""

    __pydantic_config__ = STRICT

    base_channels: Annotated[int, Field(ge=1, le=512)]
    """Number of channels of the generator's first level, from 1 to 512; inner levels have up to 8
    times as many. Published networks have 64. Fewer channels are faster and need less memory."""

    depth: Annotated[int | None, Field(ge=2, le=12)]
    """Number of times that the generator halves the image, from 2 to 12. Null: as often as the
    image size allows, at most 8, as in the published networks."""

    norm: Literal["batch", "instance", "none"]
    """Normalisation in both networks: batch (as published), instance (each image by itself,
    independent of the batch) or none."""

    dropout: Annotated[float, Field(ge=0, lt=1)]
    """Probability, from 0 to below 1, with which dropout sets a value to zero in the inner levels
    of the generator's decoder. It is the generator's only source of noise; 0 switches it off."""

    dropout_layout: DropoutLayout
    """In which decoder levels dropout works, counted from the innermost: pytorch (levels 2 to 4, as
    in the authors' PyTorch code; none with a depth of 5 or less) or torch (levels 1 to 3, as in
    their first code)."""

    residual: bool
    """Whether the generator adds what it computes to the source, in place of drawing the whole
    target. True suits targets that keep most of the source: restored, coloured or enlarged photos.
    Source and target need as many channels, or one of them a single one. Published networks have
    false."""

    upsample: Upsample
    """How the decoder doubles height and width: transposed (transposed convolutions, as published)
    or resize (each pixel is repeated, then comes a convolution 3x3), which leaves no pattern of a
    checkerboard. A parent of train.init_from needs the same value; published weights are
    transposed."""

    discriminator_channels: Annotated[int, Field(ge=1, le=512)]
    """Number of channels of the discriminator's first layer, from 1 to 512. Published networks have
    64."""

    discriminator_layers: Annotated[int, Field(ge=0, le=5)]
    """Number of layers of the discriminator that decides how large the patches are that it looks
    at: 0 to 5 give patches of 1, 16, 34, 70, 142 or 286 pixels. The published networks have 3."""


def why_not_as_target(source_channels: int, target_channels: int) -> str | None:
    """Return why a source cannot stand for a target with these channels; None if it can."""
    if source_channels == target_channels or 1 in (source_channels, target_channels):
        return None
    return f"{source_channels} channels cannot stand for {target_channels}"


def dropout_levels(layout: DropoutLayout, depth: int) -> range:
    """Return the levels of a generator that end in dropout; 0 is the outermost one.

    The published PyTorch code has dropout in the levels between the innermost one and the four
    outer ones (decoder levels 2-4 of eight, counted from the inside). The first release, in Lua,
    has it in the three innermost levels (1-3).
    """
    return range(4, depth - 1) if layout == "pytorch" else range(max(1, depth - 3), depth)


def generator_depth(image_size: Size, depth: int | None) -> int:
    """Return `depth`; if it is None, how often `image_size` (px) can be halved, at most 8."""
    if depth is not None:
        return depth
    common = math.gcd(*height_width(image_size))
    halvings = (common & -common).bit_length() - 1
    return min(halvings, MAX_DEPTH)
