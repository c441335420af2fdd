"""Which pairs there are, how they are read, prepared, and changed at random in training."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Annotated, Literal

from pydantic import Field

from pix2pix.config.strict import STRICT, Probability

# A U-Net halves the image once per level; fewer than five levels see too little context, and the
# published layouts stop at eight.
SIZE_MULTIPLE_PX = 32

# What stages replace, relative to the folder that holds params.yaml.
_OUTPUT_DIRS = ("data/raw", "data/prepared", "models", "reports")

Direction = Literal["AtoB", "BtoA"]
Kind = Literal["image", "labels"]
Kernel = Literal["area", "bilinear", "bicubic"]
AnyKernel = Kernel | Literal["nearest"]  # the last for labels, which are never mixed
ScaleRule = Literal["stretch"]  # how files come to the size of the networks: `images.scale`
ArchiveName = Literal["facades", "maps", "cityscapes", "edges2shoes", "edges2handbags", "night2day"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SideConfig:
    """What the images of one side (A or B) of the pairs are."""

    __pydantic_config__ = STRICT

    kind: Annotated[Kind, Field(description="image, or labels (never interpolated between values)")]
    channels: Annotated[int, Field(ge=1, le=64, description="channels after reading")]
    grayscale: Annotated[
        bool, Field(description="convert colour files to one channel (Rec. 601 luma)")
    ]
    num_labels: Annotated[
        int | None,
        Field(ge=2, description="class ids are 0..num_labels-1; null for colour-coded labels"),
    ]
    void_label: Annotated[
        int | None,
        Field(
            ge=1,
            le=65535,
            description="the id of pixels without a class, often 255; the networks see it as one "
            "more class after the last one; null: there are none",
        ),
    ]
    value_range: Annotated[
        tuple[float, float] | None,
        Field(description="raw values mapped to -1 and 1; null: the whole range of the integers"),
    ]

    def __post_init__(self) -> None:
        if self.grayscale and self.channels != 1:
            raise ValueError(f"grayscale: true needs channels: 1, got {self.channels}")
        if self.num_labels is not None and (self.kind != "labels" or self.channels != 1):
            raise ValueError("num_labels needs kind: labels and channels: 1")
        if self.void_label is not None and self.num_labels is None:
            raise ValueError("void_label needs num_labels: the number of classes, void not counted")
        if self.void_label is not None and self.void_label < (self.num_labels or 0):
            raise ValueError(
                f"void_label ({self.void_label}) is one of the class ids 0..num_labels-1; "
                f"num_labels is {self.num_labels}, void not counted"
            )
        if self.num_labels is not None and self.value_range is not None:
            raise ValueError("num_labels fixes the range; set value_range: null")
        if self.value_range is not None and self.value_range[0] >= self.value_range[1]:
            raise ValueError(f"value_range must be [low, high] with low < high: {self.value_range}")


@dataclass(frozen=True, kw_only=True, slots=True)
class SyntheticConfig:
    """The drawn data set (`source: synthetic`)."""

    __pydantic_config__ = STRICT

    num_train: Annotated[int, Field(ge=2, description="pairs in data/raw/train")]
    num_test: Annotated[int, Field(ge=1, description="pairs in data/raw/test")]
    size_px: Annotated[int, Field(ge=32, le=1024, description="side of each drawn image")]
    seed: Annotated[int, Field(ge=0, description="the same seed draws the same pixels")]


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveConfig:
    """The published data sets (`source: archive`)."""

    __pydantic_config__ = STRICT

    dataset: Annotated[ArchiveName, Field(description="which of the authors' archives")]
    base_url: Annotated[
        str,
        Field(
            pattern=r"^https?://[!-?A-~]+$",
            description="web address, without a login, of the folder that holds <dataset>.tar.gz",
        ),
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """Which pairs, how they are split, checked and resized (stages ingest and prepare)."""

    __pydantic_config__ = STRICT

    name: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="names the registered model"),
    ]
    source: Annotated[
        Literal["synthetic", "folder", "archive"],
        Field(description="drawn here, a folder of yours, or a published archive"),
    ]
    path: Annotated[
        str, Field(min_length=1, description="folder of the pairs; data/raw unless source: folder")
    ]
    layout: Annotated[
        Literal["side_by_side", "two_folders"],
        Field(description="one file A|B per pair, or two folders paired by file stem"),
    ]
    folder_a: Annotated[str, Field(min_length=1, description="folder of side A (two_folders)")]
    folder_b: Annotated[str, Field(min_length=1, description="folder of side B (two_folders)")]
    direction: Annotated[Direction, Field(description="which side is the source")]
    side_a: SideConfig
    side_b: SideConfig
    image_size: Annotated[
        int,
        Field(
            ge=SIZE_MULTIPLE_PX,
            le=4096,
            multiple_of=SIZE_MULTIPLE_PX,
            description="side of the square the networks see, px",
        ),
    ]
    load_size: Annotated[
        int, Field(ge=1, le=8192, description="side training pairs are stored at; cropped later")
    ]
    resize_kernel: Annotated[Kernel, Field(description="for images; labels are always nearest")]
    dev_fraction: Annotated[
        float, Field(gt=0, lt=1, description="share of train carved off as dev")
    ]
    test_fraction: Annotated[
        float, Field(gt=0, lt=1, description="share held out where no test folder exists")
    ]
    split_seed: Annotated[int, Field(ge=0, description="seed of the carving")]
    group: Annotated[
        str | None,
        Field(
            min_length=1,
            description="pairs that share a split: regular expression with one group in "
            "parentheses, searched for in each pair's id (its path without suffix); null: none",
        ),
    ]
    on_bad_pair: Annotated[
        Literal["fail", "exclude"], Field(description="stop with a report, or leave the pair out")
    ]
    near_duplicate_bits: Annotated[
        int,
        Field(
            ge=-1,
            le=64,
            description="thumbnail distance of near duplicates, 256ths of a half turn; -1: off",
        ),
    ]
    synthetic: SyntheticConfig
    archive: ArchiveConfig

    def __post_init__(self) -> None:
        if self.load_size < self.image_size:
            raise ValueError(
                f"load_size ({self.load_size}) is smaller than image_size ({self.image_size}), "
                "so no crop of that size exists"
            )
        if self.group is not None:
            _check_has_one_group(self.group)
        if self.source != "folder" and self.path != "data/raw":
            raise ValueError(f"path must be data/raw for source: {self.source}, got {self.path!r}")
        _check_inside("folder_a", self.folder_a)
        _check_inside("folder_b", self.folder_b)
        if self.source == "folder":
            _check_not_an_output(Path(self.path))
        if self.source != "folder" and self.layout != "side_by_side":
            raise ValueError(f"source: {self.source} is stored side by side, got {self.layout}")

    @property
    def source_side(self) -> SideConfig:
        """The side that conditions the generator."""
        return self.side_a if self.direction == "AtoB" else self.side_b

    @property
    def target_side(self) -> SideConfig:
        """The side that the generator is to draw."""
        return self.side_b if self.direction == "AtoB" else self.side_a


def _check_has_one_group(pattern: str) -> None:
    try:
        num_groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"group: {pattern!r} is no regular expression: {error}") from None
    if num_groups != 1:
        raise ValueError(
            f"group: {pattern!r} has {num_groups} groups in parentheses and needs one, as in "
            "(clip\\d+)_; parentheses that only hold together are written (?:...)"
        )


def _check_inside(key: str, folder: str) -> None:
    """DVC watches `path`: a side that lies elsewhere could change without anybody's notice."""
    parts = PurePath(folder).parts
    if not parts or PurePath(folder).is_absolute() or ".." in parts or not folder.isprintable():
        raise ValueError(
            f"{key}: {folder!r} must be a folder inside of path, such as A or images/A"
        )


