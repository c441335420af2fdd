"""Parameters of the random changes of training pairs."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from pix2pix.config.strict import STRICT, Probability


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentConfig:
    """Random changes of training pairs (stage train). Zero switches a change off."""

    __pydantic_config__ = STRICT

    horizontal_flip: Probability
    """Probability, from 0 to 1, that a training pair is mirrored left to right. Set it to 0 where
    left and right differ in meaning, as with text."""

    vertical_flip: Probability
    """Probability, from 0 to 1, that a training pair is turned upside down. Useful for aerial and
    microscope images."""

    rotate_90: Probability
    """Probability, from 0 to 1, that a training pair is turned by a random number of quarter turns,
    from 0 to 3. Useful for aerial and microscope images."""

    rotate_deg: Annotated[float, Field(ge=0, le=180)]
    """Largest random rotation of a training pair in degrees, in both directions, from 0 to 180.
    Corners are filled with the mirrored image."""

    scale: Annotated[float, Field(ge=0, lt=1)]
    """Largest random zoom of a training pair, from 0 to below 1: the factor is drawn between 1 -
    scale and 1 + scale."""

    brightness: Annotated[float, Field(ge=0, le=1)]
    """Largest random shift of the brightness, up or down, as a share of the range of values, from 0
    to 1. Useful where the light changes from image to image."""

    contrast: Annotated[float, Field(ge=0, le=1)]
    """Largest random change of the contrast, up or down, as a share of the contrast, from 0 to
    1."""

    noise: Annotated[float, Field(ge=0, le=0.5)]
    """Largest standard deviation of the random Gaussian noise, as a share of the range of values,
    from 0 to 0.5."""

    blur_px: Annotated[float, Field(ge=0, le=10)]
    """Largest standard deviation of the random Gaussian blur in pixels, from 0 to 10."""

    photometric_on: Literal["source", "both"]
    """Which images brightness, contrast, noise and blur change: source (the model learns to ignore
    these changes) or both (source and target change in the same way). With both, source and target
    get the same noise, pixel by pixel, if they have as many channels, and unlike noise if not: for
    a model that removes noise, choose source. Labels are never changed."""
