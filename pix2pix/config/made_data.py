"""Parameters of pairs that are not the user's own: drawn ones, and published data sets."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from pix2pix.config.patterns import WEB_ADDRESS
from pix2pix.config.strict import MAX_COUNT, STRICT, Count, Seed

ArchiveName = Literal["facades", "maps", "cityscapes", "edges2shoes", "edges2handbags", "night2day"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SyntheticConfig:
    """The drawn data set (`source: synthetic`)."""

    __pydantic_config__ = STRICT

    num_train: Annotated[int, Field(ge=2, le=MAX_COUNT)]
    """Number of pairs drawn into data/raw/train, at least 2."""

    num_test: Count
    """Number of pairs drawn into data/raw/test, at least 1."""

    size_px: Annotated[int, Field(ge=32, le=1024)]
    """Width and height of each drawn image in pixels, from 32 to 1024."""

    seed: Seed
    """Seed of the drawing, from 0 to 2^32 - 1: the same seed draws the same pixels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveConfig:
    """The published data sets (`source: archive`)."""

    __pydantic_config__ = STRICT

    dataset: ArchiveName
    """Which data set of the authors of pix2pix is downloaded."""

    base_url: Annotated[str, Field(pattern=WEB_ADDRESS)]
    """Web address of the folder that holds <dataset>.tar.gz, without a login. Change it to download
    from a mirror."""