def _check_not_an_output(path: Path) -> None:
    """DVC removes the outputs of a stage before it runs: the user's pairs must not lie in one."""
    own = path.resolve()
    for name in _OUTPUT_DIRS:
        output = Path(name).resolve()
        if own == output or own in output.parents or output in own.parents:
            raise ValueError(
                f"path: {path} overlaps {name}, which the pipeline replaces; keep your pairs in a "
                "folder of their own, such as data/mine"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentConfig:
    """Random changes of training pairs (stage train). Zero switches a change off."""

    __pydantic_config__ = STRICT

    horizontal_flip: Annotated[Probability, Field(description="probability of mirroring")]
    vertical_flip: Annotated[Probability, Field(description="probability of turning upside down")]
    rotate_90: Annotated[Probability, Field(description="probability of 0-3 quarter turns")]
    rotate_deg: Annotated[
        float, Field(ge=0, le=180, description="largest free rotation, either way, degrees")
    ]
    scale: Annotated[float, Field(ge=0, lt=1, description="zoom drawn from [1 - scale, 1 + scale]")]
    brightness: Annotated[float, Field(ge=0, le=1, description="largest shift, share of range")]
    contrast: Annotated[float, Field(ge=0, le=1, description="largest relative change")]
    noise: Annotated[
        float, Field(ge=0, le=0.5, description="largest standard deviation, share of range")
    ]
    blur_px: Annotated[float, Field(ge=0, le=10, description="largest Gaussian sigma, px")]
    photometric_on: Annotated[
        Literal["source", "both"],
        Field(description="which images brightness, contrast, noise and blur may change"),
    ]
